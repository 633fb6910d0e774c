"""Composition root: opens the index and answers. Every interface goes through `Assistant.ask`."""

import time
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice

from app.answering import replies
from app.answering.citations import make_citation
from app.answering.conversation import stand_alone
from app.answering.extractive import Finding, Verdict
from app.answering.generative import compose, full_question
from app.answering.inquiry import NOTHING, Inquiry
from app.answering.terms import language_of, search_words
from app.cache import CachedEncoder, CachedReader
from app.config import Settings
from app.encoders import load_encoder
from app.errors import ModelError, NoQuestionError, NotFoundError, QuestionError
from app.reader import load_reader
from app.retrieval import Retriever
from app.stores import open_store
from app.types import (
    Answer,
    ChatModel,
    Citation,
    Document,
    Encoder,
    Passage,
    Reader,
    Refusal,
    Retrieved,
    Said,
    Sentence,
    Step,
    Store,
    Turn,
    Vectors,
    Writing,
)

HISTORY_TURNS = 6
"""How many earlier turns a follow-up question can lead back through."""
READ_AT_ONCE = 2
"""With more questions under way no passages are read again: that is nine tenths of the work on a question, and a crowd is
better served by the rules alone than by a queue."""


class Assistant:
    """Answers questions from one index. Safe to use from several threads."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        encoder: Encoder,
        model: ChatModel | None = None,
        reader: Reader | None = None,
    ) -> None:
        self.settings = settings
        self.model = model
        self._encoder = CachedEncoder(encoder)
        self._reader = CachedReader(reader) if reader else None
        self._under_way: set[object] = set()
        """The questions that are worked on now, one token each."""
        self._retriever = Retriever(store, self._encoder, settings.dense_weight, self._reader)
        self._seen = store.version

    @classmethod
    def open(cls, settings: Settings) -> "Assistant":
        """Open the built index. Raises IndexProblem, EncoderError or ConfigError; the message says what to do.

        A language model is opened at once only if it answers by default.
        """
        encoder = load_encoder(settings.encoder, threads=settings.threads)
        store = open_store(settings, encoder.name, encoder.fingerprint)
        assistant = cls(settings, store, encoder, _model_of(settings), load_reader(settings.reader, settings.threads))
        # The word lists are read at the first question: let no user wait for them.
        assistant.ask("资金总额是多少？", answerer="extractive")
        return assistant

    def refresh(self) -> bool:
        """Go over to a newer index, if a build has made one; questions under way end with the old one.

        Returns whether it did. Raises IndexProblem if the newer one cannot be opened; the old one goes on answering, and
        the newer one is tried no more.
        """
        newest = self.store.newest_version()
        if newest in ("", self._seen):
            return False
        self._seen = newest
        store = open_store(self.settings, self._encoder.name, self._encoder.fingerprint)
        self._retriever = Retriever(store, self._encoder, self.settings.dense_weight, self._reader)
        return True

    @property
    def answerers(self) -> tuple[str, ...]:
        """Who can answer here."""
        return ("extractive", "llm") if self.model else ("extractive",)

    def check(self) -> None:
        """Raise IndexProblem if the index cannot be read at the moment; the message says what to do."""
        self.store.check()

    @property
    def store(self) -> Store:
        """The index that questions are answered from now."""
        return self._retriever.store

    @property
    def documents(self) -> Mapping[str, Document]:
        """The documents by id, in the order of the corpus; each is read when it is asked for."""
        return self.store.documents

    def first_documents(self, count: int) -> tuple[Document, ...]:
        """Return the first documents of the corpus."""
        return tuple(islice(self.documents.values(), count))

    def document(self, document_id: str) -> Document:
        """Return a document of the index. Raises NotFoundError."""
        return _document(self.store, document_id)

    def search(
        self, query: str, passages: int | None = None, document_ids: Sequence[str] | None = None
    ) -> tuple[Passage, ...]:
        """Return the best passages for a query, best first. Raises QuestionError, NotFoundError."""
        return self._search(self._retriever, query, passages, document_ids)

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        document_ids: Sequence[str] | None = None,
        answerer: str | None = None,
        passages: int | None = None,
    ) -> Answer:
        """Answer a question from the documents, or say that they do not answer it.

        A question longer than the setting max_question_chars is cut there; `Answer.question` is what was read.
        Raises QuestionError if there is no question, NotFoundError if a document id is unknown.
        """
        *_, answer = self.stream(question, history, document_ids, answerer, passages)
        assert isinstance(answer, Answer)
        return answer

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        document_ids: Sequence[str] | None = None,
        answerer: str | None = None,
        passages: int | None = None,
    ) -> Generator[Step]:
        """Answer as `ask` does, step by step; closing the iterator gives up. Raises what `ask` raises, at its first step."""
        model = self._model_for(answerer)
        with self._counted():
            started = time.perf_counter()
            inquiry = self.inquire(question, history, document_ids, passages)
            if model and history:
                inquiry = yield from self._in_full(inquiry, history, model)
            ranked = inquiry.search(inquiry.full)
            retrieved = time.perf_counter()
            yield Retrieved(ranked)
            inquiry.verdict()
        if model and not inquiry.is_greeting:
            yield from self._write(inquiry, model, started, retrieved)
        else:
            answer = _quote(inquiry, started, retrieved)
            yield from said(answer)
            yield answer

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a question among those under way, without what a language model then makes of it."""
        token = object()
        self._under_way.add(token)
        try:
            yield
        finally:
            self._under_way.discard(token)

    def inquire(
        self,
        question: str,
        history: Sequence[Turn] = (),
        document_ids: Sequence[str] | None = None,
        passages: int | None = None,
    ) -> Inquiry:
        """Read a question with the rules; what is found for it, and why it is taken for an answer, can then be asked.

        Raises QuestionError, NotFoundError.
        """
        question = self._cut(question)
        retriever = self._retriever  # The same to the end, whatever is built meanwhile.
        full = self._cut(stand_alone(question, _clean(history[-HISTORY_TURNS:], self.settings.max_question_chars)))

        def retrieve(part: str, count: int | None) -> tuple[Passage, ...]:
            return self._search(retriever, part, count, document_ids)

        return Inquiry(question, full, retriever.store, retrieve, self._similarity, document_ids, passages)

    def _in_full(
        self, inquiry: Inquiry, history: Sequence[Turn], model: ChatModel
    ) -> Generator[Writing, None, Inquiry]:
        """Let the model write a follow-up out where the rules' reading of it finds no answer; the better reading stays."""
        if inquiry.is_greeting or inquiry.verdict().findings:
            return inquiry
        turns = _clean(history[-HISTORY_TURNS:], self.settings.max_question_chars)
        try:
            written = yield from full_question(inquiry.question, turns, model, self.settings.llm_seconds / 2)
        except ModelError:
            return inquiry  # The answer is asked of the same model next, and says what is wrong with it.
        other = replace(inquiry, full=self._cut(written or inquiry.full), _ranked={}, _verdict=None)
        return other if other.verdict().confidence > inquiry.verdict().confidence else inquiry

    def _write(self, inquiry: Inquiry, model: ChatModel, started: float, retrieved: float) -> Iterator[Step]:
        """Answer with the language model; where nothing it writes stands, with the documents' own sentences."""
        composition = compose(inquiry)
        kind = ""
        try:
            with closing(composition.write(model, self.settings.llm_seconds)) as steps:
                for step in steps:
                    if isinstance(step, Said):
                        composition.first_ms = composition.first_ms or (time.perf_counter() - started) * 1000
                    yield step
        except ModelError as error:
            kind = error.kind
        quoted = _quote(inquiry, started, retrieved)
        answer = composition.conclude(quoted, inquiry.refusal(), kind)
        if answer.answerer == "extractive":
            yield from said(answer)
        yield answer

    def decline(self, question: str, why: QuestionError) -> Answer:
        """Return the refusal of a question that cannot be asked, where an answer to each question is expected."""
        return _make_answer(question, NOTHING, replies.unreadable(str(why)), (), _milliseconds(0, 0, 0))

    def _cut(self, question: str) -> str:
        """Return the question within the limit. Raises NoQuestionError if it holds no word."""
        text = _without_surrogates(question.strip()[: self.settings.max_question_chars])
        if not text:
            raise NoQuestionError("the question is empty; type a question")
        if not any(character.isalnum() for character in text):
            raise NoQuestionError("the question has no words, only signs; type a question")
        return text

    def _model_for(self, answerer: str | None) -> ChatModel | None:
        """Return the model that writes the answer, None for the extractive one. Raises QuestionError."""
        name = answerer or self.settings.answerer
        if name == "extractive":
            return None
        if name != "llm":
            raise QuestionError(f"there is no answerer {name!r}; known are extractive and llm")
        if self.model is None:
            raise QuestionError("no language model is set up; ask with the extractive answerer")
        return self.model

    def _search(
        self, retriever: Retriever, query: str, passages: int | None, document_ids: Sequence[str] | None
    ) -> tuple[Passage, ...]:
        for document_id in document_ids or ():
            _document(retriever.store, document_id)
        query = self._cut(query)
        count = passages or self.settings.passages
        is_read = len(self._under_way) <= READ_AT_ONCE
        return retriever.retrieve(query, count, document_ids, search_words(query), is_read=is_read)

    def _similarity(self, question: str, sentences: Sequence[str]) -> Vectors:
        """Return the cosines of a question and sentences, float32 (n,)."""
        cosines: Vectors = self._encoder.encode_passages(sentences) @ self._encoder.encode_queries([question])[0]
        return cosines


def _document(store: Store, document_id: str) -> Document:
    """Return a document of an index. Raises NotFoundError."""
    try:
        return store.documents[document_id]
    except KeyError:
        raise NotFoundError(f"there is no document {document_id!r} in the index") from None


def _model_of(settings: Settings) -> ChatModel | None:
    """Return the language model of the settings, if there is one. Raises ConfigError."""
    if not settings.has_llm and settings.answerer != "llm":
        return None
    from app.llm.opening import (
        DeferredModel,
    )  # It brings LangChain: a second that the extractive answerer need not wait.

    model = DeferredModel(settings)
    if settings.answerer == "llm":
        model.open()
    return model


def _clean(history: Sequence[Turn], limit: int) -> list[Turn]:
    return [Turn(_without_surrogates(turn.question[:limit]), turn.answer) for turn in history]


def _without_surrogates(text: str) -> str:
    """Return the text with halves of surrogate pairs, which JSON can carry but UTF-8 cannot, replaced."""
    return text.encode("utf-8", "replace").decode()


def _quote(inquiry: Inquiry, started: float, retrieved: float) -> Answer:
    """Return the extractive answer; times are of time.perf_counter."""
    verdict = inquiry.verdict()
    refusal = None if verdict.findings else inquiry.refusal()
    timings = _milliseconds(started, retrieved, time.perf_counter())
    understood_as = inquiry.full if inquiry.full != inquiry.question else ""
    ranked = inquiry.search(inquiry.full)
    return _make_answer(inquiry.question, verdict, refusal, ranked, timings, understood_as=understood_as)


def _make_answer(
    question: str,
    verdict: Verdict,
    refusal: Refusal | None,
    ranked: tuple[Passage, ...],
    timings_ms: dict[str, float],
    *,
    understood_as: str = "",
) -> Answer:
    sentences, citations = _cite(verdict.findings)
    text = " ".join(sentence.marked() for sentence in sentences)
    return Answer(
        id=uuid.uuid4().hex,
        question=question,
        status="refused" if refusal else "answered",
        refusal=refusal,
        answerer="extractive",
        text=refusal.message if refusal else text,
        language=language_of(question),
        sentences=sentences,
        citations=citations,
        passages=ranked,
        timings_ms=timings_ms,
        confidence=round(verdict.confidence, 4),
        understood_as=understood_as,
    )


def _cite(findings: Sequence[Finding]) -> tuple[tuple[Sentence, ...], tuple[Citation, ...]]:
    """Return the sentences and their citations, numbered from 1, one a sentence."""
    citations = tuple(
        make_citation(number, finding.document, finding.span, finding.chunk, finding.probability)
        for number, finding in enumerate(findings, start=1)
    )
    sentences = tuple(
        Sentence(finding.text, finding.highlighted(), (citation.number,), verified=finding.text == citation.quote)
        for finding, citation in zip(findings, citations, strict=True)
    )
    return sentences, citations


def said(answer: Answer) -> Iterator[Said]:
    """Yield the sentences of an answer that is complete; their texts together are the answer's."""
    by_number = {citation.number: citation for citation in answer.citations}
    for position, sentence in enumerate(answer.sentences):
        citations = tuple(by_number[number] for number in sentence.citations)
        yield Said((" " if position else "") + sentence.marked(), sentence, citations)


def _milliseconds(started: float, retrieved: float, done: float) -> dict[str, float]:
    """Return how long retrieval, answering and both took."""
    spans = {"retrieve": retrieved - started, "answer": done - retrieved, "total": done - started}
    return {name: round(seconds * 1000, 2) for name, seconds in spans.items()}


def parse_history(raw: object) -> tuple[Turn, ...]:
    """Return the turns of a JSON list: questions, {"question", "answer"} or {"role", "content"}. Raises QuestionError."""
    if raw is None:
        return ()
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise QuestionError("history must be a list of earlier turns, oldest first")
    turns: list[Turn] = []
    for entry in raw:
        if isinstance(entry, str):
            turns.append(Turn(entry))
        elif isinstance(entry, Mapping) and isinstance(entry.get("question"), str):
            turns.append(Turn(entry["question"], str(entry.get("answer") or "")))
        elif isinstance(entry, Mapping) and entry.get("role") == "user":
            turns.append(Turn(str(entry.get("content") or "")))
        elif isinstance(entry, Mapping) and entry.get("role") in ("assistant", "system"):
            if entry["role"] == "assistant" and turns:
                turns[-1] = Turn(turns[-1].question, str(entry.get("content") or ""))
        else:
            raise QuestionError('a turn of the history must be a string, {"question", "answer"} or {"role", "content"}')
    return tuple(turn for turn in turns if turn.question.strip())
