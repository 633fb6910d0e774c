"""Builds an index over and over, until it is killed: `python -m tests.endless_builder INDEX`.

Each line on standard input starts a builder, whose process id is printed; forking saves it the imports.
"""

import os
import sys
from itertools import count
from pathlib import Path

from app import generations
from app.chunking import make_chunks
from app.stores.local import local_writer
from app.loading import make_document
from app.types import Encoder
from tests.conftest import HashingEncoder

OLD, NEW = "长三角科技成果转化基金总规模100亿元。", "基金总规模调整为200亿元，由九城市共同组建。"


def write_once(root: Path, text: str, reuse: bool = True, encoder: Encoder | None = None) -> None:
    """Write an index of five documents that hold a sentence."""
    documents = [make_document(f"{i}.txt", f"第{i}号文件。{text}") for i in range(5)]
    with generations.builder_lock(root), local_writer(root, encoder or HashingEncoder(), reuse=reuse) as writer:
        for document in documents:
            writer.add(document, make_chunks(document), bytes.fromhex(document.sha256))
        writer.commit({})


def main() -> None:
    root = Path(sys.argv[1])
    for _ in sys.stdin:
        if process := os.fork():
            print(process, flush=True)
            os.waitpid(process, 0)
        else:
            for number in count():
                write_once(root, (NEW, OLD)[number % 2], reuse=number % 3 > 0)


if __name__ == "__main__":
    main()
