"""The index in Milvus, against real milvus-lite: a file, or behind an address as a cluster is."""

import contextlib
import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from milvus_lite.adapter.grpc.server import start_server_in_thread
from milvus_lite.server_manager import server_manager_instance

from app import generations
from app.chunking import chunk_of, index_text, make_chunks
from app.errors import (
    ConfigError,
    IndexBusyError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    IndexProblem,
    IndexServerError,
)
from app.loading import make_document
from app.stores import milvus, milvus_lease, milvus_server, milvus_writer
from app.stores.local import LocalStore, local_writer, open_local
from app.stores.milvus import MilvusStore, open_milvus, read_milvus_manifest
from app.stores.milvus_server import parse_address
from app.stores.milvus_writer import MilvusWriter
from app.text import search_tokens
from app.types import Chunk, Document, Field, Section, Span, Vectors
from tests.conftest import HashingEncoder
from tests.endless_milvus_builder import NEW, OLD, stamp_of, write_once
from tests.indexing import CountingEncoder, OtherModel, OtherWeights, plain_bm25

pytestmark = pytest.mark.milvus

ENCODER = HashingEncoder()
ROOT = Path(__file__).parent.parent


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The address of a milvus-lite file."""
    yield f"milvus://{tmp_path}/index.db"
    server_manager_instance.release_server(f"{tmp_path}/index.db")


class Running:
    """A milvus-lite server behind an address, that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, 0
        self.start()

    def start(self) -> None:
        self._server, self._database, self.port = start_server_in_thread(str(self.folder), port=self.port)

    def stop(self) -> None:
        self._server.stop(grace=0).wait()
        self._database.close()

    @property
    def url(self) -> str:
        return f"milvus://127.0.0.1:{self.port}"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path / "server")
    yield server
    server.stop()


def store(
    url: str, documents: Sequence[Document], encoder: HashingEncoder = ENCODER, reader: str = "r", reuse: bool = True
) -> int:
    """Build as app.building will: what stands in the index already is kept, the rest is added."""
    with MilvusWriter(url, encoder, reader=reader, reuse=reuse) as writer:
        for document in documents:
            if writer.has(document.id, stamp_of(document)):
                writer.keep(document.id)
            else:
                writer.add(document, make_chunks(document), stamp_of(document))
        return writer.commit({"sources": {}})


def opened(url: str, encoder: HashingEncoder = ENCODER) -> MilvusStore:
    return open_milvus(url, encoder.name, encoder.fingerprint)


def short(document_id: str, text: str) -> Document:
    return make_document(document_id, text, title=document_id)


def chunks_of(documents: Sequence[Document]) -> list[Chunk]:
    return [chunk for document in documents for chunk in make_chunks(document)]


@pytest.fixture(scope="module")
def documents(reply: Document) -> list[Document]:
    """The reply, its points once more as documents of their own, and some that hold signs only."""
    points = [section.span.of(reply.text) for section in reply.sections if section.path[-1].endswith("是")]
    signs = [make_document("表情", "😀……！", title="。"), make_document("问号", "？！", title="。")]
    return [reply, *(short(f"第{i}点", text) for i, text in enumerate(points)), *signs]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, documents: Sequence[Document]) -> Iterator[MilvusStore]:
    url = f"milvus://{tmp_path_factory.mktemp('whole')}/index.db"
    store(url, documents)
    server = opened(url)
    yield server
    server.close()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, documents: Sequence[Document]) -> LocalStore:
    """The same in the local store."""
    root = tmp_path_factory.mktemp("local")
    with generations.builder_lock(root), local_writer(root, ENCODER) as writer:
        for document in documents:
            writer.add(document, make_chunks(document), stamp_of(document))
        writer.commit({})
    return open_local(root, ENCODER.name, ENCODER.fingerprint)


# --- what it holds --------------------------------------------------------------------------------------------------


def test_documents_and_chunks_come_back_as_they_were(url: str, reply: Document) -> None:
    quotes = '他说："第‘一’条\\n"。\t😀\u2028👩‍👩‍👧 \x00 𠮷野家。'
    fields = (Field("文号", 'O\'Neil "38" \\', Span(0, 3)), Field("日期", "2024", Span(1, 2)))
    sections = (Section(("一", '"二"'), Span(0, 4)), Section((), Span(2, 3)))
    stored = [
        reply,
        Document("引号", "a\"b'c", quotes, sections, fields, source="甲/乙.txt", sha256="ab" * 32),
        short("空", ""),
        short("长", "科技创新，" * 40_000),
    ]
    store(url, stored)
    index = opened(url)
    assert list(index.documents) == [document.id for document in stored]
    assert list(index.documents.values()) == stored
    assert len(index.documents) == 4
    assert "空" in index.documents
    assert "没有" not in index.documents
    assert index.chunk_count == len(chunks_of(stored))
    assert [chunk for document in stored for chunk in index.chunks_of(document.id)] == chunks_of(stored)
    assert index.chunks_at(range(index.chunk_count)) == chunks_of(stored)
    assert index.chunks_at([5, 2, 5]) == [chunks_of(stored)[i] for i in (5, 2, 5)]
    with pytest.raises(KeyError):
        index.chunks_of("没有")


def test_a_chunk_too_long_for_a_row_comes_back(url: str) -> None:
    first, second = short("甲", "甲方。"), short("乙", "乙方。")
    chunk = chunk_of(second, Span(0, 3), ("很长的标题" * 4000,))
    with MilvusWriter(url, ENCODER) as writer:
        writer.add(first, make_chunks(first), stamp_of(first))
        writer.add(second, [chunk], stamp_of(second))
        writer.commit({})
    assert opened(url).chunks_at([1, 0]) == [chunk, *make_chunks(first)]


def test_the_chunk_that_holds_an_offset(whole: MilvusStore, reply: Document) -> None:
    for offset in (0, reply.text.index("23112495"), reply.text.index("四类计划"), len(reply.text) - 1):
        chunk = whole.chunk_at(reply.id, offset)
        assert chunk.document_id == reply.id
        assert chunk.span.start <= offset < chunk.span.end
    assert whole.chunk_at("第2点", 0).text.startswith("三是增加人才交流。")


def test_the_manifest_says_what_the_index_was_made_of(url: str, reply: Document) -> None:
    store(url, [reply])
    generation, manifest = read_milvus_manifest(url)
    assert generation == opened(url).version
    assert manifest["encoder"] == {"name": "hashing", "fingerprint": "hashing-1", "dim": 64}
    assert (manifest["documents"], manifest["chunks"], manifest["sources"], manifest["reader"]) == (1, 21, {}, "r")


# --- scores ---------------------------------------------------------------------------------------------------------


def some_vector(seed: int) -> Vectors:
    """Return a vector of unit length to which no two chunks are equally close."""
    vector = np.random.default_rng(seed).normal(size=64).astype(np.float32)
    unit: Vectors = vector / np.linalg.norm(vector)
    return unit


def cosines(documents: Sequence[Document], vector: Vectors) -> Vectors:
    """Return the cosine of each chunk and a vector, by brute force."""
    texts = [index_text(document, chunk) for document in documents for chunk in make_chunks(document)]
    found: Vectors = ENCODER.encode_passages(texts) @ vector
    return found


QUERIES = [
    "G60基金多大",
    "四类人才计划一共资助了多少人，花了多少钱？",
    "上海有哪四大產業鏈聯盟",
    "科技科技科技",
    "鯨魚",
    "？！",
]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("limit", [1, 5, 1000])
def test_candidates_are_those_of_the_local_store(
    whole: MilvusStore, local: LocalStore, documents: Sequence[Document], query: str, limit: int
) -> None:
    vector, tokens = some_vector(len(query)), search_tokens(query)
    found, expected = (index.candidates(vector, tokens, limit) for index in (whole, local))
    assert found.rows.tolist() == expected.rows.tolist()
    assert [scores.dtype.name for scores in (found.rows, found.dense, found.sparse)] == ["int64", "float32", "float32"]
    assert found.dense == pytest.approx(cosines(documents, vector)[found.rows], abs=1e-6)
    assert found.dense == pytest.approx(expected.dense, abs=1e-3)  # it keeps vectors in half precision
    assert found.sparse == pytest.approx(expected.sparse, abs=1e-4)


@settings(max_examples=10)
@given(
    st.lists(st.text(alphabet="科技创新人才ab。 ", min_size=1, max_size=12), min_size=1, max_size=6),
    st.text(alphabet="科技创新人才ab转", max_size=8),
)
def test_scores_of_any_texts_are_those_of_brute_force_and_a_plain_bm25(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], query: str
) -> None:
    url = f"milvus://{tmp_path_factory.getbasetemp()}/any.db"
    documents = [make_document(str(i), f"甲{text}", title="。") for i, text in enumerate(texts)]
    store(url, documents)
    tokens = [search_tokens(index_text(documents[int(chunk.document_id)], chunk)) for chunk in chunks_of(documents)]
    found = opened(url).candidates(some_vector(1), search_tokens(query), 100)
    assert found.rows.tolist() == list(range(len(tokens)))
    assert found.dense == pytest.approx(cosines(documents, some_vector(1)), abs=1e-6)
    assert found.sparse == pytest.approx(plain_bm25(search_tokens(query), tokens), abs=1e-4)


def test_only_the_chosen_documents_are_searched(whole: MilvusStore, local: LocalStore) -> None:
    vector, tokens = some_vector(7), search_tokens("基金")
    for chosen in (["第3点"], ["第0点", "第5点"], ("沪科提复〔2024〕38号.txt",), {"第1点", "没有"}):
        found, expected = (index.candidates(vector, tokens, 1000, chosen) for index in (whole, local))
        assert found.rows.tolist() == expected.rows.tolist()
        assert found.sparse == pytest.approx(expected.sparse, abs=1e-4)
        assert {chunk.document_id for chunk in whole.chunks_at(found.rows.tolist())} == set(chosen) - {"没有"}


@pytest.mark.parametrize("chosen", [[], ["没有"], ['" or row >= 0 or "" == "'], ["x'] or row >= 0 or document in [0"]])
def test_no_chosen_document_gives_no_candidates(whole: MilvusStore, chosen: list[str]) -> None:
    found = whole.candidates(some_vector(1), ["基"], 5, chosen)
    assert (found.rows.size, found.dense.size, found.sparse.size) == (0, 0, 0)


def test_any_printable_id_chooses_its_document_only(url: str) -> None:
    ids = ['a"b', "a'b", "a\\", '" or row >= 0 or "', "] or row >= 0 or document in [", "{x}", "%", "甲\u2028乙", "😀"]
    store(url, [short(document_id, "基金总规模100亿元。") for document_id in ids])
    index = opened(url)
    for row, document_id in enumerate(ids):
        assert index.candidates(some_vector(1), ["基"], 5, [document_id]).rows.tolist() == [row]
        assert index.chunks_at([row])[0].document_id == document_id


def test_a_graph_of_vectors_finds_the_same(running: Running, documents: Sequence[Document]) -> None:
    """What a cluster gets for a large index; milvus-lite knows the graph too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(milvus_writer, "EXACT_UP_TO", 0)
        patch.setattr(milvus_server.Server, "is_lite", lambda server: False)
        store(running.url, documents)
    index = opened(running.url)
    assert index.manifest["vectors"] == "HNSW"
    everything = cosines(documents, some_vector(3))
    found = index.candidates(some_vector(3), search_tokens("基金"), 5)
    assert set(np.argsort(-everything)[:5]) <= set(found.rows.tolist())
    assert found.dense == pytest.approx(everything[found.rows], abs=1e-6)


# --- building again -------------------------------------------------------------------------------------------------


def test_only_new_texts_are_encoded(url: str) -> None:
    first, second = short("甲", "扬帆专项面向32周岁以下。"), short("乙", "启明星面向35周岁以下。")
    encoder = CountingEncoder()
    assert store(url, [first], encoder) == 1
    assert store(url, [second, first], encoder) == 1
    assert encoder.encoded == ["甲 扬帆专项面向32周岁以下。", "乙 启明星面向35周岁以下。"]
    assert store(url, [first, second], encoder) == 0
    assert store(url, [first, second], encoder, reader="another") == 0
    changed = short("甲", "扬帆专项面向30周岁以下。")
    assert store(url, [changed, second], encoder) == 1
    assert encoder.encoded[2:] == ["甲 扬帆专项面向30周岁以下。"]
    assert store(url, [changed, second], encoder, reuse=False) == 2


def test_what_is_kept_is_searched_as_if_it_were_new(url: str, tmp_path: Path, documents: Sequence[Document]) -> None:
    store(url, [short("新", "不再有。"), *documents[::-1]])
    store(url, documents)
    store(other := f"milvus://{tmp_path}/other.db", documents)
    kept, fresh = (opened(place).candidates(some_vector(1), search_tokens("基金总规模"), 7) for place in (url, other))
    assert kept.rows.tolist() == fresh.rows.tolist()
    assert kept.dense == pytest.approx(fresh.dense, abs=1e-6)
    assert kept.sparse == pytest.approx(fresh.sparse, abs=1e-6)
    assert list(opened(url).documents.values()) == list(documents)


def test_only_what_was_read_and_encoded_as_now_is_kept(url: str) -> None:
    document = short("甲", "扬帆专项面向32周岁以下。")
    store(url, [document])
    for encoder, reader, stamp, expected in (
        (ENCODER, "r", stamp_of(document), True),
        (ENCODER, "r", bytes(32), False),
        (ENCODER, "another", stamp_of(document), False),
        (OtherWeights(), "r", stamp_of(document), False),
    ):
        with MilvusWriter(url, encoder, reader=reader) as writer:
            assert writer.has("甲", stamp) == expected
            assert not writer.has("乙", stamp)
    assert opened(url).chunk_count == 1


def everything_in(index: MilvusStore) -> str:
    """Return all that stands in any collection of ours."""
    found = []
    for name in index.server.call("list_collections"):
        (key, *_), fields = ("part", "content") if "documents" in name else ("row", "key", "content"), ["content"]
        found += index.server.call("query", name, filter=f"{key} > -1000", output_fields=fields)
    return "".join(row["content"] for row in found)


def test_what_was_removed_is_not_found_any_more_and_soon_gone(url: str) -> None:
    kept, removed = short("留", "基金总规模100亿元。"), short("删", "扬帆专项面向32周岁以下。")
    store(url, [kept, removed])
    store(url, [kept])
    index = opened(url)
    assert list(index.documents) == ["留"]
    found = index.candidates(ENCODER.encode_queries(["扬帆专项"])[0], search_tokens("扬帆专项"), 10)
    assert [chunk.document_id for chunk in index.chunks_at(found.rows.tolist())] == ["留"]
    assert found.sparse.tolist() == [0.0]
    assert "扬帆" in everything_in(index)  # in the replaced generation, for those who are just reading it
    store(url, [kept])
    assert "扬帆" not in everything_in(index)
    assert "基金" in everything_in(index)
    assert len(index.server.call("list_collections")) == 4


def test_readers_see_a_build_when_it_is_done(url: str) -> None:
    first, second = short("甲", "扬帆专项。"), short("乙", "启明星。")
    store(url, [first])
    before = opened(url)
    with MilvusWriter(url, ENCODER) as writer:
        writer.add(second, make_chunks(second), stamp_of(second))
        assert list(opened(url).documents) == ["甲"]
        writer.commit({})
        assert list(opened(url).documents) == ["乙"]
    assert before.version != before.newest_version() == opened(url).version
    assert before.chunks_at([0]) == make_chunks(first)
    store(url, [second])
    with pytest.raises(IndexDamagedError, match="is gone"):
        before.chunks_at([0])


def test_a_build_that_fails_leaves_nothing(url: str) -> None:
    store(url, [short("甲", "扬帆专项。")])
    collections = opened(url).server.call("list_collections")

    def fail() -> None:
        with MilvusWriter(url, ENCODER) as writer:
            writer.add(second := short("乙", "启明星。"), make_chunks(second), stamp_of(second))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    index = opened(url)
    assert list(index.documents) == ["甲"]
    assert index.server.call("list_collections") == collections


# --- two builders ---------------------------------------------------------------------------------------------------


def test_a_second_builder_is_told(running: Running) -> None:
    document = short("甲", "扬帆专项。")
    with MilvusWriter(running.url, ENCODER) as writer:
        with pytest.raises(IndexBusyError, match=r"another build of .* is under way \(last sign of life \d s ago\)"):
            store(running.url, [document])
        writer.add(document, make_chunks(document), stamp_of(document))
        writer.commit({})
    assert store(running.url, [document]) == 0
    assert len(opened(running.url).server.call("list_collections")) == 4


def test_a_builder_shows_that_it_lives(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus_lease, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(milvus_lease, "SILENCE_SECONDS", 1.5)
    with MilvusWriter(running.url, ENCODER):
        time.sleep(3)
        with pytest.raises(IndexBusyError):
            store(running.url, [short("甲", "扬帆专项。")])


def test_a_silent_builder_is_robbed_and_told(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = short("甲", "扬帆专项。"), short("乙", "启明星。")
    for is_filled in (True, False):
        with MilvusWriter(running.url, ENCODER) as writer:
            if is_filled:
                writer.add(mine, make_chunks(mine), stamp_of(mine))
            with monkeypatch.context() as patch:
                patch.setattr(milvus_lease, "SILENCE_SECONDS", 0.0)
                store(running.url, [theirs])
            with pytest.raises(IndexBusyError, match="has taken over"):
                writer.commit({})
        assert list(opened(running.url).documents) == ["乙"]
    store(running.url, [theirs])
    assert len(opened(running.url).server.call("list_collections")) == 4


# --- killed -----------------------------------------------------------------------------------------------------------


def kill_builders(url: str, times: int, look: Callable[[], None], seen: Collection[str], seed: int) -> None:
    """Let builders run for a moment each, kill them, and look each time, until more than one version was seen.

    On a machine with other work the moments grow, so that some builder comes to its end.
    """
    chance = random.Random(seed)
    command = [sys.executable, "-m", "tests.endless_milvus_builder", url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        for n in range(40):
            if n >= times and len(seen) > 1:
                break
            print(file=parent.stdin, flush=True)
            process = int(parent.stdout.readline())
            time.sleep(chance.uniform(0.2, 1.0 + 0.2 * max(0, n - times)))
            os.kill(process, signal.SIGKILL)
            parent.stdout.readline()
            look()
        parent.stdin.close()


def is_whole(index: MilvusStore) -> bool:
    """Tell whether all of an index is of one build."""
    text = index.manifest["text"]
    found = index.candidates(ENCODER.encode_queries([text])[0], search_tokens(text), 10)
    texts = [chunk.text for chunk in index.chunks_at(range(6))]
    return (
        texts == [chunk.text for document in index.documents.values() for chunk in make_chunks(document)]
        and [text in chunk for chunk in texts] == [True] * 5 + [False]
        and found.rows.tolist() == list(range(6))
        and text in (OLD, NEW)
    )


def test_a_builder_that_is_killed_leaves_the_old_index_or_the_new(running: Running) -> None:
    write_once(running.url, OLD)
    seen: set[str] = set()

    def look() -> None:
        index = opened(running.url)
        assert is_whole(index)
        seen.add(index.version)
        index.close()

    kill_builders(running.url, 6, look, seen, seed=1)
    assert len(seen) > 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(milvus_lease, "SILENCE_SECONDS", 0.0)
        write_once(running.url, NEW)
        write_once(running.url, NEW)
    assert len(opened(running.url).server.call("list_collections")) == 4


def test_a_file_whose_builder_is_killed_holds_the_old_index_or_the_new(url: str) -> None:
    write_once(url, OLD)
    server_manager_instance.release_server(url.removeprefix("milvus://"))
    seen: set[str] = set()

    def look() -> None:
        index = opened(url)
        assert is_whole(index)
        seen.add(index.version)
        server_manager_instance.release_server(url.removeprefix("milvus://"))

    kill_builders(url, 5, look, seen, seed=2)
    assert len(seen) > 1
    write_once(url, NEW)  # at once: nobody else can have the file open
    write_once(url, NEW)
    assert len(opened(url).server.call("list_collections")) == 4


# --- what can be wrong ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    started = time.perf_counter()
    yield
    assert time.perf_counter() - started < seconds


def test_a_server_that_is_down_is_named_within_seconds() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"milvus://root:geheim@127.0.0.1:{port}/office"
    for use in (lambda: opened(url), lambda: read_milvus_manifest(url), lambda: store(url, [])):
        with at_most(2), pytest.raises(IndexServerError) as caught:
            use()
        assert str(caught.value) == (
            f"the Milvus server milvus://127.0.0.1:{port}/office does not answer (connecting, within 5 s); "
            "is it running, is the address right?"
        )


def test_a_server_that_hangs_is_named_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus_server, "CONNECT_SECONDS", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with at_most(3), pytest.raises(IndexServerError, match=r"does not answer \(connecting, within 1 s\)"):
            opened(f"milvus://127.0.0.1:{silent.getsockname()[1]}")


def test_an_open_index_works_again_when_its_server_does(running: Running) -> None:
    store(running.url, [short("甲", "扬帆专项。")])
    index = opened(running.url)
    running.stop()
    for _ in range(2):
        with at_most(5), pytest.raises(IndexServerError, match="does not answer"):
            index.candidates(some_vector(1), ["扬"], 5)
    running.start()
    assert index.candidates(some_vector(1), ["扬"], 5).rows.tolist() == [0]
    index.check()
    assert index.newest_version() == index.version


class Refusing(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers each call as a server whose user or password is wrong."""

    def service(self, handler_call_details: object) -> grpc.RpcMethodHandler:
        def refuse(request: bytes, context: grpc.ServicerContext) -> bytes:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure, please check username and password")
            return b""

        return grpc.unary_unary_rpc_method_handler(refuse)


def test_wrong_credentials_are_named_and_not_shown() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Refusing()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with at_most(2), pytest.raises(IndexServerError) as caught:
        opened(f"milvus://root:geheim@127.0.0.1:{port}")
    assert str(caught.value) == (
        f"the Milvus server milvus://127.0.0.1:{port} refuses the user or the password; correct them in the address"
    )
    server.stop(grace=0).wait()


def test_a_database_that_is_not_there_is_named(running: Running) -> None:
    with pytest.raises(IndexServerError, match=r"failed at .*: database 'office' does not exist"):
        opened(f"{running.url}/office")


def test_nothing_built_yet(url: str, running: Running, tmp_path: Path) -> None:
    for place in (url, running.url):
        for use in (opened, read_milvus_manifest):
            with pytest.raises(IndexMissingError) as caught:
                use(place)
            assert str(caught.value) == f"there is no index in {place} yet. Run: youju build"
    assert not (tmp_path / "index.db").exists()


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (OtherModel(), "was built with encoder hashing (64 dims); settings name bge-m3."),
        (OtherWeights(), "was built with other weights of encoder hashing."),
    ],
)
def test_an_index_of_another_encoder_is_refused_and_rebuilt(
    url: str, reply: Document, encoder: HashingEncoder, message: str
) -> None:
    store(url, [reply])
    with pytest.raises(IndexMismatchError) as caught:
        opened(url, encoder)
    assert str(caught.value) == f"{url} {message} Run: youju build --rebuild"
    assert open_milvus(url, "hashing").chunk_count == 21
    assert store(url, [reply], encoder) == 21
    assert opened(url, encoder).manifest["encoder"]["dim"] == encoder.dim


def test_an_index_of_another_format_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store(url, [short("甲", "扬帆专项。")])
    monkeypatch.setattr(milvus, "FORMAT", 99)
    with pytest.raises(IndexMismatchError, match=r"has format 1, not 99\. Run: youju build --rebuild"):
        opened(url)


@pytest.mark.parametrize("what", ["row", "part", "manifest", "chunks"])
def test_an_index_that_lost_something_is_refused_and_rebuilt(url: str, what: str) -> None:
    documents = [short("甲", "扬帆专项。"), short("乙", "启明星。")]
    store(url, documents)
    server, generation = (index := opened(url)).server, index.version
    if what == "chunks":
        server.call("drop_collection", f"youju_chunks_{generation}")
    else:
        collection = f"youju_chunks_{generation}" if what == "row" else f"youju_documents_{generation}"
        lost = {"row": "row in [1]", "part": "part in [1]", "manifest": "part in [-1]"}[what]
        server.call("delete", collection, filter=lost)
    with pytest.raises(IndexDamagedError, match=r"index\.db is damaged: .*\. Run: youju build --rebuild") as caught:
        opened(url)
    assert "\n" not in str(caught.value)
    assert store(url, documents) == 2
    assert list(opened(url).documents) == ["甲", "乙"]


def test_a_file_that_is_open_elsewhere_is_named(url: str, tmp_path: Path) -> None:
    (tmp_path / "index.db").mkdir()
    with (tmp_path / "index.db" / "LOCK").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for use in (lambda: opened(url), lambda: store(url, [])):
            with pytest.raises(IndexBusyError, match=r"index\.db cannot be opened: another process .* has it open"):
                use()


@pytest.mark.parametrize(
    ("module", "package"), [("pymilvus", "pymilvus"), ("milvus_lite.server_manager", "milvus-lite")]
)
def test_what_is_not_installed_is_named(url: str, monkeypatch: pytest.MonkeyPatch, module: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(IndexProblem, match=rf"needs {package}, .* Run: pip install 'youju\[milvus\]'"):
        store(url, [])


@pytest.mark.parametrize(
    ("url", "name", "uri", "database", "token"),
    [
        ("milvus://db.example:19531", "milvus://db.example:19531", "http://db.example:19531", "", ""),
        ("milvus://db.example/office", "milvus://db.example:19530/office", "http://db.example:19530", "office", ""),
        ("milvus://root:a%40b@db.example", "milvus://db.example:19530", "http://db.example:19530", "", "root:a@b"),
        ("milvus://key@db.example:443?tls=1", "milvus://db.example:443", "https://db.example:443", "", "key"),
        ("milvus://index/milvus.db", "milvus://index/milvus.db", "index/milvus.db", "", ""),
        ("milvus:///var/milvus.db", "milvus:///var/milvus.db", "/var/milvus.db", "", ""),
    ],
)
def test_addresses(url: str, name: str, uri: str, database: str, token: str) -> None:
    address = parse_address(url)
    assert (address.name, address.uri, address.database, address.token) == (name, uri, database, token)


@pytest.mark.parametrize("url", ["milvus://root:geheim@", "milvus://root:geheim@host:port", "http://root:geheim@host"])
def test_a_wrong_address_is_refused_without_showing_what_is_secret(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(url)
    assert "geheim" not in str(caught.value)
