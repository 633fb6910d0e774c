"""Folders that are never seen half written: a new generation is built aside, then one file is switched to it.

    index/CURRENT              the name of the generation that readers open, and the hash of its manifest
    index/g-…/manifest.json    what it was made of, and the hash of each of its files
"""

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from app.errors import IndexBusyError, IndexDamagedError, IndexMissingError, IndexProblem

CURRENT = "CURRENT"
MANIFEST = "manifest.json"
REBUILD = "Run: youju build --rebuild"


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


def write_generation(root: Path, manifest: dict[str, Any], write: Callable[[Path], None]) -> None:
    """Build a generation and switch readers to it. `write` puts the files into the folder it is given.

    Killed at any moment, readers see the old generation or the new one. Call it under `builder_lock`.
    """
    name = f"g-{uuid.uuid4().hex[:12]}"
    staging = root / f".{name}"
    try:
        staging.mkdir()
        write(staging)
        files = sorted(path for path in staging.rglob("*") if path.is_file())
        hashes = {path.relative_to(staging).as_posix(): _sha256(path) for path in files}
        content = json.dumps(manifest | {"files": hashes}, ensure_ascii=False, indent=1).encode()
        (staging / MANIFEST).write_bytes(content)
        for path in [*files, staging / MANIFEST, staging]:
            _sync(path)
        staging.rename(root / name)
        _switch(root, f"{name} {hashlib.sha256(content).hexdigest()}\n")
    except OSError as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise IndexProblem(f"index {root} cannot be written: {error.strerror}; the old one is unchanged") from error
    _remove_old(root, name)


def read_manifest(root: Path) -> tuple[Path, dict[str, Any]]:
    """Return the current generation's folder and manifest. Raises IndexMissingError or IndexDamagedError."""
    if not (root / CURRENT).is_file():
        if any(root.glob("g-*")):
            raise IndexDamagedError(f"{root} is damaged: {CURRENT} is gone. {REBUILD}")
        raise IndexMissingError(f"there is no index in {root} yet. Run: youju build")
    name, _, digest = (root / CURRENT).read_text(encoding="utf-8", errors="replace").strip().partition(" ")
    folder = root / name
    try:
        content = (folder / MANIFEST).read_bytes()
    except (OSError, ValueError) as error:
        raise IndexDamagedError(f"{root} is damaged: {MANIFEST} cannot be read. {REBUILD}") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise IndexDamagedError(f"{root} is damaged: {MANIFEST} was altered. {REBUILD}")
    manifest: dict[str, Any] = json.loads(content)
    return folder, manifest


def check_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Compare each file of a generation with its hash. Raises IndexDamagedError, which names the file."""
    for name, digest in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise IndexDamagedError(f"{folder.parent} is damaged: {name} is gone. {REBUILD}")
        if _sha256(path) != digest:
            raise IndexDamagedError(f"{folder.parent} is damaged: {name} was altered. {REBUILD}")


def _switch(root: Path, content: str) -> None:
    """Replace CURRENT in one step."""
    aside = root / f".{CURRENT}"
    aside.write_text(content, encoding="utf-8")
    _sync(aside)
    os.replace(aside, root / CURRENT)
    _sync(root)


def _remove_old(root: Path, current: str) -> None:
    """Remove what crashed builds left and all generations but the current one and the newest before it."""
    for leftover in root.glob(".g-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    old = sorted((path for path in root.glob("g-*") if path.name != current), key=lambda path: path.stat().st_mtime)
    for path in old[:-1]:
        shutil.rmtree(path, ignore_errors=True)


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
