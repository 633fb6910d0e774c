"""An index that was brought up to date step by step is the index that a new build gives, to the byte."""

import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from app import generations
from app.stores import local, postings
from app.types import Document
from tests.indexing import PHRASES, CountingEncoder, chunks, opened, short, store


def files(root: Path) -> Mapping[str, bytes]:
    """Return the files of the current generation but its manifest."""
    folder, _ = generations.read_manifest(root)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    del found[generations.MANIFEST]
    return found


class Corpus:
    """Documents that change at random; words of each change are its own."""

    def __init__(self, seed: int) -> None:
        self.drawn = random.Random(seed)
        self.made = 0
        self.documents: list[Document] = []
        for _ in range(self.drawn.randint(1, 30)):
            self.add()

    def text(self) -> str:
        self.made += 1
        sentences = ["，".join(self.drawn.choices(PHRASES, k=4)) + "。" for _ in range(self.drawn.randint(1, 4))]
        return "\n".join([*sentences, f"第{self.made}次改动，marker{self.made}。"])

    def add(self) -> None:
        document = short(f"文件{self.made}.txt", self.text())
        self.documents.insert(self.drawn.randint(0, len(self.documents)), document)

    def change(self) -> None:
        place = self.drawn.randrange(len(self.documents))
        self.documents[place] = short(self.documents[place].id, self.text())

    def delete(self) -> None:
        if len(self.documents) > 1:
            self.documents.pop(self.drawn.randrange(len(self.documents)))

    def reorder(self) -> None:
        self.drawn.shuffle(self.documents)

    def empty(self) -> None:
        place = self.drawn.randrange(len(self.documents))
        self.documents[place] = short(self.documents[place].id, "")

    def step(self) -> None:
        """Change this and that."""
        for change in self.drawn.choices([self.add, self.change, self.delete, self.empty], k=self.drawn.randint(0, 6)):
            change()
        if self.drawn.random() < 0.3:
            self.reorder()
        if not any(document.text for document in self.documents):
            self.add()


@pytest.mark.parametrize("is_small", [False, True], ids=["one batch", "many batches"])
@pytest.mark.parametrize("seed", range(4))
def test_an_updated_index_is_byte_for_byte_that_of_a_new_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, is_small: bool
) -> None:
    if is_small:
        monkeypatch.setattr(local, "BATCH", 7)
        monkeypatch.setattr(local, "BLOCK", 16)
        monkeypatch.setattr(postings, "BLOCK", 50)
    corpus = Corpus(seed)
    for step in range(6):
        store(tmp_path / "updated", corpus.documents)
        store(tmp_path / f"new-{step}", corpus.documents, reuse=False)
        updated, new = files(tmp_path / "updated"), files(tmp_path / f"new-{step}")
        assert updated.keys() == new.keys()
        assert [name for name in new if updated[name] != new[name]] == []
        index = opened(tmp_path / "updated")
        assert list(index.documents.values()) == corpus.documents
        assert chunks(index) == chunks(opened(tmp_path / f"new-{step}"))
        corpus.step()


def test_what_was_deleted_or_changed_is_in_no_file(tmp_path: Path) -> None:
    kept = [short(f"{i}.txt", f"长三角基金第{i}期，marker{i}。") for i in range(20)]
    deleted = short("删.txt", "扬帆专项面向青年，Zebra7421 年资助额 98.7654%。")
    changed = short("改.txt", "启明星项目由 quagga-5309 承担。")
    store(tmp_path, [*kept, deleted, changed])
    words = ["zebra7421", "98.7654%", "quagga-5309"]
    for word in words:
        assert word in files(tmp_path)["bm25/words.txt"].decode().split("\n")
    store(tmp_path, [*kept, short("改.txt", "启明星项目已经结束。")])
    everything = b"\n".join(files(tmp_path).values()).lower()
    for trace in [*words, "Zebra7421", "扬帆", "删.txt", "承担"]:
        assert trace.lower().encode() not in everything
    assert "启明星项目已经结束".encode() in everything
    assert b"marker7\n" in everything


def test_a_kept_document_is_neither_parsed_nor_encoded_again(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    documents = [short(f"{i}.txt", f"第{i}条 长三角基金。") for i in range(9)]
    assert store(tmp_path, documents, encoder) == 9
    assert store(tmp_path, [*documents[5:], *documents[:4]], encoder) == 0
    assert len(encoder.encoded) == 9
    assert list(opened(tmp_path).documents.values()) == [*documents[5:], *documents[:4]]


def test_a_text_that_moves_to_another_document_keeps_its_vector(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    store(tmp_path, [short("甲", "基金总规模100亿元。")], encoder)
    moved = Document("乙", "甲", "基金总规模100亿元。")
    assert store(tmp_path, [moved], encoder) == 0
    assert list(opened(tmp_path).documents.values()) == [moved]
