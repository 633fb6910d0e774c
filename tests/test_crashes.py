"""Builders that are killed, disks that are full, files that are damaged, many at once: never a wrong answer.

`pytest tests/test_crashes.py --crash-kills 1000 --crash-seconds 60` looks longer.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from app import generations
from app.chunking import index_text, make_chunks
from app.errors import IndexDamagedError, IndexMissingError, IndexProblem
from app.stores import vectors
from app.stores.local import LocalStore
from app.text import search_tokens
from tests import racers
from tests.indexing import ENCODER, opened, store
from tests.mortal_builder import BATCHES, CLUSTERS, FIRST, KINDS, corpus_of, prepare

pytestmark = pytest.mark.crash

QUESTIONS = ("科技创新人才计划", "word7 word11 fresh3", "InnoMatch 46.3%")


@pytest.fixture(autouse=True)
def _prepared() -> Iterator[None]:
    yield
    prepare("")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a build waits for a disk most of the time, and dies there."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


def files(folder: Path) -> dict[str, bytes]:
    """Return the files of a generation that depend on its documents alone."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if name not in (generations.MANIFEST, vectors.CLUSTERS)}


class States:
    """What an index may hold before and after a change of some kind."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        prepare(kind)
        self.wanted: dict[str, Mapping[str, bytes]] = {}
        for state in ("old", "new"):
            if documents := corpus_of(kind, state):
                store(folder / state, documents)
                self.wanted[state] = files(opened(folder / state).folder)

    def of(self, root: Path) -> str:
        """Return which state an index is in, having looked at all that it holds and at what it answers."""
        try:
            index = opened(root)
        except (IndexMissingError, IndexDamagedError) as error:
            if self.kind != FIRST or str(error) not in (
                f"there is no index in {root} yet. Run: youju build",
                f"{root} is damaged: CURRENT is gone. Run: youju build --rebuild",
            ):
                raise
            return "old"
        found = files(index.folder)
        state = next((state for state, wanted in self.wanted.items() if wanted == found), "a mixture")
        assert state != "a mixture", self.differing(found)
        assert_answers_from(index, self.kind, state)
        return state

    def differing(self, found: Mapping[str, bytes]) -> dict[str, list[str]]:
        return {
            state: [name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)]
            for state, wanted in self.wanted.items()
        }


def assert_answers_from(index: LocalStore, kind: str, state: str) -> None:
    """Assert that documents, chunks, cosines and BM25 scores are those of a state."""
    documents = corpus_of(kind, state)
    assert list(index.documents) == [document.id for document in documents]
    last = documents[-1]
    assert index.documents[last.id] == last
    assert list(index.chunks_of(last.id)) == make_chunks(last)
    for question in QUESTIONS:
        found = index.candidates(ENCODER.encode_queries([question])[0], search_tokens(question), 5)
        texts = [index_text(index.documents[c.document_id], c) for c in index.chunks_at(found.rows.tolist())]
        stored = ENCODER.encode_passages(texts).astype(np.float16).astype(np.float32)
        assert found.dense == pytest.approx(stored @ ENCODER.encode_queries([question])[0], abs=1e-6)
        shared = [bool(set(search_tokens(question)) & set(search_tokens(text))) for text in texts]
        assert (found.sparse > 0).tolist() == shared


# --- killed ---------------------------------------------------------------------------------------------------------


class Builders:
    """Starts builds and kills them."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._requests, self._replies = process.stdin, process.stdout
        self.took = 0.0

    def run(self, root: Path, kind: str, state: str, seconds: float | None = None) -> bool:
        """Build, and kill the builder after some time if that is given. Returns whether it was killed."""
        print(json.dumps([str(root), kind, state]), file=self._requests, flush=True)
        builder = int(self._replies.readline())
        started = time.perf_counter()
        if seconds is not None:
            time.sleep(seconds)
            with contextlib.suppress(ProcessLookupError):
                os.kill(builder, signal.SIGKILL)
        status = int(self._replies.readline())
        self.took = time.perf_counter() - started
        assert status in (0, -signal.SIGKILL), "the builder failed by itself; see its traceback"
        return status != 0


@pytest.fixture(scope="module")
def builders() -> Iterator[Builders]:
    command = [sys.executable, "-m", "tests.mortal_builder"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Builders(process)
        process.communicate()
    assert process.returncode == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_builder_killed_at_any_moment_leaves_the_whole_old_index_or_the_whole_new_one(
    folder: Path, builders: Builders, kind: str, request: pytest.FixtureRequest
) -> None:
    kills = -(-request.config.getoption("--crash-kills") // len(KINDS))
    moments = random.Random(kind)
    states = States(kind, folder)
    root = folder / "index"
    if kind != FIRST:
        builders.run(root, kind, "old")
    builders.run(root, kind, "new")
    takes = builders.took
    state, killed, seen = "new", 0, Counter[str]()
    while killed < kills:
        if kind == FIRST and state == "new":
            shutil.rmtree(root)
            state = "old"
        target = "old" if state == "new" else "new"
        if builders.run(root, kind, target, seconds=moments.uniform(0, 1.1 * takes)):
            killed += 1
            half_written = {len(list(path.rglob("*"))) for path in root.glob(".g-*")}
            assert len(half_written) <= 1, "what the build before left is still there"
            state = states.of(root)
            seen["new" if state == target else f"old, {max(half_written)} files" if half_written else "old"] += 1
        else:
            state, takes = states.of(root), builders.took
            assert state == target
    print(f"{kind}: {killed} kills, {dict(sorted(seen.items()))}")
    assert len(seen) > 1, "the kills did not fall into the writing"
    for target in ("old", "new"):
        if corpus_of(kind, target):
            builders.run(root, kind, target)
            assert states.of(root) == target
    assert not list(root.glob(".g-*"))
    assert len(list(root.glob("g-*"))) <= 2


# --- full disks -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of a few megabytes."""
    folder = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"mount cannot be run: {error}")
    if done.returncode != 0:
        pytest.skip(f"a small tmpfs cannot be mounted (root may): {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def free(disk: Path) -> int:
    disk_space = os.statvfs(disk)
    return disk_space.f_bavail * disk_space.f_frsize


def fill(disk: Path, left: int) -> Path:
    """Put a file on a disk that leaves only some bytes free."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        if free(disk) > left:
            os.posix_fallocate(file.fileno(), 0, free(disk) - left)
    return ballast


FULL = ("No space left on device", "the vectors cannot be stored; is the disk full?")


def problem_of_storing(root: Path, kind: str, state: str) -> IndexProblem | None:
    try:
        store(root, corpus_of(kind, state))
    except IndexProblem as error:
        return error
    return None


def place_of(error: BaseException | None) -> str:
    """Return the innermost line of the program that an error came from."""
    assert error is not None
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if f"{os.sep}app{os.sep}" in frame.filename]
    return f"{Path(frames[-1].filename).name} {frames[-1].line}"


@pytest.mark.parametrize("kind", ["one changed", "reordered", CLUSTERS, BATCHES])
def test_a_full_disk_leaves_the_whole_old_index_and_says_so_in_one_line(
    tmp_path: Path, small_disk: Path, kind: str
) -> None:
    states = States(kind, tmp_path)
    root = small_disk / "index"
    shutil.rmtree(root, ignore_errors=True)
    (small_disk / "ballast").unlink(missing_ok=True)
    store(root, corpus_of(kind, "old"))
    before = free(small_disk)
    store(root, corpus_of(kind, "new"))
    needed = before - free(small_disk)
    state, failed, succeeded = "new", Counter[str](), 0
    step = 4096 if "large" not in kind else 4096 * (needed // 4096 // 20)
    levels = range(0, needed + 4 * step, step)
    for level in levels:
        target = "old" if state == "new" else "new"
        held = sorted(path.name for path in root.iterdir())
        ballast = fill(small_disk, level)
        if (error := problem_of_storing(root, kind, target)) is None:
            succeeded += 1
            state = target
        else:
            failed[place_of(error.__cause__)] += 1
            message = str(error).removeprefix(f"index {root} cannot be written: ")
            assert message in (f"{reason}; the old one is unchanged" for reason in FULL)
            assert sorted(path.name for path in root.iterdir() if path.name != ".CURRENT") == held
        ballast.unlink()
        assert states.of(root) == state
    print(f"{kind}: {len(levels)} levels, {dict(failed)}, {succeeded} succeeded")
    assert succeeded > 0
    assert len(failed) > 3
    store(root, corpus_of(kind, "new"))
    assert states.of(root) == "new"


def test_vectors_whose_last_bytes_found_no_room_are_not_taken_for_written(small_disk: Path) -> None:
    prepare(CLUSTERS)
    rows = ENCODER.encode_passages([document.text for document in corpus_of(CLUSTERS, "old")]).astype(np.float16)
    folder = small_disk / "vectors"
    folder.mkdir()
    vectors.write_vectors(folder, [rows])
    needed = sum(path.stat().st_blocks * 512 for path in folder.iterdir())
    for lacking in (0, 1, 2, 3):
        shutil.rmtree(folder)
        folder.mkdir()
        ballast = fill(small_disk, needed - 4096 * lacking)
        with pytest.raises(OSError, match="is the disk full") if lacking else contextlib.nullcontext():
            vectors.write_vectors(folder, [rows])
        ballast.unlink()
    shutil.rmtree(folder)


# --- damage ---------------------------------------------------------------------------------------------------------

PLACES = 12
"""How many bits are flipped in each file, and at how many lengths it is cut."""


def test_a_bit_flipped_or_bytes_cut_anywhere_in_any_file_are_noticed_and_the_file_is_named(folder: Path) -> None:
    prepare(CLUSTERS)
    root, drawn, count = folder / "index", random.Random(4), 0
    store(root, corpus_of(CLUSTERS, "old"))
    generation = generations.read_manifest(root)[0]
    paths = [path for path in generation.rglob("*") if path.is_file() and path.stat().st_size]
    assert len(paths) >= 18
    for path in [*paths, root / generations.CURRENT]:
        name = path.relative_to(root if path.name == generations.CURRENT else generation).as_posix()
        content = path.read_bytes()
        for _ in range(PLACES):
            place, bit = drawn.randrange(len(content)), 1 << drawn.randrange(8)
            flipped = bytearray(content)
            flipped[place] ^= bit
            for altered in (bytes(flipped), content[:place]):
                path.write_bytes(altered)
                with pytest.raises(IndexDamagedError) as caught:
                    opened(root)
                assert str(caught.value).startswith(f"{root} is damaged: ")
                assert f" {name}" in str(caught.value)
                assert "\n" not in str(caught.value)
                count += 1
        path.write_bytes(content)
    assert_answers_from(opened(root), CLUSTERS, "old")
    print(f"{count} damages in {len(paths) + 1} files")


# --- many at once ---------------------------------------------------------------------------------------------------


def test_two_builders_and_four_readers_at_once_lose_nothing(folder: Path, request: pytest.FixtureRequest) -> None:
    seconds = request.config.getoption("--crash-seconds")
    root = folder / "index"
    with generations.builder_lock(root):
        racers.write_version(root, 0)
    command = [sys.executable, "-m", "tests.racers", str(root), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    builders = [report for report in reports if "built" in report]
    readers = [report for report in reports if "read" in report]
    print(f"{seconds:g} s: {reports}")
    assert (len(builders), len(readers)) == (racers.BUILDERS, racers.READERS)
    assert all(report["built"] > 0 for report in builders)
    assert all(report["versions"] > 1 for report in readers)
    assert racers.version_of(opened(root)) == sum(report["built"] for report in builders)
    assert not list(root.glob(".g-*"))
    assert len(list(root.glob("g-*"))) == 2
