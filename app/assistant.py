"""Composition root: build an index, open it, ask it. Every interface goes through `Assistant.ask`."""

import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.answering import replies
from app.answering.citations import make_citation
from app.answering.conversation import stand_alone
from app.answering.extractive import Finding, find_answer
from app.answering.question import language_of, parse_question, search_words
from app.encoders import load_encoder
from app.errors import NotFoundError, QuestionError
from app.index import Index, open_index
from app.config import Settings
from app.retrieval import Retriever
from app.types import Answer, Citation, Document, Encoder, Passage, Refusal, Sentence, Turn, Vectors

SENTENCE_VECTORS = 20_000
"""How many sentences' vectors are kept in memory; about 30 MB."""
HISTORY_TURNS = 6


class Assistant:
    """Answers questions from one index."""

    def __init__(self, settings: Settings, index: Index, encoder: Encoder) -> None:
        self.settings = settings
        self.index = index
        self._encoder = _CachedEncoder(encoder)
        self._retriever = Retriever(index, self._encoder, settings.dense_weight)

    @classmethod
    def open(cls, settings: Settings) -> "Assistant":
        """Open the built index. Raises IndexProblem or EncoderError; the message says what to do."""
        encoder = load_encoder(settings.encoder, threads=settings.threads)
        return cls(settings, open_index(Path(settings.index), encoder.name, encoder.fingerprint), encoder)

    @property
    def documents(self) -> tuple[Document, ...]:
        return tuple(self.index.documents.values())

    def document(self, document_id: str) -> Document:
        """Return a document of the index. Raises NotFoundError."""
        try:
            return self.index.documents[document_id]
        except KeyError:
            raise NotFoundError(f"there is no document {document_id!r} in the index") from None

    def search(
        self, query: str, passages: int | None = None, document_ids: Sequence[str] | None = None
    ) -> tuple[Passage, ...]:
        """Return the best passages for a query, best first. Raises QuestionError, NotFoundError."""
        for document_id in document_ids or ():
            self.document(document_id)
        limit = passages or self.settings.passages
        query = self._cut(query)
        return self._retriever.retrieve(query, limit, document_ids, search_words(query))

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        document_ids: Sequence[str] | None = None,
        answerer: str | None = None,
        passages: int | None = None,
    ) -> Answer:
        """Answer a question from the documents, or say that they do not answer it.

        Raises QuestionError if there is no question, NotFoundError if a document id is unknown.
        """
        if (answerer or self.settings.answerer) != "extractive":
            raise QuestionError("only the extractive answerer is available; leave --answerer out")
        started = time.perf_counter()
        question = self._cut(question)
        language = language_of(question)
        full = stand_alone(question, history[-HISTORY_TURNS:])
        ranked = self.search(full, passages, document_ids)
        retrieved = time.perf_counter()
        documents = self._considered(ranked, document_ids)
        findings: list[Finding] = []
        if replies.is_greeting(question):
            refusal: Refusal | None = replies.greeting(documents, language)
        else:
            findings, certainty = find_answer(
                full, lambda part: ranked if part == full else self.search(part, None, document_ids),
                self._similarity, self.index.documents,
            )  # fmt: skip
            refusal = None if findings else replies.refusal(documents, language, _is_off_topic(ranked, full))
        done = time.perf_counter()
        sentences, citations = _cite(findings)
        return Answer(
            id=uuid.uuid4().hex,
            question=question,
            status="answered" if findings else "refused",
            refusal=refusal,
            answerer="extractive",
            text="".join(f"{sentence.text}{_marks(sentence)}" for sentence in sentences) if refusal is None else refusal.message,
            language=language,
            sentences=sentences,
            citations=citations,
            passages=ranked,
            timings_ms={
                "retrieve": round((retrieved - started) * 1000, 2),
                "answer": round((done - retrieved) * 1000, 2),
                "total": round((done - started) * 1000, 2),
            },
        )

    def _cut(self, question: str) -> str:
        """Return the question within the stated limit. Raises QuestionError if it holds no word."""
        if not isinstance(question, str) or not question.strip():
            raise QuestionError("the question is empty; type a question")
        text = question.strip()[: self.settings.max_question_chars]
        text = text.encode("utf-8", "replace").decode("utf-8")
        if not any(character.isalnum() for character in text):
            raise QuestionError("the question has no words; type a question")
        return text

    def _considered(self, ranked: Sequence[Passage], document_ids: Sequence[str] | None) -> list[Document]:
        """Return the documents that suggestions are made from: the chosen ones, else those retrieval ranked best."""
        ids = document_ids or [passage.chunk.document_id for passage in ranked]
        return [self.index.documents[document_id] for document_id in dict.fromkeys(ids)]

    def _similarity(self, question: str, sentences: Sequence[str]) -> Vectors:
        """Return the cosines of a question and sentences, float32 (n,)."""
        vector = self._encoder.encode_queries([question])[0]
        cosines: Vectors = self._encoder.encode_passages(sentences) @ vector
        return cosines


class _CachedEncoder:
    """An encoder that remembers the vectors of the sentences it read last."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._vectors: OrderedDict[tuple[str, str], Vectors] = OrderedDict()
        self.name, self.dim, self.fingerprint = encoder.name, encoder.dim, encoder.fingerprint

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._encode("query", texts)

    def encode_passages(self, texts: Sequence[str], progress: Any = None) -> Vectors:
        return self._encode("passage", texts)

    def _encode(self, kind: str, texts: Sequence[str]) -> Vectors:
        missing = [text for text in dict.fromkeys(texts) if (kind, text) not in self._vectors]
        encode = self._encoder.encode_queries if kind == "query" else self._encoder.encode_passages
        known = {text: self._vectors.get((kind, text)) for text in texts}
        for text, vector in zip(missing, encode(missing) if missing else (), strict=True):
            known[text] = self._vectors[kind, text] = vector
        while len(self._vectors) > SENTENCE_VECTORS:
            self._vectors.popitem(last=False)
        return np.array([known[text] for text in texts], dtype=np.float32).reshape(len(texts), self.dim)


def _is_off_topic(ranked: Sequence[Passage], question: str) -> bool:
    """Tell a question that shares hardly a word with any passage."""
    from app.answering.matching import coverage, squeeze

    terms = parse_question(question).terms
    return max((coverage(terms, squeeze(passage.chunk.text)) for passage in ranked), default=0.0) < 0.35


def _cite(findings: Sequence[Finding]) -> tuple[tuple[Sentence, ...], tuple[Citation, ...]]:
    """Number the findings' citations from 1, one a sentence."""
    citations = tuple(
        make_citation(number, finding.document, finding.span, finding.passage)
        for number, finding in enumerate(findings, start=1)
    )
    sentences = tuple(
        Sentence(finding.text, finding.highlighted(), (citation.number,), finding.text in citation.quote)
        for finding, citation in zip(findings, citations, strict=True)
    )
    return sentences, citations


def _marks(sentence: Sentence) -> str:
    return "".join(f" [{number}]" for number in sentence.citations) + " "


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
