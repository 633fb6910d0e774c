"""What pyproject asks for and what constraints.txt pins agree."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = {
    canonicalize_name(line.split("==")[0]): line.split("==")[1].strip()
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if "==" in line and not line.startswith("#")
}


EXTRAS = PROJECT["optional-dependencies"]


@pytest.mark.parametrize(
    "requirement", [*PROJECT["dependencies"], *EXTRAS["dev"], *EXTRAS["milvus"], *EXTRAS["local-llm"]]
)
def test_each_dependency_is_pinned_within_its_range(requirement: str) -> None:
    parsed = Requirement(requirement)
    assert parsed.specifier.contains(PINNED[canonicalize_name(parsed.name)])


def test_every_dependency_has_its_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    asked = [line for line in lines if line.startswith('    "') and any(mark in line for mark in (">=", "=="))]
    assert [line for line in asked if "#" not in line] == []
