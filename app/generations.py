"""Folders that are never seen half written: a new generation is built aside, then one file is switched to it.

index/CURRENT              the name of the generation that readers open, and the hash of its manifest
index/g-…/manifest.json    what it was made of, and the hash of each of its files
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from app.errors import IndexBusyError, IndexDamagedError, IndexMissingError, IndexProblem

CURRENT = "CURRENT"
MANIFEST = "manifest.json"
REBUILD = "Run: youju build --rebuild"

_CURRENT_LINE = re.compile(r"(g-[0-9a-f]{12}) ([0-9a-f]{64})\n")


@contextlib.contextmanager
def builder_lock(root: Path) -> Iterator[None]:
    """Let one builder at a time into a folder. Raises IndexBusyError, or IndexProblem if it cannot be written."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / ".lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise IndexBusyError(f"another build of {root} is under way; wait until it ends") from error
    except OSError as error:
        raise IndexProblem(f"index folder {root} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def staged(root: Path) -> Iterator[Path]:
    """Give a new folder to write a generation into; it is gone afterwards, unless it was committed.

    Killed at any moment, readers see the old generation or the new one. Call it under `builder_lock`: what other builds
    have left was left by dead ones, and takes room.
    """
    for path in root.glob(".g-*"):
        shutil.rmtree(path, ignore_errors=True)
    folder = root / f".g-{uuid.uuid4().hex[:12]}"
    try:
        folder.mkdir()
        yield folder
    except OSError as error:
        raise IndexProblem(f"index {root} cannot be written: {error.strerror}; the old one is unchanged") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def commit(staging: Path, manifest: Mapping[str, Any]) -> None:
    """Make a staged folder the generation that readers open; the hash of each of its files goes into the manifest."""
    root, name = staging.parent, staging.name.removeprefix(".")
    replaced = current_line(root).partition(" ")[0]
    names = sorted(path.relative_to(staging).as_posix() for path in staging.rglob("*") if path.is_file())
    hashes = dict(zip(names, _hash_all(staging / file for file in names), strict=True))
    content = json.dumps({**manifest, "files": hashes}, ensure_ascii=False, indent=1).encode()
    (staging / MANIFEST).write_bytes(content)
    for path in [*staging.rglob("*"), staging]:
        _sync(path)
    pointer = root / f".{CURRENT}"
    pointer.write_text(f"{name} {hashlib.sha256(content).hexdigest()}\n", encoding="ascii")
    _sync(pointer)
    staging.rename(root / name)  # Nothing from here on needs room on the disk.
    _sync(root)
    os.replace(pointer, root / CURRENT)
    _sync(root)
    _remove_old(root, keep=(name, replaced))


def current_line(root: Path) -> str:
    """Return what CURRENT says: it changes with every build. Empty if it cannot be read."""
    try:
        return (root / CURRENT).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def read_manifest(root: Path) -> tuple[Path, dict[str, Any]]:
    """Return the current generation's folder and manifest. Raises IndexMissingError or IndexDamagedError."""
    if not (root / CURRENT).is_file():
        if any(root.glob("g-*")):
            raise damaged(root, f"{CURRENT} is gone")
        raise IndexMissingError(f"there is no index in {root} yet. Run: youju build")
    line = _CURRENT_LINE.fullmatch(current_line(root))
    if line is None:
        raise damaged(root, f"{CURRENT} was altered")
    folder = root / line.group(1)
    if not folder.is_dir():
        raise damaged(root, f"{folder.name}, which {CURRENT} names, is gone")
    content = _read(folder, MANIFEST)
    if hashlib.sha256(content).hexdigest() != line.group(2):
        raise damaged(root, f"{MANIFEST} is not the one that {CURRENT} names; one of them was altered")
    manifest: dict[str, Any] = json.loads(content)
    return folder, manifest


def check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compare each file of a generation with its hash. Raises IndexDamagedError, which names the file."""
    names = list(manifest["files"])
    for name in names:
        try:
            (folder / name).stat()
        except OSError as error:
            raise _unreadable(folder, name, error) from error
    try:
        found = _hash_all(folder / name for name in names)
    except OSError as error:
        raise _unreadable(folder, Path(error.filename).relative_to(folder).as_posix(), error) from error
    for name, digest in zip(names, found, strict=True):
        if manifest["files"][name] != digest:
            raise damaged(folder.parent, f"{name} was altered")


def damaged(root: Path, what: str) -> IndexDamagedError:
    """Return the error that says what is wrong with an index and how to mend it."""
    return IndexDamagedError(f"{root} is damaged: {what}. {REBUILD}")


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise _unreadable(folder, name, error) from error


def _unreadable(folder: Path, name: str, error: OSError) -> IndexDamagedError:
    what = "is gone" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
    return damaged(folder.parent, f"{name} {what}")


def _remove_old(root: Path, keep: Collection[str]) -> None:
    """Remove all generations but the current one and the one it replaced.

    The replaced one stays for those who are just reading it.
    """
    for path in root.glob("g-*"):
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)


def _hash_all(paths: Iterable[Path]) -> list[str]:
    """Return the SHA-256 of files, as many at once as there are cores: a large index is read in a second or two."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_sha256, paths))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Make a file or a folder's entries survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
