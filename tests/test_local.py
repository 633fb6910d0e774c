"""What an index holds and how it scores: against brute force in NumPy and a plain BM25."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import generations
from app.chunking import index_text, make_chunks
from app.errors import IndexMismatchError
from app.loading import make_document
from app.stores.local import LocalStore, local_writer, open_local
from app.text import search_tokens
from app.types import Chunk, Document, Progress, Span, Vectors
from tests.conftest import HashingEncoder
from tests.indexing import (
    ENCODER,
    CountingEncoder,
    OtherModel,
    OtherWeights,
    chunks,
    opened,
    plain_bm25,
    short,
    stamp_of,
    store,
)


def searched_texts(index: LocalStore) -> list[str]:
    return [index_text(index.documents[chunk.document_id], chunk) for chunk in chunks(index)]


def stored_vectors(texts: list[str]) -> Vectors:
    """Return the vectors of texts as an index keeps them: in half precision."""
    return ENCODER.encode_passages(texts).astype(np.float16).astype(np.float32)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, reply: Document) -> LocalStore:
    """The reply, and its points once more as documents of their own."""
    root = tmp_path_factory.mktemp("index")
    points = [section.span.of(reply.text) for section in reply.sections if section.path[-1].endswith("是")]
    store(root, [reply, *(short(f"第{i}点", text) for i, text in enumerate(points))])
    return opened(root)


# --- what it holds --------------------------------------------------------------------------------------------------


def test_documents_and_chunks_come_back_as_they_were(tmp_path: Path, reply: Document) -> None:
    documents = [reply, short("空", ""), make_document("英文", "The fund has 10 billion yuan.", sha256="abc")]
    store(tmp_path, documents)
    index = opened(tmp_path)
    assert list(index.documents.values()) == documents
    assert chunks(index) == [chunk for document in documents for chunk in make_chunks(document)]
    assert all(chunk.text == chunk.span.of(index.documents[chunk.document_id].text) for chunk in chunks(index))
    for document in documents:
        assert list(index.chunks_of(document.id)) == make_chunks(document)
    with pytest.raises(KeyError, match="没有"):
        index.chunks_of("没有")


def test_the_manifest_says_what_the_index_was_made_of(tmp_path: Path, reply: Document) -> None:
    store(tmp_path, [reply])
    _, manifest = generations.read_manifest(tmp_path)
    assert manifest["encoder"] == {"name": "hashing", "fingerprint": "hashing-1", "dim": 64}
    assert manifest["documents"] == 1
    assert manifest["chunks"] == 21
    assert manifest["sources"] == {}
    assert set(manifest["libraries"]) == {"faiss-cpu", "numpy"}


def test_a_chunk_is_searched_with_its_title_and_heading_once(reply: Document) -> None:
    chunk = next(chunk for chunk in make_chunks(reply) if chunk.heading == ("下阶段", "一是"))
    assert index_text(reply, chunk).startswith(
        "对市政协十四届二次会议 第 0608 号提案的答复 下阶段 一是 一是强化科技人才工作统筹。"
    )
    titled = Document("x", "关于转化的通知", "关于转化的通知\n正文。")
    assert index_text(titled, Chunk("c", "x", Span(0, 11), "关于转化的通知\n正文。")) == "关于转化的通知\n正文。"


@pytest.mark.parametrize("texts", [["！！！？"], ["😀", "……"], ["！！！", "有字。"]])
def test_texts_without_any_word_can_be_indexed(tmp_path: Path, texts: list[str]) -> None:
    store(tmp_path, [make_document(f"{i}", text, title="。") for i, text in enumerate(texts)])
    index = opened(tmp_path)
    found = index.candidates(ENCODER.encode_queries(["有字"])[0], search_tokens("有字"), 10)
    assert found.rows.tolist() == list(range(len(texts)))
    assert [score > 0 for score in found.sparse] == [text == "有字。" for text in texts]


# --- dense ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_dense_scores_are_those_of_brute_force(index: LocalStore, seed: int) -> None:
    vector = np.random.default_rng(seed).normal(size=64).astype(np.float32)
    vector /= np.linalg.norm(vector)
    texts = searched_texts(index)
    oracle = stored_vectors(texts) @ vector
    assert oracle == pytest.approx(ENCODER.encode_passages(texts) @ vector, abs=5e-4)
    found = index.candidates(vector, [], index.chunk_count)
    assert found.rows.tolist() == list(range(index.chunk_count))
    assert found.dense == pytest.approx(oracle, abs=1e-6)
    assert found.sparse.tolist() == [0.0] * index.chunk_count
    for limit in (1, 3, 7):
        best = np.argsort(-oracle, kind="stable")[:limit]
        nearest = index.candidates(vector, [], limit)
        assert set(best) <= set(nearest.rows.tolist())
        assert nearest.dense == pytest.approx(oracle[nearest.rows], abs=1e-6)


# --- BM25 -----------------------------------------------------------------------------------------------------------


QUERIES = [
    "G60基金多大",
    "四类人才计划一共资助了多少人，花了多少钱？",
    "上海有哪四大產業鏈聯盟",
    "InnoMatch 10311",
    "科技科技科技",
    "没有的詞：鯨魚",
    "the fund",
    "？！",
]


@pytest.mark.parametrize("query", QUERIES)
def test_sparse_scores_are_those_of_a_plain_bm25(index: LocalStore, query: str) -> None:
    texts = [search_tokens(text) for text in searched_texts(index)]
    oracle = plain_bm25(search_tokens(query), texts)
    found = index.candidates(ENCODER.encode_queries([query])[0], search_tokens(query), index.chunk_count)
    assert found.sparse == pytest.approx(oracle, abs=1e-4)
    order = sorted(range(len(oracle)), key=lambda row: -round(oracle[row], 4))
    assert np.argsort(-found.sparse.round(4), kind="stable").tolist() == order


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.text(alphabet="科技创新人才ab。 ", min_size=1, max_size=12), min_size=1, max_size=6),
    st.text(alphabet="科技创新人才ab转", max_size=8),
)
def test_sparse_scores_of_any_texts_are_those_of_a_plain_bm25(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], query: str
) -> None:
    root = tmp_path_factory.mktemp("bm25")
    documents = [make_document(str(i), f"甲{text}", title="。") for i, text in enumerate(texts)]
    store(root, documents)
    index = opened(root)
    oracle = plain_bm25(search_tokens(query), [search_tokens(document.text) for document in documents])
    found = index.candidates(ENCODER.encode_queries([query])[0], search_tokens(query), 100)
    assert found.sparse == pytest.approx(oracle, abs=1e-4)


def test_candidates_are_the_best_of_both_signals(index: LocalStore) -> None:
    query = "基金总规模"
    tokens = search_tokens(query)
    vector = ENCODER.encode_queries(["扬帆专项"])[0]
    whole = index.candidates(vector, tokens, index.chunk_count)
    for limit in (1, 2, 5):
        by_words = [row for row in np.argsort(-whole.sparse, kind="stable")[:limit] if whole.sparse[row] > 0]
        best = {*np.argsort(-whole.dense, kind="stable")[:limit], *by_words}
        assert index.candidates(vector, tokens, limit).rows.tolist() == sorted(best)


def test_chunks_without_a_word_of_the_question_are_no_candidates_for_their_words(index: LocalStore) -> None:
    vector, tokens = ENCODER.encode_queries(["基金"])[0], search_tokens("InnoMatch")
    whole = index.candidates(vector, tokens, index.chunk_count)
    nearest = set(index.candidates(vector, [], 5).rows.tolist())
    expected = sorted(nearest | set(np.flatnonzero(whole.sparse > 0).tolist()))
    assert index.candidates(vector, tokens, 5).rows.tolist() == expected


# --- some documents only --------------------------------------------------------------------------------------------


def test_only_the_chosen_documents_are_searched(index: LocalStore) -> None:
    vector, tokens = ENCODER.encode_queries(["基金"])[0], search_tokens("基金")
    for chosen in (["第3点"], ["第0点", "第5点"], ("沪科提复〔2024〕38号.txt",), {"第1点", "没有"}):
        found = index.candidates(vector, tokens, 5, chosen)
        assert {chunk.document_id for chunk in index.chunks_at(found.rows.tolist())} == set(chosen) & set(
            index.documents
        )
    everything = index.candidates(vector, tokens, 1000)
    assert index.candidates(vector, tokens, 1000, list(index.documents)).dense.tolist() == everything.dense.tolist()


@pytest.mark.parametrize("chosen", [[], ["没有"]])
def test_no_chosen_document_gives_no_candidates(index: LocalStore, chosen: list[str]) -> None:
    found = index.candidates(ENCODER.encode_queries(["基金"])[0], ["基"], 5, chosen)
    assert (found.rows.size, found.dense.size, found.sparse.size) == (0, 0, 0)


def test_the_chunk_that_holds_an_offset(index: LocalStore, reply: Document) -> None:
    for offset in (0, reply.text.index("23112495"), reply.text.index("四类计划"), len(reply.text) - 1):
        chunk = index.chunk_at(reply.id, offset)
        assert chunk.document_id == reply.id
        assert chunk.span.start <= offset < chunk.span.end
    assert index.chunk_at("第2点", 0).text.startswith("三是增加人才交流。")


# --- building again -------------------------------------------------------------------------------------------------


def test_only_new_texts_are_encoded(tmp_path: Path) -> None:
    first, second = short("甲", "扬帆专项面向32周岁以下。"), short("乙", "启明星面向35周岁以下。")
    encoder = CountingEncoder()
    assert store(tmp_path, [first], encoder) == 1
    assert store(tmp_path, [second, first], encoder) == 1
    assert encoder.encoded == ["甲 扬帆专项面向32周岁以下。", "乙 启明星面向35周岁以下。"]
    assert store(tmp_path, [first, second], encoder) == 0
    changed = short("甲", "扬帆专项面向30周岁以下。")
    assert store(tmp_path, [changed, second], encoder) == 1
    assert encoder.encoded[2:] == ["甲 扬帆专项面向30周岁以下。"]


def test_reused_vectors_belong_to_their_texts(tmp_path: Path) -> None:
    texts = ["扬帆专项面向32周岁以下。", "启明星面向35周岁以下。", "基金总规模100亿元。"]
    store(tmp_path, [short(text[:3], text) for text in texts[:2]])
    store(tmp_path, [short(text[:3], text) for text in reversed(texts)])
    index = opened(tmp_path)
    vector = ENCODER.encode_queries(["基金"])[0]
    assert index.candidates(vector, [], 10).dense == pytest.approx(
        stored_vectors(searched_texts(index)) @ vector, abs=1e-6
    )


def test_the_same_text_is_encoded_once(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    documents = [make_document(name, "专此函复。", title="答复") for name in ("甲", "乙", "丙")]
    assert store(tmp_path, documents, encoder) == 1
    assert encoder.encoded == ["答复 专此函复。"]
    assert opened(tmp_path).chunk_count == 3


def test_a_rebuild_encodes_everything(tmp_path: Path, reply: Document) -> None:
    encoder = CountingEncoder()
    assert [store(tmp_path, [reply], encoder, reuse=reuse) for reuse in (True, True, False)] == [21, 0, 21]


def test_what_was_removed_is_not_found_any_more(tmp_path: Path) -> None:
    kept, removed = short("留", "基金总规模100亿元。"), short("删", "扬帆专项面向32周岁以下。")
    store(tmp_path, [kept, removed])
    store(tmp_path, [kept])
    index = opened(tmp_path)
    assert list(index.documents) == ["留"]
    found = index.candidates(ENCODER.encode_queries(["扬帆专项"])[0], search_tokens("扬帆专项"), 10)
    assert [chunk.document_id for chunk in index.chunks_at(found.rows.tolist())] == ["留"]
    assert found.sparse.tolist() == [0.0]
    folder, _ = generations.read_manifest(tmp_path)
    assert all("扬帆".encode() not in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (OtherModel(), "was built with encoder hashing (64 dims); settings name bge-m3."),
        (OtherWeights(), "was built with other weights of encoder hashing."),
    ],
)
def test_an_index_of_another_encoder_is_refused_and_rebuilt(
    tmp_path: Path, reply: Document, encoder: HashingEncoder, message: str
) -> None:
    store(tmp_path, [reply])
    with pytest.raises(IndexMismatchError) as caught:
        opened(tmp_path, encoder)
    assert str(caught.value) == f"{tmp_path} {message} Run: youju build --rebuild"
    assert store(tmp_path, [reply], encoder) == 21
    assert opened(tmp_path, encoder).vectors.stored.shape == (21, encoder.dim)


def test_an_index_can_be_opened_without_its_encoder(tmp_path: Path, reply: Document) -> None:
    store(tmp_path, [reply])
    assert list(open_local(tmp_path, "hashing").documents) == [reply.id]


def test_an_index_of_another_format_is_refused(
    tmp_path: Path, reply: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path, [reply])
    monkeypatch.setattr("app.stores.local.FORMAT", 99)
    with pytest.raises(IndexMismatchError, match=r"has format \d+, not 99\. Run: youju build --rebuild"):
        opened(tmp_path)


def test_the_long_stages_are_reported(tmp_path: Path, reply: Document) -> None:
    reported: list[tuple[str, int, int]] = []

    def report(stage: str) -> Progress:
        return lambda done, total: reported.append((stage, done, total))

    with generations.builder_lock(tmp_path), local_writer(tmp_path, ENCODER, report=report) as writer:
        writer.add(reply, make_chunks(reply), stamp_of(reply))
        writer.commit({})
    assert reported == [("encoding", 21, 21)]
