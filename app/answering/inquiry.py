"""One question on its way to an answer: what it asks in full, and what is found for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.answering import replies
from app.answering.extractive import Verdict, find_answer
from app.answering.ordering import Similarity
from app.answering.terms import language_of
from app.types import Passage, Refusal, Store

NOTHING = Verdict((), 0.0, 0.0)


@dataclass(slots=True)
class Inquiry:
    """A question with the index as it stood when it was asked."""

    question: str
    full: str
    """The question with what it takes from the conversation put in."""
    store: Store
    retrieve: Callable[[str, int | None], tuple[Passage, ...]]
    """Question, how many passages (None: as many as the settings say) → the best, best first."""
    similarity: Similarity
    document_ids: Sequence[str] | None = None
    passages: int | None = None
    """How many passages the whole question is to list."""
    _ranked: dict[str, tuple[Passage, ...]] = field(default_factory=dict)
    _verdict: Verdict | None = None

    @property
    def language(self) -> str:
        return language_of(self.question)

    @property
    def is_greeting(self) -> bool:
        return replies.is_greeting(self.question)

    def search(self, part: str) -> tuple[Passage, ...]:
        """Return the passages for the question or a part of it, best first; each is searched for once."""
        if part not in self._ranked:
            self._ranked[part] = self.retrieve(part, self.passages if part == self.full else None)
        return self._ranked[part]

    def verdict(self) -> Verdict:
        """Return the sentences that answer by the rules alone."""
        if self.is_greeting:
            return NOTHING
        if self._verdict is None:
            self._verdict = find_answer(self.full, self.search, self.similarity, self.store)
        return self._verdict

    def refusal(self) -> Refusal:
        """Return why nothing is answered; questions are suggested from the documents that came nearest."""
        ranked = self.search(self.full)
        ids = self.document_ids or dict.fromkeys(passage.chunk.document_id for passage in ranked)
        documents = [self.store.documents[document_id] for document_id in ids]
        if self.is_greeting:
            return replies.greeting(documents, self.language)
        return replies.refusal(documents, self.language, replies.is_off_topic(self.full, ranked))
