"""The closest vectors: exact by NumPy's measure, and nearly so by clusters."""

from pathlib import Path

import numpy as np
import pytest

from app.stores import vectors
from app.stores.vectors import VectorIndex, cluster_count, write_vectors
from app.types import Vectors

DIM = 32
NOISE = 0.01
"""What 8-bit codes may change a cosine of these vectors by."""


def unit(rows: np.ndarray) -> Vectors:
    normed: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return normed


def drawn(count: int, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).normal(size=(count, DIM)))


def in_groups(count: int, seed: int = 0) -> Vectors:
    """Return vectors around a hundred centres, as texts of a hundred subjects are."""
    numbers = np.random.default_rng(seed)
    centres = unit(np.random.default_rng(99).normal(size=(100, DIM)))
    return unit(centres[numbers.integers(100, size=count)] + 0.12 * numbers.normal(size=(count, DIM)))


def write(folder: Path, rows: Vectors, old: tuple[Path, vectors.Rows] | None = None) -> VectorIndex:
    folder.mkdir()
    halves = rows.astype(np.float16)
    write_vectors(folder, (halves[start : start + 700] for start in range(0, len(rows), 700)), old)
    return VectorIndex(folder, len(rows), DIM)


def stored(rows: Vectors) -> Vectors:
    return rows.astype(np.float16).astype(np.float32)


def best(rows: Vectors, vector: Vectors, limit: int) -> list[int]:
    return sorted(np.argsort(-(stored(rows) @ vector), kind="stable")[:limit].tolist())


@pytest.fixture
def clustered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search by clusters from a thousand rows on."""
    monkeypatch.setattr(vectors, "EXACT_ROWS", 1000)


# --- exact ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 300])
def test_exact_search_is_that_of_numpy(tmp_path: Path, count: int) -> None:
    rows = drawn(count)
    index = write(tmp_path / "index", rows)
    assert index.is_exact
    assert not (tmp_path / "index" / vectors.CLUSTERS).exists()
    for vector in drawn(20, seed=1):
        everything = np.arange(count)
        assert index.cosines(vector, everything) == pytest.approx(stored(rows) @ vector, abs=1e-6)
        for limit in (1, 7, 300, 1000):
            assert index.nearest(vector, limit).tolist() == best(rows, vector, limit)


@pytest.mark.parametrize("direct", [5, 5000], ids=["many", "few"])
def test_exact_search_of_allowed_rows_is_that_of_numpy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: int
) -> None:
    monkeypatch.setattr(vectors, "DIRECT_ROWS", direct)
    rows = drawn(300)
    index = write(tmp_path / "index", rows)
    for seed, vector in enumerate(drawn(10, seed=1)):
        allowed = np.sort(np.random.default_rng(seed).choice(300, 40, replace=False))
        expected = sorted(allowed[best(rows[allowed], vector, 7)].tolist())
        assert index.nearest(vector, 7, allowed).tolist() == expected
        assert index.nearest(vector, 100, allowed).tolist() == allowed.tolist()
    assert index.nearest(drawn(1)[0], 7, np.zeros(0, np.int64)).tolist() == []


def test_half_precision_changes_a_cosine_by_less_than_half_a_thousandth(tmp_path: Path) -> None:
    rows = drawn(300)
    index = write(tmp_path / "index", rows)
    for vector in drawn(20, seed=1):
        assert index.cosines(vector, np.arange(300)) == pytest.approx(rows @ vector, abs=5e-4)


# --- by clusters ----------------------------------------------------------------------------------------------------


def assert_is_exact_up_to_the_codes(found: list[int], rows: Vectors, vector: Vectors, limit: int) -> None:
    cosines = stored(rows) @ vector
    border = np.sort(cosines)[-limit]
    assert len(found) == len(set(found)) == limit
    assert (cosines[found] > border - NOISE).all()
    assert set(np.flatnonzero(cosines > border + NOISE).tolist()) <= set(found)


@pytest.mark.usefixtures("clustered")
def test_a_search_of_all_clusters_is_exact_up_to_the_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = drawn(2500)
    monkeypatch.setattr(vectors, "PROBES", cluster_count(len(rows)))
    index = write(tmp_path / "index", rows)
    assert not index.is_exact
    for vector in drawn(20, seed=1):
        assert_is_exact_up_to_the_codes(index.nearest(vector, 10).tolist(), rows, vector, 10)
        some = np.array([3, 5, 2499])
        assert index.cosines(vector, some) == pytest.approx((stored(rows) @ vector)[some], abs=1e-6)


@pytest.mark.usefixtures("clustered")
def test_a_search_of_few_clusters_finds_nine_in_ten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = in_groups(6000)
    monkeypatch.setattr(vectors, "PROBES", cluster_count(len(rows)) // 16)
    index = write(tmp_path / "index", rows)
    found = [
        len(set(index.nearest(vector, 10).tolist()) & set(best(rows, vector, 10))) for vector in in_groups(100, seed=5)
    ]
    assert np.mean(found) / 10 >= 0.9


@pytest.mark.usefixtures("clustered")
@pytest.mark.parametrize("direct", [5, 5000], ids=["many", "few"])
def test_only_allowed_rows_are_found_in_clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: int) -> None:
    monkeypatch.setattr(vectors, "DIRECT_ROWS", direct)
    rows = drawn(1500)
    monkeypatch.setattr(vectors, "PROBES", cluster_count(len(rows)))
    index = write(tmp_path / "index", rows)
    for seed, vector in enumerate(drawn(10, seed=1)):
        allowed = np.sort(np.random.default_rng(seed).choice(1500, 400, replace=False))
        found = index.nearest(vector, 10, allowed)
        places = np.searchsorted(allowed, found)
        assert allowed[places].tolist() == found.tolist()
        assert_is_exact_up_to_the_codes(places.tolist(), rows[allowed], vector, 10)


@pytest.mark.usefixtures("clustered")
@pytest.mark.parametrize("is_kept", [True, False], ids=["clusters kept", "clusters anew"])
def test_after_an_update_rows_are_found_at_their_new_places_and_dropped_ones_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    numbers = np.random.default_rng(3)
    before = in_groups(2000)
    write(tmp_path / "old", before)
    kept = numbers.permutation(2000)[: 1700 if is_kept else 700]
    added = in_groups(300 if is_kept else 1300, seed=4)
    order = numbers.permutation(len(kept) + len(added))
    after = np.concatenate([before[kept], added])[order]
    places = np.full(2000, -1)
    new_place = np.argsort(order)
    places[kept] = new_place[: len(kept)]
    if is_kept:
        monkeypatch.setattr(vectors, "_trained", None)  # never needed
    monkeypatch.setattr(vectors, "PROBES", cluster_count(len(after)))
    index = write(tmp_path / "new", after, (tmp_path / "old", places))
    for vector in in_groups(20, seed=5):
        assert_is_exact_up_to_the_codes(index.nearest(vector, 10).tolist(), after, vector, 10)
        assert index.nearest(vector, len(after)).tolist() == list(range(len(after)))
    for row in numbers.choice(len(after), 50):
        (found,) = index.nearest(stored(after)[row], 1).tolist()
        assert stored(after)[found] @ stored(after)[row] > 1 - NOISE
    dropped = np.setdiff1d(np.arange(2000), kept)
    for row in dropped[:50]:
        assert_is_exact_up_to_the_codes(index.nearest(before[row], 5).tolist(), after, before[row], 5)


@pytest.mark.usefixtures("clustered")
def test_an_update_of_an_update_finds_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = in_groups(1800)
    monkeypatch.setattr(vectors, "PROBES", cluster_count(len(rows)))
    write(tmp_path / "0", rows)
    monkeypatch.setattr(vectors, "_trained", None)
    for step in range(1, 5):
        shift = np.roll(np.arange(len(rows)), 37 * step)
        places = np.argsort(shift)
        places[: 20 * step] = -1
        changed = rows[shift]
        dropped = np.setdiff1d(np.arange(len(rows)), places[places >= 0])
        changed[dropped] = in_groups(len(dropped), seed=step)
        index = write(tmp_path / str(step), changed, (tmp_path / str(step - 1), places))
        rows = changed
        for vector in in_groups(10, seed=50 + step):
            assert_is_exact_up_to_the_codes(index.nearest(vector, 10).tolist(), rows, vector, 10)


@pytest.mark.usefixtures("clustered")
def test_an_index_that_shrinks_below_the_limit_is_exact_again(tmp_path: Path) -> None:
    rows = drawn(1100)
    write(tmp_path / "old", rows)
    places = np.where(np.arange(1100) < 900, np.arange(1100), -1)
    index = write(tmp_path / "new", rows[:900], (tmp_path / "old", places))
    assert index.is_exact
    assert not (tmp_path / "new" / vectors.CLUSTERS).exists()
    assert index.nearest(rows[5], 3).tolist() == best(rows[:900], rows[5], 3)


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("clustered")
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc to see what is mapped")
def test_large_files_are_mapped_and_not_read_into_memory(tmp_path: Path) -> None:
    index = write(tmp_path / "index", drawn(1500))
    mapped = Path("/proc/self/maps").read_text()
    for name in (vectors.VECTORS, vectors.CLUSTERS):
        assert f"{tmp_path / 'index' / name}\n" in mapped
    assert not index.stored.flags.writeable


@pytest.mark.usefixtures("clustered")
def test_files_that_do_not_belong_together_cannot_be_opened(tmp_path: Path) -> None:
    write(tmp_path / "small", drawn(1200))
    write(tmp_path / "large", drawn(1500))
    (tmp_path / "large" / vectors.CLUSTERS).write_bytes((tmp_path / "small" / vectors.CLUSTERS).read_bytes())
    with pytest.raises(ValueError, match=r"clusters\.faiss holds 1200 vectors, not 1500"):
        VectorIndex(tmp_path / "large", 1500, DIM)
    (tmp_path / "large" / vectors.CLUSTERS).write_bytes(b"?")
    with pytest.raises(RuntimeError):
        VectorIndex(tmp_path / "large", 1500, DIM)
    with pytest.raises(ValueError, match="mmap length"):
        VectorIndex(tmp_path / "small", 1300, DIM)
