"""Which files a corpus holds, and reading them whatever their encoding; bulk files of one document a line."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import LoadError
from app.loading import Source, find_sources, load_source, make_document
from app.loading.sources import decode, find_entries
from app.types import Document
from tests.test_loading import SEED, field_lines


def load(path: Path, max_mb: float = 20) -> list[Document]:
    return [document for source in find_sources(path) for document in load_source(source, max_mb)]


def written(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-be-bom"], ids=str)
def test_chinese_encodings_are_read(tmp_path: Path, reply: Document, encoding: str) -> None:
    content = b"\xfe\xff" + SEED.encode("utf-16-be") if encoding.endswith("bom") else SEED.encode(encoding)
    (document,) = load(written(tmp_path / "答复.txt", content))
    assert document.text == reply.text


def test_traditional_characters_in_gb18030_are_read(tmp_path: Path) -> None:
    (document,) = load(written(tmp_path / "a.txt", "長三角區域科技創新評價報告，佔全國比重。".encode("gb18030")))
    assert document.text == "長三角區域科技創新評價報告，佔全國比重。"


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_line_ends_of_other_systems_are_read(tmp_path: Path, reply: Document, line_end: str) -> None:
    (document,) = load(written(tmp_path / "答复.txt", SEED.replace("\n", line_end)))
    assert document.text == reply.text


BIG5 = "上海市科學技術委員會對提案的答復，現將辦理情況答復如下：自一體化上升為國家戰略以來，上海深刻領會精神。"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "bad.txt is not a text file in UTF-8, GB18030 or UTF-16"),
        (b"PK\x03\x04" + bytes(2000), "bad.txt is not a text file"),
        (b"\xff\xfe\x00", "bad.txt is not a text file"),
        (BIG5.encode("big5"), "bad.txt is not a text file"),
        (SEED.encode("utf-16-le"), "bad.txt is not a text file"),
        ("El Niño está aquí. Déjà vu à côté.".encode("latin-1"), "bad.txt is not a text file"),
        (b"", "bad.txt is empty"),
        (b" \n\t\r\n", "bad.txt is empty"),
        (b"---\n\n***\n", "bad.txt is empty"),
    ],
    ids=["png", "zip", "odd UTF-16", "Big5", "UTF-16 without a mark", "Latin-1", "empty", "white", "rules only"],
)
def test_a_file_that_is_no_text_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(LoadError, match=message) as caught:
        load(written(tmp_path / "bad.txt", content))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_file_that_is_too_large_is_named_with_the_limit(tmp_path: Path) -> None:
    path = written(tmp_path / "large.txt", b"a" * 3_000_000)
    with pytest.raises(LoadError, match=r"large\.txt has 3 MB, more than 2 MB \(setting max_file_mb\)"):
        load(path, max_mb=2)
    assert len(load(path, max_mb=3)) == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    source = Source(tmp_path / "gone.txt", "gone.txt")
    for attempt in (source.sha256, lambda: list(load_source(source, 20))):
        with pytest.raises(LoadError, match=r"gone\.txt cannot be read: No such file or directory"):
            attempt()


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        text = decode(content, "x")
    except LoadError:
        return
    assert make_document("x", text).id == "x"


# --- corpora --------------------------------------------------------------------------------------------------------


def test_a_corpus_is_read_in_order_without_hidden_and_describing_files(tmp_path: Path) -> None:
    for name in (
        "b.txt",
        "a/c.md",
        "A.MARKDOWN",
        "d.jsonl",
        ".hidden/e.txt",
        ".f.txt",
        "~$g.txt",
        "SOURCES.md",
        "h.pdf",
    ):
        written(tmp_path / name, "内容。")
    assert [source.name for source in find_sources(tmp_path)] == ["A.MARKDOWN", "a/c.md", "b.txt", "d.jsonl"]


def test_a_name_that_cannot_be_printed_is_replaced(tmp_path: Path) -> None:
    written(tmp_path / "a\nb\udcff.txt", "内容。")
    (source,) = find_sources(tmp_path)
    assert source.name == "a�b�.txt"
    assert [document.id for document in load_source(source, 20)] == ["a�b�.txt"]


@pytest.mark.parametrize("make", [False, True])
def test_a_corpus_without_documents_is_named(tmp_path: Path, make: bool) -> None:
    corpus = tmp_path / "empty"
    if make:
        written(corpus / "SOURCES.md", "说明")
    expected = "holds no document; put files there" if make else "does not exist; name a folder or a file"
    with pytest.raises(LoadError, match=f"corpus {corpus} {expected}"):
        find_sources(corpus)


# --- bulk files -----------------------------------------------------------------------------------------------------


def row(**values: Any) -> str:
    return json.dumps(values, ensure_ascii=False)


ROWS = [
    row(
        id="law-1",
        title="上海口岸服务条例",
        text="第一条 为了规范口岸开放，制定本条例。",
        年份=2020,
        url="a\nb",
        tags=["x"],
        none=None,
    ),
    row(id="law-2", text="上海市科技创新条例\n\n第一条 为了促进创新。"),
    "",
    row(id="law-3", title="只有\u2028标题", text="  "),
]


@pytest.mark.parametrize(("name", "compress"), [("a.jsonl", False), ("a.jsonl.gz", True), ("A.JSONL.GZ", True)])
def test_a_bulk_file_holds_a_document_a_line(tmp_path: Path, name: str, compress: bool) -> None:
    content = ("\ufeff" + "\r\n".join(ROWS)).encode()
    path = written(tmp_path / name, gzip.compress(content) if compress else content)
    first, second, third = load(path)
    assert [first.id, second.id, third.id] == ["law-1", "law-2", "law-3"]
    assert (first.title, second.title, third.title) == ("上海口岸服务条例", "上海市科技创新条例", "只有 标题")
    assert {field.key: field.value for field in first.fields} == {
        "年份": "2020",
        "url": "a b",
        "标题": "上海口岸服务条例",
    }
    assert first.text == "第一条 为了规范口岸开放，制定本条例。"
    assert first.heading_at(0) == ("第一条",)
    assert third.text == ""
    assert first.source == name
    assert list(stamps(path)) == ["law-1", "law-2", "law-3"]


def stamps(path: Path) -> dict[str, bytes]:
    return {entry.id: entry.stamp for source in find_sources(path) for entry in find_entries(source, max_mb=20)}


@pytest.mark.parametrize(("name", "compress"), [("a.jsonl", False), ("a.jsonl.gz", True)])
def test_the_stamp_of_a_row_changes_with_its_line_and_its_file_only(tmp_path: Path, name: str, compress: bool) -> None:
    def stamps_of(name: str, *lines: str) -> dict[str, bytes]:
        content = "".join(f"{line}\n" for line in lines).encode()
        return stamps(written(tmp_path / name, gzip.compress(content) if compress else content))

    before = stamps_of(name, *ROWS)
    assert {len(stamp) for stamp in before.values()} == {32}
    assert len(set(before.values())) == 3
    changed = stamps_of(name, ROWS[3], row(id="law-4", text="新的一条。"), ROWS[0].replace("2020", "2021"))
    assert changed["law-3"] == before["law-3"]
    assert changed["law-1"] != before["law-1"]
    assert set(changed) == {"law-3", "law-4", "law-1"}
    assert not set(stamps_of(f"other-{name}", *ROWS).values()) & set(before.values())


def test_the_stamp_of_a_text_changes_with_its_bytes_and_its_name_only(tmp_path: Path) -> None:
    before = stamps(written(tmp_path / "一" / "甲.txt", "基金。"))
    assert stamps(written(tmp_path / "二" / "甲.txt", "基金。")) == before
    others = [("甲.txt", "扬帆。"), ("甲.txt", "基金。\n"), ("乙.txt", "基金。"), ("甲.md", "基金。")]
    found = [stamps(written(tmp_path / str(i) / name, text)) for i, (name, text) in enumerate(others)]
    assert len({stamp for each in [before, *found] for stamp in each.values()}) == 5


def test_an_entry_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    written(tmp_path / "图.txt", b"\x89PNG" + bytes(500))
    (source,) = find_sources(tmp_path)
    (entry,) = find_entries(source, max_mb=20)
    assert entry.id == "图.txt"
    with pytest.raises(LoadError, match=r"^图\.txt is not a text file"):
        entry.load()


def test_the_title_of_a_row_overrules_the_text() -> None:
    document = make_document("x", "甲的办法\n\n正文。\n\n乙的规定", title="乙的规定")
    assert document.title == "乙的规定"
    assert field_lines(document)["标题"] == ("乙的规定", "乙的规定")


def test_a_row_is_another_document_when_its_line_changes(tmp_path: Path) -> None:
    hashes = [load(written(tmp_path / "a.jsonl", row(id="a", text="甲。", n=n)))[0].sha256 for n in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json", "a.jsonl line 2 is not JSON"),
        ("[1]", 'a.jsonl line 2 must be an object with the strings "id" and "text"'),
        (row(id="b"), 'a.jsonl line 2 must be an object with the strings "id" and "text"'),
        (row(id=5, text="甲"), 'a.jsonl line 2 must be an object with the strings "id" and "text"'),
        (row(id="", text="甲"), 'a.jsonl line 2 must be an object with the strings "id" and "text"'),
        (row(id="b\n", text="甲"), "a.jsonl line 2 has an id with control characters"),
        (r'{"id": "\ud800", "text": "甲"}', "a.jsonl line 2 has an id with control characters"),
        ("[" * 100_000, "a.jsonl line 2 is not JSON"),
        ('{"id": "b", "text": "甲", "n": ' + "9" * 5000 + "}", "a.jsonl line 2 is not JSON"),
        (row(id="law-1", text="又一次。"), "a.jsonl line 2 has the id 'law-1', as line 1 has"),
    ],
)
def test_a_malformed_row_is_named_by_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path / "a.jsonl", ROWS[0] + "\n" + line + "\n")
    with pytest.raises(LoadError) as caught:
        load(path)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def broken_bulk_files() -> Iterator[tuple[str, bytes]]:
    whole = gzip.compress("\n".join(row(id=str(i), text="口岸开放。" * i) for i in range(200)).encode())
    yield "cut short", whole[: len(whole) // 2]
    yield "altered", whole[:200] + bytes([whole[200] ^ 0xFF]) + whole[201:]
    yield "not gzip", b'{"id": "a", "text": "b"}'
    yield "not UTF-8", gzip.compress("内容".encode("gb18030"))


@pytest.mark.parametrize(
    ("name", "content"), list(broken_bulk_files()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_broken_bulk_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    path = written(tmp_path / "a.jsonl.gz", content)
    with pytest.raises(LoadError, match=r"^a\.jsonl\.gz "):
        load(path)


def test_halves_of_surrogate_pairs_in_a_row_are_replaced(tmp_path: Path) -> None:
    line = r'{"id": "a", "title": "标\ud800题", "text": "正\udfff文。", "备注": "\ud83d"}'
    (document,) = load(written(tmp_path / "a.jsonl", line))
    assert (document.title, document.text) == ("标?题", "正文。")
    assert document.field("备注") is not None
    json.dumps(
        [document.title, document.text, *(field.value for field in document.fields)], ensure_ascii=False
    ).encode()
