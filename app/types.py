"""The values that flow through the engine, and the protocols of its exchangeable parts.

Offsets are Python code points of `Document.text`, half open.
"""

import math
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Places = NDArray[np.int32]
Progress = Callable[[int, int], None]
"""Called with (done, total) while something long runs."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range `[start, end)` of code points in `Document.text`."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a span: [{self.start}, {self.end})")

    def of(self, text: str) -> str:
        """Return the text that the span covers."""
        return text[self.start : self.end]

    def contains(self, other: "Span") -> bool:
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: "Span") -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Field:
    """One fact about a document (文号, 日期, 联系电话 …) and the line of the text that states it."""

    key: str
    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document: `path` are the headings from the outermost to its own."""

    path: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Document:
    """A source file as it reads: `text` is canonical, every span and quote refers to it."""

    id: str
    title: str
    text: str
    sections: tuple[Section, ...] = ()
    fields: tuple[Field, ...] = ()
    source: str = ""
    sha256: str = ""

    def field(self, key: str) -> Field | None:
        """Return the first field of that key, or None."""
        return next((field for field in self.fields if field.key == key), None)

    def heading_at(self, offset: int) -> tuple[str, ...]:
        """Return the heading path of the innermost section that holds an offset."""
        inside = [section for section in self.sections if section.span.start <= offset < section.span.end]
        return max(inside, key=lambda section: len(section.path)).path if inside else ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """The unit that is indexed: a paragraph or a point of one, made of whole sentences."""

    id: str
    document_id: str
    span: Span
    text: str
    heading: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a reader makes of a question and a passage. Every score is higher for a better passage."""

    relevance: float
    """How well the passage answers in comparison with others (a logit)."""
    answerable: float
    """Whether it answers at all (a logit)."""
    places: Places
    """Offsets in the passage's text of the pieces it was read in, int32 (pieces, 2)."""
    marks: Vectors
    """Log-likelihood that an answer starts and ends with each piece, float32 (pieces, 2)."""

    def share(self, start: int, end: int) -> float:
        """Return how likely an answer in this passage starts within [start, end) of the text, 0 to 1."""
        inside = (start < self.places[:, 1]) & (self.places[:, 0] < end)
        return float(np.exp(self.marks[inside, 0]).sum())

    @property
    def probability(self) -> float:
        """How likely the passage answers, 0 to 1."""
        return 1 / (1 + math.exp(-self.answerable))

    def best_span(self, start: int = 0, end: int = 1 << 30) -> tuple[int, int, float]:
        """Return the likeliest answer within [start, end) of the text and its log-likelihood; empty if none fits."""
        begins, ends = self.places[:, 0], self.places[:, 1]
        inside = np.flatnonzero((start <= begins) & (begins < ends) & (ends <= end))
        if not len(inside):
            return start, start, -math.inf
        low, high = int(inside[0]), int(inside[-1]) + 1
        scores = self.marks[low:high, :1] + self.marks[low:high, 1]
        scores = np.where(np.tri(high - low, k=-1) + (1 - np.tri(high - low, k=LONGEST_ANSWER)), -np.inf, scores)
        first, last = np.unravel_index(int(np.argmax(scores)), scores.shape)
        return int(begins[low + first]), int(ends[low + last]), float(scores[first, last])

    def likeliest_spans(self, start: int, end: int, limit: int) -> tuple[Places, Places, Vectors]:
        """Return where answers within [start, end) of the text begin and end, and their log-likelihoods, each (n,): all
        pairs of the `limit` likeliest beginnings and ends that can be one answer."""
        inside = np.flatnonzero(
            (start <= self.places[:, 0]) & (self.places[:, 1] <= end) & (self.places[:, 0] < self.places[:, 1])
        )
        first, last = (inside[np.argsort(-self.marks[inside, mark], kind="stable")[:limit]] for mark in (0, 1))
        first, last = np.repeat(first, len(last)), np.tile(last, len(first))
        is_answer = (first <= last) & (last < first + LONGEST_ANSWER)
        first, last = first[is_answer], last[is_answer]
        return self.places[first, 0], self.places[last, 1], self.marks[first, 0] + self.marks[last, 1]


LONGEST_ANSWER = 90
"""Pieces of the longest short answer."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrieved chunk. `score` is the fused score (higher is closer), `rank` starts at 1."""

    chunk: Chunk
    score: float
    rank: int
    dense: float = 0.0
    """Cosine of question and chunk, -1 to 1."""
    sparse: float = 0.0
    """BM25 score of the chunk, 0 or more."""
    reading: Reading | None = None
    """What the reader makes of it, if there is a reader and the chunk ranked high enough."""


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the conversation, and what was answered."""

    question: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """The exact passage a sentence rests on; it stands alone, without the document at hand."""

    number: int
    document_id: str
    title: str
    reference: str
    page: int | None
    start: int
    end: int
    quote: str
    chunk_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an answer, the numbers of its citations, and the short answer inside it."""

    text: str
    highlights: tuple[str, ...]
    citations: tuple[int, ...]
    verified: bool

    def marked(self) -> str:
        """Return the sentence as it stands in the text of an answer."""
        return f"{self.text} {''.join(f'[{number}]' for number in self.citations)}"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A sentence that a language model wrote and that is not shown as an answer, and why."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is answered. `near` are questions that the documents do answer."""

    kind: str
    message: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What every interface returns; its JSON form is the contract of DESIGN's answer schema."""

    id: str
    question: str
    status: Literal["answered", "refused"]
    refusal: Refusal | None
    answerer: Literal["extractive", "llm"]
    text: str
    language: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    timings_ms: dict[str, float] = field(default_factory=dict)
    confidence: float = 0.0
    """How likely the best evidence answers the question, 0 to 1; below the threshold the answer is a refusal."""
    understood_as: str = ""
    """The question in full where it leaned on the conversation; empty where it stood alone."""
    note: str = ""
    """What the reader should know about how the answer came about: why the language model did not write it."""
    dropped: tuple[Dropped, ...] = ()
    """What a language model wrote and verification turned down."""
    tokens: tuple[int, int] = (0, 0)
    """How many tokens a language model read and wrote."""

    def to_json(self) -> dict[str, Any]:
        """Return the contract's JSON object, and beside it: confidence, understood_as, note, dropped, tokens."""
        refusal = self.refusal
        return {
            "id": self.id,
            "question": self.question,
            "status": self.status,
            "refusal": refusal and {"kind": refusal.kind, "message": refusal.message, "near": list(refusal.near)},
            "answerer": self.answerer,
            "text": self.text,
            "language": self.language,
            "sentences": [_plain(sentence) for sentence in self.sentences],
            "citations": [_plain(citation) for citation in self.citations],
            "passages": [passage_json(passage) for passage in self.passages],
            "timings_ms": dict(self.timings_ms),
            "confidence": self.confidence,
            "understood_as": self.understood_as,
            "note": self.note,
            "dropped": [{"text": dropped.text, "reason": dropped.reason} for dropped in self.dropped],
            "tokens": {"read": self.tokens[0], "written": self.tokens[1]},
        }


@dataclass(frozen=True, slots=True)
class Retrieved:
    """First step of an answer: what retrieval ranked best."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A further step of an answer: a sentence that stands, whatever follows.

    `text` is what it adds to `Answer.text`, its marks [n] and the space before it included.
    """

    text: str
    sentence: Sentence
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Writing:
    """A step at which nothing is new: a language model is at work. Whoever no longer listens can close the stream here."""


Step = Retrieved | Said | Writing | Answer
"""An answer comes as one Retrieved, any number of Said, one Answer, and while a model is at work as any number of Writing."""


def passage_json(passage: Passage) -> dict[str, Any]:
    """Return a passage as the contract's JSON object."""
    chunk = passage.chunk
    return {
        "chunk_id": chunk.id,
        "document_id": chunk.document_id,
        "heading": list(chunk.heading),
        "text": chunk.text,
        "start": chunk.span.start,
        "end": chunk.span.end,
        "score": round(passage.score, 4),
        "rank": passage.rank,
    }


def said_json(said: Said) -> dict[str, Any]:
    """Return a step as the contract's `token` event."""
    return {
        "text": said.text,
        "sentence": _plain(said.sentence),
        "citations": [_plain(citation) for citation in said.citations],
    }


def _plain(value: Sentence | Citation) -> dict[str, Any]:
    """Return a value's attributes, tuples as lists."""
    attributes = {name: getattr(value, name) for name in value.__slots__}
    return {name: list(item) if isinstance(item, tuple) else item for name, item in attributes.items()}


Message = tuple[Literal["system", "user", "assistant"], str]
"""Who speaks to a chat model, and what."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of what a chat model writes; the last one tells the tokens read and written, where they are known."""

    text: str
    prompt_tokens: int = 0
    written_tokens: int = 0


class ChatModel(Protocol):
    """A language model that writes an answer to messages. Safe to use from several threads."""

    @property
    def name(self) -> str: ...

    def stream(self, messages: Sequence[Message], seconds: float) -> Generator[Piece]:
        """Yield what the model writes, and now and then nothing while it is silent; closing the iterator stops the model.

        Raises ModelError if it fails, is not done in `seconds`, or is silent for too long.
        """
        ...


class Encoder(Protocol):
    """Turns texts into vectors whose dot product says how close they are in meaning."""

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    @property
    def fingerprint(self) -> str:
        """Identifies the weights: two encoders of one fingerprint give the same vectors."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions. Returns float32 (n, dim), unit length; a higher dot product is closer."""
        ...

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Embed passages. Returns float32 (n, dim), unit length; a higher dot product is closer."""
        ...


class Reader(Protocol):
    """Reads passages for a question: which answers, and where."""

    def read(self, question: str, passages: Sequence[tuple[str, str]]) -> tuple[Reading, ...]:
        """Read passages, given as (title and headings, text), for a question. Spans are offsets in the text."""
        ...


@dataclass(frozen=True, slots=True)
class Candidates:
    """Chunks worth ranking: `rows` number them in the order of the corpus, ascending; `dense` are cosines, `sparse` BM25
    scores (higher is closer), both known for every row."""

    rows: NDArray[np.int64]
    dense: Vectors
    sparse: Vectors


class Store(Protocol):
    """Holds documents, their chunks and what is needed to score them. Safe to use from several threads."""

    @property
    def version(self) -> str:
        """Names what was opened; each build makes another."""
        ...

    def newest_version(self) -> str:
        """Return the version that would be opened now; empty if that cannot be told."""
        ...

    def check(self) -> None:
        """Raise IndexProblem if the index cannot be read at the moment."""
        ...

    @property
    def documents(self) -> Mapping[str, Document]:
        """The documents by id, in the order of the corpus; each is read when it is asked for."""
        ...

    @property
    def chunk_count(self) -> int: ...

    def chunks_of(self, document_id: str) -> Sequence[Chunk]:
        """Return the chunks of a document, in the order of its text. Raises KeyError."""
        ...

    def chunk_at(self, document_id: str, offset: int) -> Chunk:
        """Return the chunk of a document that holds an offset, or the last one before it."""
        ...

    def chunks_at(self, rows: Sequence[int]) -> list[Chunk]:
        """Return the chunks of some rows."""
        ...

    def candidates(
        self,
        vector: Vectors | Callable[[], Vectors],
        tokens: Sequence[str],
        limit: int,
        document_ids: Collection[str] | None = None,
    ) -> Candidates:
        """Return the union of the `limit` chunks closest to a vector (dim,) and the `limit` best by BM25.

        The vector may be given as a function, so that it is made while BM25 searches.
        """
        ...


class StoreWriter(Protocol):
    """Takes the documents of a corpus in their order; readers see nothing of it until `commit` has returned."""

    def has(self, document_id: str, stamp: bytes) -> bool:
        """Tell whether the present index holds a document made of just this, so that `keep` can take it over."""
        ...

    def keep(self, document_id: str) -> None:
        """Take over a document of the present index with its chunks and vectors."""
        ...

    def add(self, document: Document, chunks: Sequence[Chunk], stamp: bytes) -> None:
        """Add a document that is new or has changed; `stamp` (32 bytes) says what it was made of."""
        ...

    @property
    def chunk_count(self) -> int:
        """How many chunks were taken so far."""
        ...

    def commit(self, manifest: Mapping[str, Any]) -> int:
        """Switch readers to what was taken. Returns how many texts had to be encoded."""
        ...
