"""BM25 on disk: an inverted index that is written in order, memory-mapped, and merged with what changed.

codes.u64        the tokens (tokens.py), ascending; words.txt has the words
frequencies.i32  in how many rows each token occurs
rows.u32, counts.u8, starts.i64   token i stands in rows[starts[i]:starts[i + 1]], ascending, counts[…] times each
columns.u8       tokens that stand in more than one row of COLUMN_SHARE instead have a count for every row
column_terms.i32 which tokens those are
lengths.i32      the number of tokens of each row

Why not a library: on a million chunks a question of 40 tokens has millions of postings, nine in ten of them of single
characters. bm25s reads all of them, and has to be built anew for every change; tantivy reads most of them, and rounds
lengths, so that its ranking is not BM25's (`python -m evals bench index`: .95 of the best hundred).
"""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from app.stores.tokens import WORD, TokenCounts, code_of
from app.types import Vectors

K1, B = 1.5, 0.75
"""Saturation of counts and weight of lengths, as in the measurements that chose these tokens."""
COLUMN_SHARE = 16
"""A token in more than a 16th of all rows is a column: at a byte a row it is about as large as its postings, and to look
up a row in it takes one step."""
BUDGET = 100_000
"""How many postings a question may read to find its candidates; a question with fewer is answered exactly.
At a million rows .99 of the ten best are found; 60,000 find .98, 150,000 no more than this, for a fifth more time."""
CANDIDATES = 10_000
"""How many of the postings that were read, by the sums of their rows, make candidates: some 3,000 rows."""
SAMPLED = 8
"""Where these candidates are scored in full, every eighth of the postings tells which sums are among the highest."""
FEW_ROWS = 4_000
"""So many chosen rows are scored one by one."""
BLOCK = 1 << 22
"""Postings that are merged at a time, in memory."""

Rows = NDArray[np.int64]


class Counts(Protocol):
    """Tokens of some rows: freshly counted ones, or those of an index that is there."""

    @property
    def codes(self) -> NDArray[np.uint64]: ...
    @property
    def words(self) -> Sequence[str]: ...
    @property
    def lengths(self) -> NDArray[np.int32]: ...
    @property
    def frequencies(self) -> NDArray[np.int32]: ...
    def postings(self, terms: Rows) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """Return rows and counts of some tokens, one token after the other."""
        ...


@dataclass(frozen=True, slots=True)
class Term:
    """A token of a question: its place among `codes`, and its idf times how often the question has it."""

    index: int
    weight: float
    frequency: int
    column: int
    """Its place among the columns, or -1."""


class Bm25:
    """An opened index of `row_count` rows. Scores as Lucene does (Kamphuis et al., ECIR 2020), without the factor k1 + 1."""

    def __init__(self, folder: Path) -> None:
        """Map the files. Raises OSError or ValueError if one is absent or of a wrong size."""
        self.codes = _read(folder / "codes.u64", np.uint64)
        self.words = (folder / "words.txt").read_text(encoding="utf-8").split("\n")[:-1]
        self.lengths = _read(folder / "lengths.i32", np.int32)
        self.frequencies = _read(folder / "frequencies.i32", np.int32)
        self.row_count = len(self.lengths)
        self._starts = _read(folder / "starts.i64", np.int64)
        self._rows = _map(folder / "rows.u32", np.uint32)
        self._counts = _map(folder / "counts.u8", np.uint8)
        column_terms = _read(folder / "column_terms.i32", np.int32)
        self._columns = _map(folder / "columns.u8", np.uint8).reshape(len(column_terms), self.row_count)
        self._column_of = np.full(len(self.codes), -1, dtype=np.int64)
        self._column_of[column_terms] = np.arange(len(column_terms))
        self._numbers = {word: number for number, word in enumerate(self.words)}
        mean = float(self.lengths.mean()) if self.lengths.any() else 1.0
        self._own = threading.local()
        self._norms = (K1 * (1 - B + B * self.lengths / mean)).astype(np.float32)

    def terms(self, tokens: Sequence[str]) -> list[Term]:
        """Return the tokens of a question that the index knows, the rarest first."""
        counts: Counter[int] = Counter()
        for token in tokens:
            if (code := code_of(token, self._numbers)) is not None:
                counts[code] += 1
        wanted = np.array(sorted(counts), dtype=np.uint64)
        terms = []
        for code, index in zip(wanted.tolist(), np.searchsorted(self.codes, wanted).tolist(), strict=True):
            if index < len(self.codes) and int(self.codes[index]) == code:
                frequency = int(self.frequencies[index])
                idf = np.log(1 + (self.row_count - frequency + 0.5) / (frequency + 0.5))
                terms.append(Term(index, counts[code] * float(idf), frequency, int(self._column_of[index])))
        return sorted(terms, key=lambda term: term.frequency)

    def best(self, terms: Sequence[Term], limit: int, allowed: Rows | None = None) -> Rows:
        """Return the `limit` rows (of the `allowed` ones, ascending) with the highest scores above 0; ties in order.

        Tokens are read from the rarest on. What is beyond BUDGET does not propose rows, it only scores the candidates
        that the rarer tokens propose; so beyond BUDGET a row of nothing but frequent tokens can be missed.
        """
        if allowed is not None and len(allowed) <= FEW_ROWS:
            return _top(allowed, self._contributions(terms, allowed), limit)
        read, looked_up = _split(terms)
        hits = max(limit * len(read), CANDIDATES if looked_up else 0)  # a row is hit once a token at most
        rows, sums = self._proposed(read, hits, allowed, SAMPLED if looked_up else 1)
        return _top(rows, sums + self._contributions(looked_up, rows), limit)

    def scores(self, terms: Sequence[Term], rows: Rows) -> Vectors:
        """Return the BM25 score of some rows, float32 (n,), 0 or more, higher is better."""
        return self._contributions(terms, rows).astype(np.float32)

    def postings(self, terms: Rows) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """Return rows and counts of some tokens, one token after the other."""
        sizes = self.frequencies[terms].astype(np.int64)
        ends = np.cumsum(sizes)
        rows = np.empty(int(sizes.sum()), np.uint32)
        counts = np.empty(len(rows), np.uint8)
        in_columns = self._column_of[terms] >= 0
        places = _ranges((ends - sizes)[~in_columns], sizes[~in_columns])
        stored = _ranges(self._starts[terms[~in_columns]], sizes[~in_columns])
        rows[places], counts[places] = self._rows[stored], self._counts[stored]
        for i in np.flatnonzero(in_columns):
            part = slice(ends[i] - sizes[i], ends[i])
            rows[part], counts[part] = self._column(self._column_of[terms[i]])
        return rows, counts

    def _proposed(
        self, terms: Sequence[Term], hits: int, allowed: Rows | None, step: int
    ) -> tuple[Rows, NDArray[np.float64]]:
        """Return the rows of the `hits` postings with the highest sums, ascending, and the sums.

        With a `step` above 1 there are about so many, for only every so many sums are looked at.

        What it takes depends on the number of postings alone, not of rows: sums lie in an array of all rows that is
        kept, and set to 0 again where it was used.
        """
        if not terms:
            return np.zeros(0, np.int64), np.zeros(0)
        postings = [self._postings_of(term) for term in terms]
        rows = np.concatenate([found for found, _ in postings]).astype(np.int64)
        counts = np.concatenate([count for _, count in postings])
        weights = np.repeat([term.weight for term in terms], [term.frequency for term in terms])
        weights *= counts / (counts + self._norms[rows])
        sums = self._scratch()
        np.add.at(sums, rows, weights)
        totals = sums[rows]
        hit = rows if allowed is None else rows[is_allowed := np.isin(rows, allowed, kind="table")]
        wanted = totals if allowed is None else totals[is_allowed]
        best = np.sort(hit[wanted >= _nth_highest(wanted[::step], hits // step)])
        best = best[np.flatnonzero(np.diff(best, prepend=-1))]
        of_best = sums[best]
        sums[rows] = 0.0
        return best, of_best

    def _postings_of(self, term: Term) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """Return rows and counts of one token."""
        if term.column < 0:
            stored = slice(self._starts[term.index], self._starts[term.index + 1])
            return self._rows[stored], self._counts[stored]
        return self._column(term.column)

    def _column(self, number: int) -> tuple[Rows, NDArray[np.uint8]]:
        """Return the rows of a column that have a count, and the counts."""
        column = self._columns[number]
        present = np.flatnonzero(column != 0)
        return present, column[present]

    def _scratch(self) -> NDArray[np.float64]:
        """Return this thread's array of a 0 for every row, float64 (row_count,)."""
        scratch: NDArray[np.float64] | None = getattr(self._own, "sums", None)
        if scratch is None:
            self._own.sums = scratch = np.zeros(self.row_count)
        return scratch

    def _contributions(self, terms: Sequence[Term], rows: Rows) -> NDArray[np.float64]:
        """Return what some tokens contribute to some rows, float64 (n,)."""
        sums = np.zeros(len(rows))
        norms = self._norms[rows]
        columns = np.array([term.column for term in terms if term.column >= 0], np.int64)
        if len(columns):
            cells = columns[:, None] * self.row_count + rows
            counts = self._columns.reshape(-1).take(cells).astype(np.float32)
            sums += np.array([term.weight for term in terms if term.column >= 0]) @ (counts / (counts + norms))
        wanted = rows.astype(np.uint32)
        for term in terms:
            if term.column < 0:
                start, end = self._starts[term.index], self._starts[term.index + 1]
                places = np.searchsorted(self._rows[start:end], wanted)
                places[places == end - start] = 0
                hits = np.flatnonzero(self._rows[start:end][places] == wanted)
                counts = self._counts[start:end][places[hits]].astype(np.float32)
                sums[hits] += term.weight * (counts / (counts + norms[hits]))
        return sums


def _top(rows: Rows, scores: NDArray[np.float64], limit: int) -> Rows:
    """Return the rows with the highest scores above 0, ascending; of equals (to 9 digits) the first ones."""
    rounded = scores.round(9)
    order = np.argsort(-rounded, kind="stable")[:limit]
    return np.sort(rows[order[rounded[order] > 0]])


def _split(terms: Sequence[Term]) -> tuple[list[Term], list[Term]]:
    """Return the tokens that BUDGET allows to read, at least the rarest one, and the others."""
    spent = 0
    for i, term in enumerate(terms):
        spent += term.frequency
        if spent > BUDGET and i:
            return list(terms[:i]), list(terms[i:])
    return list(terms), []


def _nth_highest(values: NDArray[np.float64], n: int) -> float:
    """Return the n-th highest of some values above 0, or 0 if there are no more than n."""
    if len(values) <= n:
        return 0.0
    return float(np.partition(values, len(values) - n)[len(values) - n])


def _ranges(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return start, start + 1, … of each range, one range after the other."""
    offsets = np.cumsum(sizes) - sizes
    return np.repeat(starts - offsets, sizes) + np.arange(int(sizes.sum()))


# --- writing --------------------------------------------------------------------------------------------------------


class FreshCounts:
    """Tokens that were just counted, put into files so that a large corpus needs little memory."""

    def __init__(self, counted: TokenCounts, folder: Path) -> None:
        folder.mkdir(parents=True)
        _store(folder / "rows.u32", counted.rows)
        _store(folder / "counts.u8", counted.counts)
        self.codes, self.words, self.lengths = counted.codes, counted.words, counted.lengths
        self.frequencies = np.diff(counted.starts).astype(np.int32)
        self._starts = counted.starts
        self._rows = _map(folder / "rows.u32", np.uint32)
        self._counts = _map(folder / "counts.u8", np.uint8)

    def postings(self, terms: Rows) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """Return rows and counts of some tokens, one token after the other."""
        stored = _ranges(self._starts[terms], self.frequencies[terms].astype(np.int64))
        return self._rows[stored], self._counts[stored]


@dataclass(frozen=True, slots=True)
class _Part:
    """Tokens of some rows, on their way into an index: token `order[i]` becomes token `terms[i]` (ascending) there."""

    counts: Counts
    places: Rows
    """The new row of each row, or -1 for one that is left out."""
    order: Rows
    terms: Rows


def write_postings(folder: Path, sources: Sequence[tuple[Counts, Rows]], row_count: int) -> None:
    """Merge sources into a new index. Each comes with the new row of each of its rows, or -1 for a row that goes.

    The files depend on the texts of the rows alone: a change that is merged gives the bytes that a new build gives.
    """
    folder.mkdir()
    words = sorted({word for counts, _ in sources for word in counts.words})
    codes, parts = _align(sources, words)
    sizes = np.zeros(len(codes), np.int64)
    for part in parts:
        sizes[part.terms] += part.counts.frequencies[part.order]
    kept_codes: list[NDArray[np.uint64]] = []
    frequencies: list[NDArray[np.int32]] = []
    is_column: list[NDArray[np.bool_]] = []
    with (
        (folder / "rows.u32").open("wb") as rows_file,
        (folder / "counts.u8").open("wb") as counts_file,
        (folder / "columns.u8").open("wb") as columns_file,
    ):
        for first, last in _blocks(sizes):
            keys = np.concatenate([_keys(part, first, last) for part in parts])
            keys.sort(kind="stable")  # Timsort: each part comes in order, so that little is left to do.
            terms = (keys >> np.uint64(40)).astype(np.int64)
            found = np.bincount(terms, minlength=last - first)
            in_column = found * COLUMN_SHARE > row_count
            listed = keys[~in_column[terms]]
            _write(rows_file, (listed >> np.uint64(8)).astype(np.uint32))
            _write(counts_file, listed.astype(np.uint8))
            _write_columns(columns_file, keys[in_column[terms]], row_count)
            kept_codes.append(codes[first:last][found > 0])
            frequencies.append(found[found > 0].astype(np.int32))
            is_column.append(in_column[found > 0])
    _write_terms(folder, kept_codes, frequencies, is_column, words)
    lengths = np.zeros(row_count, np.int32)
    for part in parts:
        lengths[part.places[part.places >= 0]] = part.counts.lengths[part.places >= 0]
    _store(folder / "lengths.i32", lengths)


def _align(sources: Sequence[tuple[Counts, Rows]], words: Sequence[str]) -> tuple[NDArray[np.uint64], list[_Part]]:
    """Return the tokens of all sources, and for each source where its tokens stand among them."""
    numbers = {word: number for number, word in enumerate(words)}
    recoded = []
    for counts, _ in sources:
        codes = counts.codes.copy()
        is_word = codes >= np.uint64(WORD)
        new = np.array([numbers[word] for word in counts.words], np.uint64) | np.uint64(WORD)
        codes[is_word] = new[(codes[is_word] ^ np.uint64(WORD)).astype(np.int64)]
        recoded.append(codes)
    union = np.unique(np.concatenate([np.zeros(0, np.uint64), *recoded]))
    parts = []
    for (counts, places), codes in zip(sources, recoded, strict=True):
        order = np.argsort(codes, kind="stable")
        parts.append(_Part(counts, places, order, np.searchsorted(union, codes[order])))
    return union, parts


def _blocks(sizes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Cut tokens into ranges of about BLOCK postings."""
    totals = np.cumsum(sizes)
    cuts = np.flatnonzero(np.diff(totals // BLOCK, prepend=0)).tolist()
    bounds = [0, *(cut for cut in cuts if cut), len(sizes)]
    return [(first, last) for first, last in pairwise(bounds) if first < last]


def _keys(part: _Part, first: int, last: int) -> NDArray[np.uint64]:
    """Return token, row and count of a range of tokens, packed in 24, 32 and 8 bits: sorting them is merging them."""
    begin, end = np.searchsorted(part.terms, [first, last])
    chosen = part.order[begin:end]
    rows, counts = part.counts.postings(chosen)
    terms = np.repeat(part.terms[begin:end] - first, part.counts.frequencies[chosen])
    places = part.places[rows]
    is_kept = places >= 0
    keys = terms[is_kept].astype(np.uint64) << np.uint64(40) | places[is_kept].astype(np.uint64) << np.uint64(8)
    return keys | counts[is_kept]


def _write_columns(file: BinaryIO, keys: NDArray[np.uint64], row_count: int) -> None:
    """Write a column for each token of the keys, which are in order."""
    column_of = np.cumsum(np.diff(keys >> np.uint64(40), prepend=np.uint64(1 << 24)) != 0) - 1
    columns = np.zeros((column_of.max(initial=-1) + 1, row_count), np.uint8)
    columns[column_of, (keys >> np.uint64(8)).astype(np.uint32)] = keys.astype(np.uint8)
    _write(file, columns)


def _write_terms(
    folder: Path,
    codes: Sequence[NDArray[np.uint64]],
    frequencies: Sequence[NDArray[np.int32]],
    is_column: Sequence[NDArray[np.bool_]],
    words: Sequence[str],
) -> None:
    """Write what describes the tokens; words that occur no more are left out, and the others numbered anew."""
    all_codes = np.concatenate([np.zeros(0, np.uint64), *codes])
    all_frequencies = np.concatenate([np.zeros(0, np.int32), *frequencies])
    in_columns = np.concatenate([np.zeros(0, np.bool_), *is_column])
    is_word = all_codes >= np.uint64(WORD)
    kept = [words[number] for number in (all_codes[is_word] ^ np.uint64(WORD)).tolist()]
    all_codes[is_word] = np.arange(len(kept), dtype=np.uint64) | np.uint64(WORD)
    _store(folder / "codes.u64", all_codes)
    _store(folder / "frequencies.i32", all_frequencies)
    sizes = np.where(in_columns, 0, all_frequencies).astype(np.int64)
    _store(folder / "starts.i64", np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]))
    _store(folder / "column_terms.i32", np.flatnonzero(in_columns).astype(np.int32))
    (folder / "words.txt").write_text("".join(f"{word}\n" for word in kept), encoding="utf-8")


def _write(file: BinaryIO, values: NDArray[Any]) -> None:
    file.write(np.ascontiguousarray(values).data)


def _store(path: Path, values: NDArray[Any]) -> None:
    """Write a file of numbers; NumPy's own `tofile` does not say why it fails."""
    path.write_bytes(np.ascontiguousarray(values).data)


def _read(path: Path, kind: Any) -> NDArray[Any]:
    return np.fromfile(path, dtype=kind)


def _map(path: Path, kind: Any) -> NDArray[Any]:
    """Map a file of numbers; an empty file cannot be mapped."""
    return np.memmap(path, dtype=kind, mode="r").view(np.ndarray) if path.stat().st_size else np.zeros(0, kind)
