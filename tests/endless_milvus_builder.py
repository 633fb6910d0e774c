"""Builds an index in Milvus over and over, until it is killed: `python -m tests.endless_milvus_builder URL`.

Each line on standard input starts a builder; its process id is printed, and a line when it has ended. Forking saves it
the imports.
"""

import os
import sys
from itertools import count

import pymilvus  # noqa: F401 - before the fork, it takes half a second

from app.chunking import make_chunks
from app.loading import make_document
from app.stores import milvus_lease
from app.stores.milvus_writer import MilvusWriter
from app.types import Document
from tests.conftest import HashingEncoder

OLD, NEW = "长三角科技成果转化基金总规模100亿元。", "基金总规模调整为200亿元，由九城市共同组建。"


def stamp_of(document: Document) -> bytes:
    return bytes.fromhex(document.sha256)


def write_once(url: str, text: str) -> None:
    """Write an index of five documents that hold a sentence, and one that never changes."""
    documents = [make_document(f"{i}.txt", f"第{i}号文件。{text}", title="甲") for i in range(5)]
    documents.append(make_document("same.txt", "专此函复。", title="乙"))
    with MilvusWriter(url, HashingEncoder(), reader="r") as writer:
        for document in documents:
            if writer.has(document.id, stamp_of(document)):
                writer.keep(document.id)
            else:
                writer.add(document, make_chunks(document), stamp_of(document))
        writer.commit({"text": text})


def main() -> None:
    milvus_lease.SILENCE_SECONDS = 0.0
    for _ in sys.stdin:
        if process := os.fork():
            print(process, flush=True)
            os.waitpid(process, 0)
            print("ended", flush=True)
        else:
            for number in count():
                write_once(sys.argv[1], (NEW, OLD)[number % 2])


if __name__ == "__main__":
    main()
