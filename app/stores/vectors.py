"""Vectors on disk and the search for the closest: exact for small corpora, by clusters for large ones. FAISS stands here.

vectors.f16      float16 (rows, dim), memory-mapped: half a vector's size, and cosines change by less than .0005
clusters.faiss   an inverted file of 8-bit codes, memory-mapped; only from EXACT_ROWS rows on
"""

import errno
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from app.types import Vectors

EXACT_ROWS = 32_768
"""From here on vectors are searched by clusters: an exact search takes 3 ms at this size and grows with it."""
PROBES = 48
"""Clusters that are searched, whatever their number: of the 10 closest, 96 % or more are among the 100 found, at a hundred
thousand rows and at a million (`python -m evals bench index`)."""
TRAINED_ON = 40
"""Vectors that place a cluster; more take longer and find no more."""
DIRECT_ROWS = 5_000
"""So many chosen rows are compared one by one."""
BLOCK = 1 << 15
CLUSTERS, VECTORS = "clusters.faiss", "vectors.f16"

Rows = NDArray[np.int64]
Halves = NDArray[np.float16]


class VectorIndex:
    """An opened index of `row_count` vectors of unit length."""

    def __init__(self, folder: Path, row_count: int, dim: int) -> None:
        """Map the files. Raises OSError, ValueError or RuntimeError if one is absent or damaged."""
        self.stored: Halves = np.memmap(folder / VECTORS, np.float16, "r", shape=(row_count, dim)).view(np.ndarray)
        self.is_exact = row_count < EXACT_ROWS
        self._index: Any = faiss.IndexFlatIP(dim)
        if self.is_exact:
            self._index.add(self.stored.astype(np.float32))
        else:
            self._index = faiss.read_index(str(folder / CLUSTERS), faiss.IO_FLAG_MMAP)
            lists: Any = faiss.downcast_InvertedLists(self._index.invlists)
            lists.prefetch_nthread = 0  # threads that read ahead cost more than the reading
            if self._index.ntotal != row_count:
                raise ValueError(f"{CLUSTERS} holds {self._index.ntotal} vectors, not {row_count}")

    def nearest(self, vector: Vectors, limit: int, allowed: Rows | None = None) -> Rows:
        """Return the rows (of the `allowed` ones, ascending) of the `limit` vectors closest to one (dim,), ascending."""
        if allowed is not None and len(allowed) <= DIRECT_ROWS:
            order = np.argsort(-self.cosines(vector, allowed), kind="stable")[:limit]
            return np.sort(allowed[order])
        faiss.omp_set_num_threads(1)  # Of this thread: many clients at once are faster if each search has one core.
        _, rows = self._index.search(vector[np.newaxis], min(limit, len(self.stored)), params=self._parameters(allowed))
        found: Rows = rows[0][rows[0] >= 0]
        return np.sort(found)

    def cosines(self, vector: Vectors, rows: Rows) -> Vectors:
        """Return the cosine of a vector (dim,) and those of some rows, float32 (n,)."""
        cosines: Vectors = self.stored[rows].astype(np.float32) @ vector
        return cosines

    def _parameters(self, allowed: Rows | None) -> Any:
        """Return how FAISS searches: which rows, how many clusters."""
        by_clusters: Any = faiss.SearchParametersIVF
        parameters: Any = faiss.SearchParameters if self.is_exact else partial(by_clusters, nprobe=PROBES)
        if allowed is None:
            return parameters()
        is_allowed = np.zeros(len(self.stored), dtype=np.bool_)
        is_allowed[allowed] = True
        selector: Any = faiss.IDSelectorBitmap
        return parameters(sel=selector(np.packbits(is_allowed, bitorder="little")))


def write_vectors(folder: Path, blocks: Iterable[Halves], old: tuple[Path, Rows] | None = None) -> None:
    """Write vectors that come in blocks (n, dim), in the order of their rows, and what large numbers are searched by.

    `old` is the folder of the index before, and the new row of each of its rows or -1: where most rows come from there,
    its clusters are kept, and only what is new is sorted into them.
    """
    row_count, dim = 0, 0
    with (folder / VECTORS).open("wb") as file:
        for block in blocks:
            file.write(np.ascontiguousarray(block).data)
            row_count, dim = row_count + len(block), block.shape[1]
    if row_count < EXACT_ROWS:
        return
    stored: Halves = np.memmap(folder / VECTORS, np.float16, "r", shape=(row_count, dim)).view(np.ndarray)
    try:
        faiss.write_index(_clustered(stored, old), str(folder / CLUSTERS))
        faiss.read_index(
            str(folder / CLUSTERS), faiss.IO_FLAG_MMAP
        )  # FAISS does not notice that the last bytes had no room.
    except RuntimeError as error:
        raise OSError(errno.EIO, "the vectors cannot be stored; is the disk full?") from error


def cluster_count(row_count: int) -> int:
    """Return how many clusters a number of rows gets: the power of two next to four times its square root."""
    return int(2 ** round(np.log2(4 * row_count**0.5)))


def _clustered(stored: Halves, old: tuple[Path, Rows] | None) -> Any:
    """Return the cluster index of vectors (n, dim); memory holds its codes, a byte a number."""
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    is_new = np.ones(len(stored), dtype=np.bool_)
    index = None
    if old is not None and (old[0] / CLUSTERS).is_file():
        known: Any = faiss.read_index(str(old[0] / CLUSTERS))
        places = old[1]
        if known.nlist == cluster_count(len(stored)) and np.count_nonzero(places >= 0) > len(stored) / 2:
            index = _moved(known, places)
            is_new[places[places >= 0]] = False
    if index is None:
        index = _trained(stored)
    for start in range(0, len(stored), BLOCK):
        rows = start + np.flatnonzero(is_new[start : start + BLOCK])
        if len(rows):
            index.add_with_ids(stored[rows].astype(np.float32), rows)
    return index


def _trained(stored: Halves) -> Any:
    """Return an empty cluster index, its clusters placed by an even sample."""
    dim, clusters = stored.shape[1], cluster_count(len(stored))
    kind, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(dim), dim, clusters, kind, metric)
    sample = np.linspace(0, len(stored) - 1, min(len(stored), TRAINED_ON * clusters)).astype(np.int64)
    index.train(stored[sample].astype(np.float32))
    return index


def _moved(known: Any, places: Rows) -> Any:
    """Return a cluster index with each of its rows at its new place, and without those whose place is -1."""
    lists: Any = faiss.ArrayInvertedLists(known.nlist, known.code_size)
    for number in range(known.nlist):
        size = known.invlists.list_size(number)
        if size == 0:
            continue
        rows = places[faiss.rev_swig_ptr(known.invlists.get_ids(number), size)]
        codes = faiss.rev_swig_ptr(known.invlists.get_codes(number), size * known.code_size).reshape(size, -1)
        kept_rows, kept_codes = rows[rows >= 0], np.ascontiguousarray(codes[rows >= 0])
        if len(kept_rows):
            lists.add_entries(number, len(kept_rows), faiss.swig_ptr(kept_rows), faiss.swig_ptr(kept_codes))
    known.replace_invlists(lists, True)
    lists.this.disown()
    known.ntotal = int(np.count_nonzero(places >= 0))
    return known
