"""The stored index is never half written: whoever is killed when, whatever is damaged how."""

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import generations
from app.errors import IndexBusyError, IndexDamagedError, IndexMissingError, IndexProblem
from app.stores.local import LocalStore
from app.text import search_tokens
from tests.conftest import HashingEncoder
from tests.endless_builder import DOCUMENTS, NEW, OLD, write_once
from tests.indexing import chunks, opened

MEND = "Run: youju build --rebuild"


def sentence_of(index: LocalStore) -> str:
    """Return the sentence that all documents of an index hold, and check that it is found."""
    (sentence,) = {document.text.partition("。")[2] for document in index.documents.values()}
    assert {chunk.text.partition("。")[2] for chunk in chunks(index)} == {sentence}
    vector = HashingEncoder().encode_queries([sentence])[0]
    assert len(index.candidates(vector, search_tokens(sentence), DOCUMENTS).rows) == DOCUMENTS
    return sentence


def generation(root: Path) -> Path:
    return generations.read_manifest(root)[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with an index of OLD."""
    write_once(tmp_path / "index", OLD)
    return tmp_path / "index"


@contextlib.contextmanager
def builders(root: Path) -> Iterator[Callable[[], int]]:
    """Give a function that starts a builder of the index, which returns its process id; the last one is killed."""
    command = [sys.executable, "-m", "tests.endless_builder", str(root)]
    started: list[int] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def start() -> int:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            started.append(int(process.stdout.readline()))
            return started[-1]

        try:
            yield start
        finally:
            with contextlib.suppress(ProcessLookupError, IndexError):
                os.kill(started[-1], signal.SIGKILL)
            process.communicate()
    assert process.returncode == 0


@pytest.mark.slow
def test_an_index_can_be_opened_while_it_is_built_again_and_again(root: Path) -> None:
    seen: set[str] = set()
    with builders(root) as start_builder:
        start_builder()
        started = time.monotonic()
        while time.monotonic() - started < (0.5 if len(seen) == 2 else 20):
            seen.add(sentence_of(opened(root)))
    assert seen == {OLD, NEW}


def test_a_reader_that_builders_overtook_twice_reads_the_newest(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_files = generations.check_files
    overtaking = [NEW, OLD, NEW]

    def check_late(folder: Path, manifest: dict[str, Any]) -> None:
        while overtaking:
            write_once(root, overtaking.pop())
        check_files(folder, manifest)

    monkeypatch.setattr(generations, "check_files", check_late)
    assert sentence_of(opened(root)) == NEW


@pytest.mark.slow
def test_a_builder_frozen_at_any_moment_shows_a_whole_index_and_lets_no_other_in(root: Path) -> None:
    moments = random.Random(38)
    refused = 0
    with builders(root) as start_builder:
        builder = start_builder()
        for _ in range(15):
            time.sleep(moments.uniform(0.001, 0.03))
            os.kill(builder, signal.SIGSTOP)
            assert sentence_of(opened(root)) in (OLD, NEW)
            try:
                write_once(root, NEW)
            except IndexBusyError as error:
                refused += str(error) == f"another build of {root} is under way; wait until it ends"
            os.kill(builder, signal.SIGCONT)
    assert refused > 0


def test_a_reader_that_opened_before_a_switch_still_answers(root: Path) -> None:
    reader = opened(root)
    for text in (NEW, OLD, NEW):
        write_once(root, text)
    assert sentence_of(reader) == OLD
    assert sentence_of(opened(root)) == NEW


def test_the_generation_before_is_kept_and_older_ones_are_removed(root: Path) -> None:
    names = [generation(root).name]
    for text in (NEW, OLD, NEW):
        write_once(root, text)
        names.append(generation(root).name)
        assert {path.name for path in root.glob("g-*")} == set(names[-2:])


def test_what_a_killed_build_left_is_removed_and_not_what_readers_read(root: Path) -> None:
    read = generation(root).name
    time.sleep(0.01)
    for name in ("g-00000000dead", ".g-00000000beef"):
        shutil.copytree(root / read, root / name)
    write_once(root, NEW)
    assert {path.name for path in [*root.glob("g-*"), *root.glob(".g-*")]} == {read, generation(root).name}


# --- damage ---------------------------------------------------------------------------------------------------------

FILES = (
    "manifest.json",
    "documents.jsonl",
    "offsets.i64",
    "first_rows.i64",
    "ids.u64",
    "order.i32",
    "stamps.u8",
    "keys.u8",
    "vectors.f16",
    "bm25/codes.u64",
    "bm25/words.txt",
    "bm25/frequencies.i32",
    "bm25/rows.u32",
    "bm25/counts.u8",
    "bm25/starts.i64",
    "bm25/columns.u8",
    "bm25/column_terms.i32",
    "bm25/lengths.i32",
)


def complaint(root: Path) -> str:
    with pytest.raises(IndexDamagedError) as caught:
        opened(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_files_of_an_index(root: Path) -> None:
    folder = generation(root)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_altered_is_named(root: Path, name: str) -> None:
    path = generation(root) / name
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    for altered in (b"", content[:middle], content[:-1], content + b"\n", flipped, bytes(len(content))):
        path.write_bytes(altered)
        message = complaint(root)
        assert message.startswith(f"{root} is damaged: {name} ")
        assert message.endswith(f"altered. {MEND}")
    path.write_bytes(content)
    assert sentence_of(opened(root)) == OLD


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_gone_is_named(root: Path, name: str) -> None:
    (generation(root) / name).unlink()
    assert complaint(root) == f"{root} is damaged: {name} is gone. {MEND}"


def test_a_file_that_cannot_be_read_is_named(root: Path) -> None:
    path = generation(root) / "offsets.i64"
    path.unlink()
    path.mkdir()
    assert complaint(root) == f"{root} is damaged: offsets.i64 cannot be read (Is a directory). {MEND}"


def test_an_altered_bit_anywhere_in_the_pointer_is_noticed(root: Path) -> None:
    path = root / generations.CURRENT
    content = path.read_bytes()
    for position, byte in enumerate(content):
        path.write_bytes(content[:position] + bytes([byte ^ (1 << position % 8)]) + content[position + 1 :])
        assert generations.CURRENT in complaint(root)
    for length in (0, 1, 14, 15, 79):
        path.write_bytes(content[:length])
        assert complaint(root) == f"{root} is damaged: CURRENT was altered. {MEND}"


def test_a_pointer_that_is_gone_is_named(root: Path) -> None:
    (root / generations.CURRENT).unlink()
    assert complaint(root) == f"{root} is damaged: CURRENT is gone. {MEND}"


def test_a_pointer_to_another_place_is_not_followed(root: Path) -> None:
    path = root / generations.CURRENT
    path.write_text(f"../{root.name}/{path.read_text()}")
    assert complaint(root) == f"{root} is damaged: CURRENT was altered. {MEND}"


def test_a_generation_that_is_gone_is_named(root: Path) -> None:
    folder = generation(root)
    shutil.rmtree(folder)
    assert complaint(root) == f"{root} is damaged: {folder.name}, which CURRENT names, is gone. {MEND}"


@pytest.mark.parametrize("name", [*FILES, generations.CURRENT])
def test_the_next_build_mends_an_index(root: Path, name: str) -> None:
    path = root / name if name == generations.CURRENT else generation(root) / name
    path.write_bytes(b"?")
    write_once(root, OLD)
    assert sentence_of(opened(root)) == OLD


@pytest.mark.parametrize("content", [None, ".lock", ".gitignore"])
def test_an_index_that_was_never_built_is_missing(tmp_path: Path, content: str | None) -> None:
    root = tmp_path / "index"
    if content:
        root.mkdir()
        (root / content).touch()
    with pytest.raises(IndexMissingError, match=rf"^there is no index in {root} yet\. Run: youju build$"):
        opened(root)


# --- places that cannot be written ----------------------------------------------------------------------------------


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can enter, as pytest's own cannot be."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextlib.contextmanager
def without_rights() -> Iterator[None]:
    """Give up root's right to write everywhere, if the tests run as root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_that_cannot_be_written_is_named(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    message = rf"^index folder {open_folder} cannot be written: Permission denied$"
    with without_rights(), pytest.raises(IndexProblem, match=message):
        write_once(open_folder, NEW)
    open_folder.chmod(0o755)


def test_a_folder_that_became_read_only_still_answers(open_folder: Path) -> None:
    write_once(open_folder, OLD)
    open_folder.chmod(0o555)
    with without_rights():
        assert sentence_of(opened(open_folder)) == OLD
    open_folder.chmod(0o755)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "index").touch()
    with pytest.raises(IndexProblem, match="cannot be written: File exists"):
        write_once(tmp_path / "index", NEW)


class WideEncoder(HashingEncoder):
    """Makes the vectors the largest file: 40 kB."""

    dim = 1024
    fingerprint = "hashing-wide"


@pytest.mark.parametrize("largest", [0, 100, 1000, 5000, 40_000])
def test_a_file_that_cannot_be_written_whole_leaves_the_old_index(root: Path, largest: int) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, limits[1]))
    try:
        with pytest.raises(IndexProblem) as caught:
            write_once(root, NEW, encoder=WideEncoder())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value) == f"index {root} cannot be written: File too large; the old one is unchanged"
    assert sentence_of(opened(root)) == OLD
    assert not list(root.glob(".g-*"))
