"""Builds indexes in processes that are made to be killed: `python -m tests.mortal_builder`.

Each line on standard input, a JSON list [index, kind of change, state], starts a build; its process id is printed, and at
its end the exit status (negative: the signal). Forking saves each the imports.
"""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from app.stores import local, vectors
from app.text import search_tokens
from app.types import Document
from tests.indexing import official_texts, short, store

FIRST, CLUSTERS, BATCHES = "first build", "large, by clusters", "large, in batches"
KINDS = (FIRST, "one changed", "many deleted", "some added", "reordered", CLUSTERS, BATCHES)
SMALL, LARGE = 40, 300


def prepare(kind: str) -> None:
    """Set how large a corpus is treated as a large one; in the process that builds and in the one that reads."""
    vectors.EXACT_ROWS = 200 if kind == CLUSTERS else 32_768
    local.BATCH = 40 if kind == BATCHES else 50_000


@cache
def corpus_of(kind: str, state: str) -> Sequence[Document]:
    """Return the documents before ("old") or after ("new") a change; none before the first build."""
    count = LARGE if "large" in kind else SMALL
    texts = official_texts(count)
    old = [short(f"{i}.txt", f"第{i}号文件，word{i}。{text}") for i, text in enumerate(texts)]
    if state == "old":
        return [] if kind == FIRST else old
    if kind == FIRST:
        return old
    changed = [short(document.id, f"{document.text}改动。") for document in old]
    added = [
        short(f"新{i}.txt", f"新增第{i}号，fresh{i}。{text}") for i, text in enumerate(official_texts(count // 4, 5))
    ]
    changes: dict[str, list[Document]] = {
        "one changed": [*old[:7], changed[7], *old[8:]],
        "many deleted": old[::3],
        "some added": [*added, *old],
        "reordered": old[::-1],
    }
    return changes.get(kind, [*added, *(changed[i] if i % 2 else old[i] for i in range(count))])


def main() -> None:
    search_tokens("")  # reads the table of folded characters
    for kind in KINDS:
        corpus_of(kind, "old"), corpus_of(kind, "new")
    for line in sys.stdin:
        root, kind, state = json.loads(line)
        if process := os.fork():
            print(process, flush=True)
            print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
        else:
            prepare(kind)
            try:
                store(Path(root), corpus_of(kind, state))
            finally:  # Tidying up would take longer than a build.
                if is_failed := sys.exc_info()[0] is not None:
                    traceback.print_exc()
                os._exit(is_failed)


if __name__ == "__main__":
    main()
