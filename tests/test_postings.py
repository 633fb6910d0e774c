"""BM25 on disk: scores and rankings of a plain BM25, however the index came about."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.stores import postings
from app.stores.postings import Bm25, Counts, FreshCounts, Rows, write_postings
from app.stores.tokens import count_tokens
from app.text import search_tokens
from app.types import Vectors
from tests.indexing import official_texts, plain_bm25

QUESTIONS = (
    "科技创新人才计划",
    "长三角基金总规模有多少亿元？",
    "InnoMatch平台46.3%",
    "扬帆专项 扬帆专项",
    "G60",
    "青年政协委员的成果",
)


def fresh(folder: Path, texts: Sequence[str]) -> FreshCounts:
    folder.parent.mkdir(parents=True, exist_ok=True)
    return FreshCounts(count_tokens(texts), folder)


def places(*rows: int) -> Rows:
    return np.array(rows, np.int64)


def write(folder: Path, texts: Sequence[str]) -> Bm25:
    """Write an index of texts in one go."""
    folder.mkdir(exist_ok=True)
    sources = [(fresh(folder / "fresh", texts), np.arange(len(texts)))] if texts else []
    write_postings(folder / "bm25", sources, len(texts))
    return Bm25(folder / "bm25")


def best_rows(index: Bm25, tokens: Sequence[str], limit: int, allowed: Rows | None = None) -> Rows:
    return index.best(index.terms(tokens), limit, allowed)


def scores_of(index: Bm25, tokens: Sequence[str], rows: Rows) -> Vectors:
    return index.scores(index.terms(tokens), rows)


def contents(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_ranks_as_a_plain_bm25(index: Bm25, texts: Sequence[str], question: str) -> None:
    tokens = search_tokens(question)
    oracle = plain_bm25(tokens, [search_tokens(text) for text in texts])
    scores = scores_of(index, tokens, np.arange(len(texts)))
    assert scores == pytest.approx(oracle, abs=1e-4)
    for limit in (1, 3, 10, len(texts) + 1):
        best = best_rows(index, tokens, limit)
        assert best.tolist() == sorted(row for row in np.argsort(-scores, kind="stable")[:limit] if scores[row] > 0)
        assert sorted(np.array(oracle)[best]) == pytest.approx(sorted(s for s in oracle if s > 0)[-limit:], abs=1e-4)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return official_texts(200)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Bm25:
    return write(tmp_path_factory.mktemp("postings"), texts)


@pytest.mark.parametrize("question", QUESTIONS)
def test_ranks_as_a_plain_bm25(index: Bm25, texts: list[str], question: str) -> None:
    assert_ranks_as_a_plain_bm25(index, texts, question)


def test_rare_and_frequent_tokens_are_stored_in_both_forms(tmp_path: Path, index: Bm25, texts: list[str]) -> None:
    write(tmp_path, texts)
    frequent = int(np.count_nonzero(index.frequencies * postings.COLUMN_SHARE > index.row_count))
    assert 0 < frequent < len(index.codes)
    files = contents(tmp_path / "bm25")
    assert len(files["columns.u8"]) == frequent * 200
    assert len(files["column_terms.i32"]) == frequent * 4
    listed = index.frequencies * postings.COLUMN_SHARE <= index.row_count
    assert len(files["rows.u32"]) == 4 * int(index.frequencies[listed].sum()) > 0


@settings(max_examples=40)
@given(
    st.lists(st.text(alphabet="科技创新人才ab1% 。", max_size=14), min_size=1, max_size=40),
    st.text(alphabet="科技创新人才ab转1", max_size=8),
)
def test_ranks_any_texts_as_a_plain_bm25(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], question: str
) -> None:
    tokens = search_tokens(question)
    index = write(tmp_path_factory.mktemp("any"), texts)
    oracle = [0.0] * len(texts)
    if any(search_tokens(text) for text in texts):
        oracle = plain_bm25(tokens, [search_tokens(text) for text in texts])
    assert scores_of(index, tokens, np.arange(len(texts))) == pytest.approx(oracle, abs=1e-4)
    assert set(best_rows(index, tokens, 100).tolist()) == {row for row, score in enumerate(oracle) if score > 0}


# --- merging --------------------------------------------------------------------------------------------------------


def test_several_sources_in_any_order_are_one_index(tmp_path: Path, texts: list[str]) -> None:
    order = np.random.default_rng(7).permutation(len(texts))
    parts = [order[:90], order[90:91], order[91:]]
    sources: list[tuple[Counts, Rows]] = [
        (fresh(tmp_path / f"part-{i}", [texts[row] for row in part]), part.astype(np.int64))
        for i, part in enumerate(parts)
    ]
    write_postings(tmp_path / "merged", sources, len(texts))
    write(tmp_path / "new", texts)
    assert contents(tmp_path / "merged") == contents(tmp_path / "new" / "bm25")


@pytest.mark.parametrize("block", [1 << 22, 64])
def test_a_merged_change_gives_byte_for_byte_the_files_of_a_new_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(postings, "BLOCK", block)
    drawn = random.Random(block)
    texts = official_texts(60)
    known = write(tmp_path / "0", texts)
    for step in range(1, 8):
        kept = [row for row in range(len(texts)) if drawn.random() < 0.8]
        drawn.shuffle(kept)
        added = [*official_texts(drawn.randint(0, 9), seed=step), f"只在第{step}步出现 word{step}。"]
        rows = [*(("old", row) for row in kept), *(("new", row) for row in range(len(added)))]
        drawn.shuffle(rows)
        old_places, new_places = np.full(len(texts), -1), np.full(len(added), -1)
        for place, (source, row) in enumerate(rows):
            (old_places if source == "old" else new_places)[row] = place
        texts = [texts[row] if source == "old" else added[row] for source, row in rows]
        folder = tmp_path / f"merged-{step}"
        changed = fresh(tmp_path / f"fresh-{step}", added)
        write_postings(folder, [(known, old_places), (changed, new_places)], len(texts))
        write(tmp_path / str(step), texts)
        assert contents(folder) == contents(tmp_path / str(step) / "bm25")
        known = Bm25(folder)
        assert_ranks_as_a_plain_bm25(known, texts, "科技创新人才计划 word3")


def test_words_that_occur_no_more_are_in_no_file(tmp_path: Path) -> None:
    known = write(tmp_path, ["基金 zebra7421 g60", "扬帆 g60", "只有这里写着鳜鱼"])
    write_postings(tmp_path / "merged", [(known, places(-1, 0, -1))], 1)
    files = contents(tmp_path / "merged")
    assert files["words.txt"] == b"g60\n"
    assert ord("鳜") not in Bm25(tmp_path / "merged").codes.tolist()
    assert files == contents_of_new(tmp_path, ["扬帆 g60"])


def contents_of_new(folder: Path, texts: Sequence[str]) -> Mapping[str, bytes]:
    write(folder / "new", texts)
    return contents(folder / "new" / "bm25")


# --- large numbers of postings --------------------------------------------------------------------------------------


def test_beyond_the_budget_the_best_rows_of_rare_tokens_are_found_with_exact_scores(
    index: Bm25, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = search_tokens("科技创新人才计划 政协委员")
    oracle = plain_bm25(tokens, [search_tokens(text) for text in texts])
    exact = best_rows(index, tokens, 10)
    monkeypatch.setattr(postings, "BUDGET", 1)
    monkeypatch.setattr(postings, "CANDIDATES", 60)
    best = best_rows(index, tokens, 10)
    assert scores_of(index, tokens, best) == pytest.approx(np.array(oracle)[best], abs=1e-4)
    with_rare = [row for row, text in enumerate(texts) if "政协委员" in text]
    assert 0 < len(with_rare) < 30
    assert set(exact.tolist()) & set(with_rare) <= set(best.tolist())
    assert {row for row in best.tolist() if row in with_rare} == set(with_rare) & set(best.tolist()) != set()


@pytest.mark.parametrize("budget", [1, 60, 150, 400])
def test_whatever_the_budget_rows_are_ranked_by_their_whole_scores(
    index: Bm25, texts: list[str], monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    monkeypatch.setattr(postings, "BUDGET", budget)
    monkeypatch.setattr(postings, "CANDIDATES", 100 * len(texts))
    for question in QUESTIONS:
        tokens = search_tokens(question)
        proposed = best_rows(index, tokens, len(texts))
        scores = scores_of(index, tokens, proposed)
        best = best_rows(index, tokens, 5)
        assert sorted(scores_of(index, tokens, best)) == pytest.approx(sorted(scores)[-5:], abs=1e-6)


@pytest.mark.parametrize("few", [3, 10_000], ids=["many", "few"])
def test_only_allowed_rows_are_found(index: Bm25, texts: list[str], monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(postings, "FEW_ROWS", few)
    for seed, question in enumerate(QUESTIONS):
        tokens = search_tokens(question)
        allowed = np.sort(np.random.default_rng(seed).choice(len(texts), 50, replace=False))
        scores = np.full(len(texts), -1.0)
        scores[allowed] = scores_of(index, tokens, allowed)
        order = [row for row in np.argsort(-scores, kind="stable")[:10] if scores[row] > 0]
        assert best_rows(index, tokens, 10, allowed).tolist() == sorted(order)
    assert best_rows(index, search_tokens(QUESTIONS[0]), 10, places()).tolist() == []


# --- edges ----------------------------------------------------------------------------------------------------------


def test_a_count_above_255_scores_as_255(tmp_path: Path) -> None:
    texts = ["科" * 600, "科技" * 300, "科技创新", "人才"]
    rows, tokens = np.arange(4), [search_tokens(text) for text in texts]
    scores = scores_of(write(tmp_path, texts), ["科"], rows)
    assert scores == pytest.approx(plain_bm25(["科"], tokens), rel=0.01)
    assert scores[3] == 0
    mean = sum(map(len, tokens)) / 4
    idf = np.log(1 + (4 - 3 + 0.5) / (3 + 0.5))
    norm = 1.5 * (0.25 + 0.75 * 1199 / mean)
    assert scores[:2] == pytest.approx([idf * 255 / (255 + norm)] * 2, rel=1e-5)


@pytest.mark.parametrize("question", ["鯨魚", "whale 404", "", "？！"])
def test_no_known_token_finds_nothing(index: Bm25, texts: list[str], question: str) -> None:
    tokens = search_tokens(question)
    assert best_rows(index, tokens, 10).tolist() == []
    assert best_rows(index, tokens, 10, places(1, 2)).tolist() == []
    assert scores_of(index, tokens, np.arange(len(texts))).tolist() == [0.0] * len(texts)


def test_an_index_without_rows_finds_nothing(tmp_path: Path) -> None:
    index = write(tmp_path / "none", [])
    assert (index.row_count, best_rows(index, ["基"], 10).tolist(), scores_of(index, ["基"], places()).tolist()) == (
        0,
        [],
        [],
    )
    emptied = tmp_path / "emptied"
    write_postings(emptied, [(write(tmp_path / "some", ["基金", "g60"]), places(-1, -1))], 0)
    assert contents(emptied) == contents(tmp_path / "none" / "bm25")


def test_an_index_without_a_token_finds_nothing_and_takes_additions(tmp_path: Path) -> None:
    index = write(tmp_path / "none", ["！", "", "😀"])
    assert best_rows(index, ["基"], 10).tolist() == []
    assert scores_of(index, ["基"], np.arange(3)).tolist() == [0.0, 0.0, 0.0]
    added = fresh(tmp_path / "fresh", ["基金"])
    write_postings(tmp_path / "merged", [(index, places(0, 2, 3)), (added, places(1))], 4)
    assert contents(tmp_path / "merged") == contents_of_new(tmp_path, ["！", "基金", "", "😀"])
    assert best_rows(Bm25(tmp_path / "merged"), ["基"], 10).tolist() == [1]


def test_a_file_of_a_wrong_size_cannot_be_opened(tmp_path: Path) -> None:
    write(tmp_path, ["基金总规模", "人才"])
    (tmp_path / "bm25" / "columns.u8").write_bytes(b"\x01")
    with pytest.raises(ValueError, match="reshape"):
        Bm25(tmp_path / "bm25")
