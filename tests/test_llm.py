"""The LangChain retriever in a real chain."""

from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda

from app.assistant import Assistant
from app.llm import YouJuRetriever

pytestmark = pytest.mark.model


def metadata_of(documents: list[Document]) -> list[dict[str, Any]]:
    return [document.metadata for document in documents]


def test_retrieves_passages_in_a_chain(assistant: Assistant) -> None:
    chain = YouJuRetriever(assistant=assistant, passages=3) | RunnableLambda(metadata_of)
    found = chain.invoke("G60基金多大？")
    assert len(found) == 3
    document = assistant.document(found[0]["document_id"])
    assert "总规模 100 亿元" in document.text[found[0]["start"] : found[0]["end"]]
