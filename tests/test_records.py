"""Documents on disk: any text comes back as it was, by its id and in the order of the corpus."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chunking import chunk_of, make_chunks
from app.stores import records
from app.stores.records import Records, RecordsWriter
from app.types import Chunk, Document, Field, Section, Span
from tests.indexing import short, stamp_of

ANY_TEXT = st.text(
    st.characters(exclude_categories=()) | st.sampled_from('人才"\\\u2028\u2029\x85\n\r\x00\ud83d\ude00😀𠮷')
)


def write(folder: Path, documents: Sequence[Document], chunks: Sequence[Sequence[Chunk]] | None = None) -> None:
    with RecordsWriter(folder) as writer:
        for document, parts in zip(documents, chunks or map(make_chunks, documents), strict=True):
            writer.add(document, parts, stamp_of(document))
        writer.finish()


@st.composite
def any_document(draw: st.DrawFn) -> tuple[Document, tuple[Chunk, ...]]:
    text = draw(ANY_TEXT)
    spans = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(lambda ends: Span(*sorted(ends)))
    headings = st.lists(ANY_TEXT, max_size=3).map(tuple)
    sections = draw(st.lists(st.builds(Section, headings, spans), max_size=3))
    fields = draw(st.lists(st.builds(Field, ANY_TEXT, ANY_TEXT, spans), max_size=3))
    document = Document(
        draw(ANY_TEXT), draw(ANY_TEXT), text, tuple(sections), tuple(fields), draw(ANY_TEXT), draw(ANY_TEXT)
    )
    chunks = draw(st.lists(st.builds(lambda span, heading: chunk_of(document, span, heading), spans, headings)))
    return document, tuple(chunks)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(any_document(), min_size=1, max_size=5, unique_by=lambda pair: pair[0].id))
def test_any_documents_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[Document, tuple[Chunk, ...]]]
) -> None:
    folder = tmp_path_factory.mktemp("records")
    documents = [document for document, _ in pairs]
    write(folder, documents, [chunks for _, chunks in pairs])
    read = Records(folder)
    assert list(read.values()) == documents
    assert read.row_count == sum(len(chunks) for _, chunks in pairs)
    rows = [chunk for _, chunks in pairs for chunk in chunks]
    assert [read.chunk(row) for row in range(read.row_count)] == rows
    for position, (document, chunks) in enumerate(pairs):
        assert read[document.id] == document
        assert read.chunks_of(document.id) == chunks
        assert read.position(document.id) == position
        assert read.stamp(position) == stamp_of(document)
        first, behind = read.rows_of(position)
        assert tuple(rows[first:behind]) == chunks


def test_a_document_with_sections_and_fields_comes_back_as_it_was(tmp_path: Path, reply: Document) -> None:
    write(tmp_path, [short("前", "在它之前。"), reply, short("空", ""), short("表情", "😀办理👨‍👩‍👧完毕𠮷。")])
    read = Records(tmp_path)
    assert len(reply.sections) > 5
    assert len(reply.fields) > 5
    assert read[reply.id] == reply
    assert list(read.chunks_of(reply.id)) == make_chunks(reply)
    assert list(read.chunks_of("空")) == []
    assert read["表情"].text == "😀办理👨‍👩‍👧完毕𠮷。"


IDS = (
    "文",
    "文件",
    "文件.txt",
    "文件.txt ",
    'a"b',
    "a\\b",
    'a\\"b',
    'a", "title": "x',
    "a\u2028b",
    "a\u2029b",
    "a\nb",
    "A",
    "a",
    "ａ",
    "1",
    "",
    "\ud800",
    "😀",
)


@pytest.mark.parametrize("is_colliding", [False, True], ids=["hashes differ", "one hash for all"])
def test_ids_of_any_form_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_colliding: bool) -> None:
    if is_colliding:
        monkeypatch.setattr(records, "_hash_id", lambda document_id: 7)
    documents = [Document(document_id, f"第{i}份", f"正文{i}。") for i, document_id in enumerate(IDS)]
    write(tmp_path, documents)
    read = Records(tmp_path)
    assert list(read) == list(IDS)
    assert [read[document_id].text for document_id in IDS] == [document.text for document in documents]
    assert all(document_id in read for document_id in IDS)
    for unknown in ("文件.tx", "文件.txt  ", "b", 'a"', "a\\", 'a", "title": "', "\ud801", "没有"):
        assert unknown not in read
        with pytest.raises(KeyError) as caught:
            read[unknown]
        assert caught.value.args == (unknown,)
        with pytest.raises(KeyError):
            read.chunks_of(unknown)


class CountingRecords(Records):
    """Remembers which documents it read."""

    def _parse(self, position: int) -> tuple[Document, list[Any]]:
        self.__dict__.setdefault("parsed", []).append(position)
        return super()._parse(position)


def test_documents_are_read_one_by_one_in_the_order_of_the_corpus(tmp_path: Path) -> None:
    documents = [short(f"第{9 - i}号", f"正文{i}。") for i in range(10)]
    write(tmp_path, documents)
    read = CountingRecords(tmp_path)
    assert len(read) == 10
    assert "parsed" not in read.__dict__
    walk = iter(read.values())
    assert [next(walk), next(walk), next(walk)] == documents[:3]
    assert read.__dict__["parsed"] == [0, 1, 2]
    assert read["第1号"] == read["第1号"] == documents[8]
    assert read.__dict__["parsed"] == [0, 1, 2, 8]


def test_a_row_belongs_to_the_document_whose_chunk_it_is(tmp_path: Path, reply: Document) -> None:
    documents = [short("空", ""), reply, short("又空", ""), short("尾", "最后一句。")]
    write(tmp_path, documents)
    read = Records(tmp_path)
    expected = [chunk for document in documents for chunk in make_chunks(document)]
    assert [read.chunk(row) for row in range(read.row_count)] == expected


def test_a_line_taken_over_is_the_same_document(tmp_path: Path, reply: Document) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    write(tmp_path / "old", [short("前", "在它之前。"), reply])
    old = Records(tmp_path / "old")
    with RecordsWriter(tmp_path / "new") as writer:
        writer.add_line(old.line(1), reply.id, len(old.chunks_of(reply.id)), old.stamp(1))
        writer.finish()
    new = Records(tmp_path / "new")
    assert dict(new) == {reply.id: reply}
    assert new.chunks_of(reply.id) == old.chunks_of(reply.id)
    assert new.stamp(0) == stamp_of(reply)


@pytest.mark.parametrize("name", ["documents.jsonl", "offsets.i64", "ids.u64", "stamps.u8"])
def test_files_that_do_not_belong_together_cannot_be_opened(tmp_path: Path, name: str) -> None:
    write(tmp_path, [short("甲", "基金。"), short("乙", "扬帆。")])
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-8])
    with pytest.raises((ValueError, IndexError)):
        Records(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError):
        Records(tmp_path)
