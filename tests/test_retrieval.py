"""Ranking: fusion of the two signals by hand-worked examples, order and limits."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.retrieval import CANDIDATES, READER_WEIGHT, Retriever, fuse, standardise
from app.types import Candidates, Chunk, Document, Reading, Span, Vectors
from tests.conftest import HashingEncoder


def floats(*values: float) -> Vectors:
    return np.array(values, dtype=np.float32)


@dataclass
class FixedStore:
    """Proposes the same candidates for every question, and remembers what it was asked for."""

    rows: Sequence[int]
    dense: Vectors
    sparse: Vectors
    documents: dict[str, Document] = field(default_factory=dict)
    asked: list[tuple[list[str], int, Collection[str] | None]] = field(default_factory=list)
    text: str = "科"

    version = "fixed"

    def newest_version(self) -> str:
        return self.version

    def check(self) -> None: ...

    @property
    def chunks(self) -> list[Chunk]:
        return [Chunk(f"c{i}", "文件", Span(i, i + 1), self.text) for i in range(10)]

    @property
    def chunk_count(self) -> int:
        return len(self.chunks)

    def chunks_of(self, document_id: str) -> list[Chunk]:
        return self.chunks

    def chunks_at(self, rows: Sequence[int]) -> list[Chunk]:
        return [self.chunks[row] for row in rows]

    def chunk_at(self, document_id: str, offset: int) -> Chunk:
        return self.chunks[offset]

    def candidates(
        self,
        vector: Vectors | Callable[[], Vectors],
        tokens: Sequence[str],
        limit: int,
        document_ids: Collection[str] | None = None,
    ) -> Candidates:
        self.asked.append((list(tokens), limit, document_ids))
        return Candidates(np.array(self.rows, dtype=np.int64), self.dense, self.sparse)


def test_z_scores_by_hand() -> None:
    # mean 5, deviation sqrt(((-3)^2 + (-1)^2 + 1^2 + 3^2) / 4) = sqrt(5)
    assert standardise(floats(2, 4, 6, 8)) == pytest.approx([-3 / 5**0.5, -1 / 5**0.5, 1 / 5**0.5, 3 / 5**0.5])


def test_fusion_by_hand() -> None:
    dense = floats(0.9, 0.8, 0.7)  # mean 0.8, deviation sqrt(0.02 / 3): 1.224745, 0, -1.224745
    sparse = floats(0, 6, 3)  # mean 3, deviation sqrt(6): -1.224745, 1.224745, 0
    assert fuse(dense, sparse, 0.5) == pytest.approx([0, 0.612372, -0.612372], abs=1e-5)
    assert fuse(dense, sparse, 0.75) == pytest.approx([0.612372, 0.306186, -0.918559], abs=1e-5)
    assert fuse(dense, sparse, 1) == pytest.approx([1.224745, 0, -1.224745], abs=1e-5)
    assert fuse(dense, sparse, 0) == pytest.approx([-1.224745, 1.224745, 0], abs=1e-5)


def test_vectors_count_more_where_no_chunk_stands_out_by_its_words() -> None:
    by_words, by_meaning = 0, 1
    dense = floats(0, 1, *[0, 1] * 24)
    clear, unclear = floats(9, *[0] * 49), floats(2, *[0, 1] * 24, 1)
    assert fuse(dense, clear, 0.5).argmax() == by_words
    assert fuse(dense, unclear, 0.4)[by_meaning] > fuse(dense, unclear, 0.4)[by_words]
    assert fuse(dense, unclear, 0).argmax() == by_words


@settings(deadline=None, max_examples=100)
@given(st.floats(-100, 100, width=32), st.integers(0, 50))
def test_scores_that_are_all_the_same_say_nothing(score: float, count: int) -> None:
    assert standardise(np.full(count, score, dtype=np.float32)).tolist() == [0.0] * count


def test_passages_carry_their_scores_and_ranks() -> None:
    store = FixedStore([2, 5, 7], floats(0.9, 0.8, 0.7), floats(0, 6, 3))
    passages = Retriever(store, HashingEncoder()).retrieve("基金多大", 10)
    assert [(passage.chunk.id, passage.rank) for passage in passages] == [("c5", 1), ("c2", 2), ("c7", 3)]
    assert [passage.score for passage in passages] == pytest.approx([0.612372, 0, -0.612372], abs=1e-5)
    assert [passage.dense for passage in passages] == pytest.approx([0.8, 0.9, 0.7])
    assert [passage.sparse for passage in passages] == [6.0, 0.0, 3.0]


def test_equal_scores_keep_the_order_of_the_corpus() -> None:
    store = FixedStore(range(10), np.full(10, 0.1, dtype=np.float32), np.zeros(10, dtype=np.float32))
    passages = Retriever(store, HashingEncoder()).retrieve("基金", 10)
    assert [passage.chunk.id for passage in passages] == [f"c{i}" for i in range(10)]
    assert {passage.score for passage in passages} == {0.0}


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (2, 2), (100, 3)])
def test_no_more_passages_than_asked_for(limit: int, count: int) -> None:
    store = FixedStore([0, 1, 2], floats(3, 2, 1), floats(3, 2, 1))
    assert len(Retriever(store, HashingEncoder()).retrieve("基金", limit)) == count


def test_no_candidates_are_no_passages() -> None:
    store = FixedStore([], floats(), floats())
    assert Retriever(store, HashingEncoder()).retrieve("基金", 5, ["没有"]) == ()


def test_what_the_store_is_asked_for() -> None:
    store = FixedStore([0], floats(1), floats(1))
    retriever = Retriever(store, HashingEncoder())
    retriever.retrieve("Ｇ60基金", 5)
    retriever.retrieve("What is the fund?", 5, ["甲"], words="基金")
    assert store.asked == [
        (["g60", "基", "金", "基金"], CANDIDATES, None),
        (["基", "金", "基金"], CANDIDATES, ["甲"]),
    ]


def test_the_weight_of_the_dense_score_decides() -> None:
    store = FixedStore([0, 1], floats(0.9, 0.1), floats(1, 2))
    best = [Retriever(store, HashingEncoder(), weight).retrieve("基金", 1)[0].chunk.id for weight in (0.0, 1.0)]
    assert best == ["c1", "c0"]


class FixedReader:
    """Gives passages the answerable logits it was made with, and remembers what it read."""

    def __init__(self, *logits: float) -> None:
        self.logits = logits
        self.read_passages: list[tuple[str, str]] = []
        self.question = ""

    def read(self, question: str, passages: Sequence[tuple[str, str]]) -> tuple[Reading, ...]:
        self.read_passages, self.question = list(passages), question
        nothing = np.zeros((0, 2), np.float32)
        return tuple(Reading(logit, logit, nothing.astype(np.int32), nothing) for logit in self.logits[: len(passages)])


def test_what_the_reader_takes_for_an_answer_comes_first() -> None:
    document = Document("文件", "标题", "科" * 10)
    store = FixedStore([0, 1, 2], floats(0.9, 0.8, 0.1), floats(3, 2, 1), {"文件": document})
    plain = Retriever(store, HashingEncoder()).retrieve("科技", 3)
    reader = FixedReader(-40, 40, -40)
    ranked = Retriever(store, HashingEncoder(), reader=reader).retrieve("科技", 3)
    assert [passage.chunk.id for passage in plain] == ["c0", "c1", "c2"]
    assert [passage.chunk.id for passage in ranked] == ["c1", "c0", "c2"]
    assert [passage.rank for passage in ranked] == [1, 2, 3]
    assert ranked[0].score == pytest.approx(plain[1].score + READER_WEIGHT * 40)
    assert reader.read_passages == [("标题", "科")] * 3


def test_what_a_question_mistypes_is_read_as_the_passages_write_it() -> None:
    store = FixedStore([0], floats(0.9), floats(3), {"文件": Document("文件", "标题", "科")}, text="扬帆专项面向青年")
    reader = FixedReader(1)
    Retriever(store, HashingEncoder(), reader=reader).retrieve("杨帆专项多少岁", 1)
    assert reader.question == "扬帆专项多少岁"


def test_passages_too_far_down_to_be_read_stay_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.retrieval.READ", 2)
    store = FixedStore([0, 1, 2], floats(0.9, 0.8, 0.7), floats(3, 2, 1), {"文件": Document("文件", "标题", "科" * 10)})
    ranked = Retriever(store, HashingEncoder(), reader=FixedReader(-50, -60)).retrieve("科技", 3)
    assert [passage.chunk.id for passage in ranked] == ["c0", "c1", "c2"]
    assert ranked[2].reading is None
    assert ranked[2].score <= ranked[1].score
