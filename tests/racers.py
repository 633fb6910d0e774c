"""Two builders and four readers of one index at once: `python -m tests.racers INDEX SECONDS`.

Every build makes the next version, so that a lost one would be missed. Prints a JSON line for each process.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from app import generations
from app.chunking import index_text, make_chunks
from app.errors import IndexBusyError
from app.stores.local import LocalStore, local_writer
from app.text import search_tokens
from app.types import Document
from tests.indexing import ENCODER, chunks, official_texts, opened, short, take

BUILDERS, READERS = 2, 4
TEXTS = official_texts(30)


@lru_cache(maxsize=64)
def corpus_of(version: int) -> Sequence[Document]:
    """Return some documents that say which version they are, and some of those that never change, in another order."""
    own = [
        short(f"版{i}.txt", f"第{version}版，version{version}。{text}")
        for i, text in enumerate(TEXTS[: 3 + version % 5])
    ]
    lasting = [short(f"常{i}.txt", text) for i, text in enumerate(TEXTS) if (i + version) % 4]
    turn = version % len(lasting)
    return [*own, *lasting[turn:], *lasting[:turn]]


def version_of(index: LocalStore) -> int:
    """Return the version of an index; all that it holds must be of that version."""
    first = next(iter(index.documents.values()))
    version = int(first.text.partition("version")[2].partition("。")[0])
    documents = corpus_of(version)
    assert list(index.documents.values()) == documents
    assert chunks(index) == [chunk for document in documents for chunk in make_chunks(document)]
    texts = [index_text(index.documents[chunk.document_id], chunk) for chunk in chunks(index)]
    assert np.array_equal(index.vectors.stored, ENCODER.encode_passages(texts).astype(np.float16))
    assert index.bm25.lengths.tolist() == [len(search_tokens(text)) for text in texts]
    rows = np.arange(index.chunk_count)
    for word, frequency in ((f"version{version}", 3 + version % 5), (f"version{version - 1}", 0)):
        found = index.bm25.scores(index.bm25.terms([word]), rows) > 0
        assert found.tolist() == [word in search_tokens(text) for text in texts]
        assert np.count_nonzero(found) == frequency
    return version


def write_version(root: Path, version: int, reuse: bool = True) -> None:
    """Write a version; call it under the builder's lock."""
    with local_writer(root, ENCODER, reuse=reuse) as writer:
        take(writer, corpus_of(version))
        writer.commit({})


def build(root: Path, until: float) -> dict[str, int]:
    """Write the next version, again and again."""
    report = {"built": 0, "busy": 0}
    while time.monotonic() < until:
        try:
            with generations.builder_lock(root):
                write_version(root, version_of(opened(root)) + 1, reuse=report["built"] % 5 > 0)
            report["built"] += 1
        except IndexBusyError:
            report["busy"] += 1
        time.sleep(random.uniform(0, 0.01))
    return report


def read(root: Path, until: float) -> dict[str, int]:
    """Open the index and look through it, again and again; every now and then, look again into one opened before."""
    report = {"read": 0, "versions": 0}
    last, kept = -1, opened(root)
    kept_version = version_of(kept)
    while time.monotonic() < until:
        index = opened(root)
        version = version_of(index)
        assert version >= last, f"version {version} after {last}"
        report["read"] += 1
        report["versions"] += version != last
        last = version
        if report["read"] % 10 == 0:
            assert version_of(kept) == kept_version
            kept, kept_version = index, version
    return report


def main() -> None:
    root, seconds = Path(sys.argv[1]), float(sys.argv[2])
    search_tokens("")  # reads the table of folded characters
    until = time.monotonic() + seconds
    roles: Sequence[Callable[[Path, float], dict[str, int]]] = [*[build] * BUILDERS, *[read] * READERS]
    processes = []
    for number, role in enumerate(roles):
        if process := os.fork():
            processes.append(process)
        else:
            random.seed(number)
            os.write(sys.stdout.fileno(), f"{json.dumps(role(root, until))}\n".encode())
            return
    sys.exit(max(abs(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])) for process in processes))


if __name__ == "__main__":
    main()
