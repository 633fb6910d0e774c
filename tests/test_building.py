"""Bringing an index up to date with its corpus, with the real encoder."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from app import building, generations
from app.assistant import Assistant
from app.building import BuildReport, build
from app.chunking import make_chunks
from app.config import Settings
from app.errors import IndexBusyError, LoadError
from app.stores.local import open_local
from app.types import Chunk, Document, Progress
from tests.conftest import CORPUS, HashingEncoder
from tests.indexing import chunks, store

pytestmark = pytest.mark.model

FUND = "长三角科创走廊科技成果转化基金总规模100亿元。"
SAIL = "扬帆专项面向32周岁以下青年科技人员。"


class Place:
    """A corpus and its index."""

    def __init__(self, folder: Path) -> None:
        self.corpus = folder / "corpus"
        self.index = folder / "index"
        self.corpus.mkdir()

    def write(self, name: str, content: str | bytes) -> None:
        (self.corpus / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def settings(self, **other: object) -> Settings:
        return Settings(**{"corpus": str(self.corpus), "index": str(self.index), "threads": 1} | other)  # type: ignore[arg-type]

    def build(self, corpus: Sequence[str] = (), rebuild: bool = False, **other: object) -> BuildReport:
        return build(self.settings(**other), corpus, rebuild)

    def texts(self) -> dict[str, str]:
        index = open_local(self.index, "e5-small-zh")
        return {name: document.text for name, document in index.documents.items()}

    def pointer(self) -> str:
        return (self.index / generations.CURRENT).read_text()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A corpus of two files, not built yet."""
    place = Place(tmp_path)
    place.write("基金.txt", FUND)
    place.write("扬帆.txt", SAIL)
    return place


def counts(report: BuildReport) -> tuple[int, int, int, bool]:
    return report.documents, report.chunks, report.encoded, report.is_unchanged


def test_a_corpus_is_built_and_then_left_alone(place: Place) -> None:
    assert counts(place.build()) == (2, 2, 2, False)
    assert place.texts() == {"基金.txt": FUND, "扬帆.txt": SAIL}
    before = place.pointer()
    assert counts(place.build()) == (2, 2, 0, True)
    assert place.pointer() == before


def test_an_unchanged_corpus_is_neither_read_nor_encoded(place: Place) -> None:
    stages: list[str] = []

    def report(stage: str) -> Progress:
        stages.append(stage)
        return lambda done, total: None

    build(place.settings(), report=report)
    build(place.settings(), report=report)
    assert stages == ["reading", "encoding"]


def test_only_what_changed_is_encoded(place: Place) -> None:
    place.build()
    place.write("基金.txt", FUND.replace("100", "200"))
    assert counts(place.build()) == (2, 2, 1, False)
    assert place.texts()["基金.txt"] == "长三角科创走廊科技成果转化基金总规模200亿元。"
    place.write("揭榜.txt", "揭榜方主体数量达218家。")
    assert counts(place.build()) == (3, 3, 1, False)


def test_only_what_changed_is_parsed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    chunked: list[str] = []

    def make_noted_chunks(document: Document) -> list[Chunk]:
        chunked.append(document.id)
        return make_chunks(document)

    monkeypatch.setattr(building, "make_chunks", make_noted_chunks)
    place.write("法.jsonl", '{"id": "一", "text": "第一条 适用本条例。"}\n{"id": "二", "text": "另一篇。"}\n')
    place.build()
    assert chunked == ["基金.txt", "扬帆.txt", "一", "二"]
    place.write("法.jsonl", '{"id": "一", "text": "第一条 适用本条例。"}\n{"id": "二", "text": "改了。"}\n')
    place.write("扬帆.txt", SAIL.replace("32", "30"))
    assert counts(place.build()) == (4, 4, 2, False)
    assert chunked[4:] == ["扬帆.txt", "二"]
    assert list(place.texts().values()) == [FUND, SAIL.replace("32", "30"), "第一条 适用本条例。", "改了。"]


def test_a_rebuild_encodes_everything(place: Place) -> None:
    place.build()
    assert counts(place.build(rebuild=True)) == (2, 2, 2, False)


def test_what_was_deleted_stops_answering(place: Place) -> None:
    place.build()
    question = "扬帆专项面向多少周岁以下？"
    assert Assistant.open(place.settings()).ask(question).status == "answered"
    (place.corpus / "扬帆.txt").unlink()
    assert counts(place.build()) == (1, 1, 0, False)
    answer = Assistant.open(place.settings()).ask(question)
    assert answer.status == "refused"
    assert {passage.chunk.document_id for passage in answer.passages} == {"基金.txt"}


def test_a_renamed_file_is_another_document(place: Place) -> None:
    place.build()
    (place.corpus / "扬帆.txt").rename(place.corpus / "扬帆专项.txt")
    assert not place.build().is_unchanged
    assert set(place.texts()) == {"基金.txt", "扬帆专项.txt"}


def test_changed_reading_code_reads_the_corpus_anew(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.build()
    monkeypatch.setattr(building, "READING_CODE", ("text.py",))
    assert counts(place.build()) == (2, 2, 0, False)
    assert place.build().is_unchanged


@pytest.mark.parametrize(("name", "fingerprint"), [("bge-m3", "x"), ("e5-small-zh", "other weights")])
def test_an_index_of_another_encoder_is_encoded_anew(place: Place, name: str, fingerprint: str) -> None:
    place.build()
    other = HashingEncoder()
    other.name, other.fingerprint = name, fingerprint
    index = open_local(place.index, "e5-small-zh")
    store(place.index, index.documents.values(), other)
    assert counts(place.build()) == (2, 2, 2, False)
    assert open_local(place.index, "e5-small-zh").vectors.stored.shape == (2, 384)


@pytest.mark.parametrize("name", ["vectors.f16", generations.CURRENT])
def test_a_damaged_index_is_not_taken_for_an_unchanged_one(place: Place, name: str) -> None:
    place.build()
    folder, _ = generations.read_manifest(place.index)
    path = place.index / name if name == generations.CURRENT else folder / name
    path.write_bytes(path.read_bytes()[:-1])
    assert counts(place.build()) == (2, 2, 2, False)
    assert place.build().is_unchanged


def test_files_that_cannot_be_read_are_skipped_and_named(place: Place) -> None:
    place.write("图.txt", b"\x89PNG" + bytes(500))
    place.write("空.md", "")
    place.write("坏.jsonl", '{"id": "好", "text": "好的一行。"}\n{')
    report = place.build()
    assert counts(report) == (2, 2, 2, False)
    assert report.skipped == {
        "图.txt": "图.txt is not a text file in UTF-8, GB18030 or UTF-16; convert it or remove it",
        "坏.jsonl": report.skipped["坏.jsonl"],
        "空.md": "空.md is empty; remove it or put its text there",
    }
    assert report.skipped["坏.jsonl"].startswith("坏.jsonl line 2 is not JSON")
    assert set(place.texts()) == {"基金.txt", "扬帆.txt"}
    assert (place.build().is_unchanged, place.build().skipped) == (True, report.skipped)


def test_a_file_that_was_too_large_is_read_when_the_limit_is_raised(place: Place) -> None:
    place.write("大.txt", "大文件。" * 1000)
    assert set(place.build(max_file_mb=0.01).skipped) == {"大.txt"}
    assert place.build(max_file_mb=0.01).is_unchanged
    report = place.build(max_file_mb=1)
    assert (report.documents, report.skipped) == (3, {})


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux's /proc: a file that nobody can read")
def test_a_file_that_fails_while_it_is_read_is_skipped_and_named(place: Place) -> None:
    (place.corpus / "断.txt").symlink_to("/proc/self/mem")
    assert place.build().skipped == {"断.txt": "断.txt cannot be read: Input/output error"}


def test_bulk_files_and_single_files_are_built_together(place: Place) -> None:
    place.write(
        "法.jsonl",
        '{"id": "一", "title": "口岸条例", "text": "第一条 适用本条例。"}\n{"id": "二", "text": "另一篇。"}\n',
    )
    assert place.build().documents == 4
    assert list(place.texts()) == ["基金.txt", "扬帆.txt", "一", "二"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"\x00\x01",
            r"nothing to index in .*: a\.txt is not a text file in UTF-8, GB18030 or UTF-16; convert it or remove",
        ),
        (b"", r"nothing to index in .*: a\.txt is empty"),
    ],
)
def test_a_corpus_without_text_leaves_the_old_index(place: Place, tmp_path: Path, content: bytes, message: str) -> None:
    place.build()
    before = place.pointer()
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(LoadError, match=message):
        place.build([str(tmp_path / "a.txt")])
    assert place.pointer() == before


def test_a_missing_corpus_is_named_and_makes_no_index(place: Place) -> None:
    with pytest.raises(LoadError, match=f"corpus {place.corpus}/nirgends does not exist"):
        place.build([f"{place.corpus}/nirgends"])
    assert not place.index.exists()


def test_several_paths_can_be_built(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "揭榜.txt").write_text("揭榜方主体数量达218家。", encoding="utf-8")
    place.build([str(place.corpus), str(other), str(place.corpus / "基金.txt")])
    assert list(place.texts()) == ["基金.txt", "扬帆.txt", "揭榜.txt"]


def test_two_documents_of_one_name_are_an_error(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "基金.txt").write_text("别的基金。", encoding="utf-8")
    with pytest.raises(
        LoadError, match=r"corpus/基金\.txt and .*other/基金\.txt would both be document '基金\.txt'; rename one"
    ):
        place.build([str(place.corpus), str(other)])
    place.write("法.jsonl", '{"id": "基金.txt", "text": "又是基金。"}')
    with pytest.raises(LoadError, match=r"document id '基金\.txt' stands in both 基金\.txt and 法\.jsonl; rename one"):
        place.build()


def test_an_index_inside_the_corpus_is_not_read(place: Place) -> None:
    inside = str(place.corpus / "index")
    for _ in range(2):
        assert place.build(index=inside).documents == 2


def test_a_second_builder_is_told_to_wait_if_there_is_something_to_do(place: Place) -> None:
    place.build()
    with generations.builder_lock(place.index):
        assert place.build().is_unchanged
        place.write("扬帆.txt", "扬帆专项暂停。")
        with pytest.raises(IndexBusyError, match=f"another build of {place.index} is under way; wait until it ends"):
            place.build()


def test_the_reply_is_built_as_it_is_read(tmp_path: Path, assistant: Assistant) -> None:
    report = build(Settings(corpus=str(CORPUS), index=str(tmp_path)))
    assert counts(report) == (1, 21, 21, False)
    assert report.seconds > 0
    expected = assistant.store.chunks_at(range(assistant.store.chunk_count))
    assert chunks(open_local(tmp_path, "e5-small-zh")) == expected
