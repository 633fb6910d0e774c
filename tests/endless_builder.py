"""Builds an index over and over, until it is killed: `python -m tests.endless_builder INDEX`.

Each line on standard input starts a builder, whose process id is printed; forking saves it the imports.
"""

import os
import sys
from itertools import count
from pathlib import Path

from app.loading import make_document
from app.text import search_tokens
from app.types import Encoder
from tests.indexing import ENCODER, store

OLD, NEW = "长三角科技成果转化基金总规模100亿元。", "基金总规模调整为200亿元，由九城市共同组建。"
DOCUMENTS = 20
"""So many that a word of one document is no column of the postings, but a list."""


def write_once(root: Path, text: str, reuse: bool = True, encoder: Encoder = ENCODER) -> None:
    """Write an index of documents that hold a sentence."""
    store(root, [make_document(f"{i}.txt", f"第{i}号文件。{text}") for i in range(DOCUMENTS)], encoder, reuse)


def main() -> None:
    root = Path(sys.argv[1])
    search_tokens("")  # reads the table of folded characters
    for _ in sys.stdin:
        if process := os.fork():
            print(process, flush=True)
            os.waitpid(process, 0)
        else:
            for number in count():
                write_once(root, (NEW, OLD)[number % 2], reuse=number % 3 > 0)


if __name__ == "__main__":
    main()
