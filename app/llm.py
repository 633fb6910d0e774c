"""For LangChain users: YouJu's passages as a retriever. The only importer of langchain."""

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document as LangChainDocument
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from app.assistant import Assistant


class YouJuRetriever(BaseRetriever):
    """Retrieves passages; the metadata of each holds document id, offsets and official reference."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    assistant: Assistant
    passages: int = 10

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[LangChainDocument]:
        """Return the best passages, best first. Raises QuestionError for an empty query."""
        return [
            LangChainDocument(
                id=passage.chunk.id,
                page_content=passage.chunk.text,
                metadata={
                    "document_id": passage.chunk.document_id,
                    "heading": list(passage.chunk.heading),
                    "start": passage.chunk.span.start,
                    "end": passage.chunk.span.end,
                    "score": passage.score,
                },
            )
            for passage in self.assistant.search(query, self.passages)
        ]
