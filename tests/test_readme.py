"""The README says what is there, and the two languages say the same."""

import dataclasses
import re
from pathlib import Path

import pytest

from app.cli import make_parser
from app.config import Settings

ROOT = Path(__file__).parent.parent
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
BOTH = pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=["en", "zh"])


def code_blocks(readme: str) -> list[str]:
    return re.findall(r"```(?:bash|python)\n(.*?)```", readme, re.DOTALL)


def map_names(readme: str) -> list[str]:
    (tree,) = re.findall(r"```\n(corpus/.*?)```", readme, re.DOTALL)
    return [line.split()[0] if not line.startswith(" ") else "app/" + line.split()[0] for line in tree.splitlines()]


def test_both_languages_have_the_same_commands() -> None:
    assert code_blocks(ENGLISH) == code_blocks(CHINESE)
    assert len(code_blocks(ENGLISH)) > 3


def test_both_languages_have_the_same_headings_tables_and_links() -> None:
    for pattern in (r"^#+ ", r"^\|", r"^\d\. ", r"^  ?[\w./]+ "):
        assert len(re.findall(pattern, ENGLISH, re.M)) == len(re.findall(pattern, CHINESE, re.M)), pattern
    assert re.findall(r"\]\(((?!README)[^)]+)\)", ENGLISH) == re.findall(r"\]\(((?!README)[^)]+)\)", CHINESE)


def test_both_languages_give_the_same_figures() -> None:
    def figures(readme: str) -> list[str]:
        return re.findall(r"\d[\d.]*(?= ?(?:ms|MB|s\b|%))|\.\d{2,}", readme)

    assert figures(ENGLISH) == figures(CHINESE)


@BOTH
def test_the_map_names_every_module_and_nothing_else(readme: str) -> None:
    names = map_names(readme)
    assert all((ROOT / name).exists() for name in names)
    modules = {f"app/{path.name}" for path in (ROOT / "app").glob("*.py") if not path.name.startswith("__")}
    folders = {f"app/{path.name}/" for path in (ROOT / "app").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert modules | folders == {name for name in names if name.startswith("app/") and name != "app/"}


@BOTH
def test_every_setting_is_listed_with_its_default(readme: str) -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| `YOUJU_\w+` \| (?:`([^`]+)` )?\|", readme, re.M))
    defaults = dataclasses.asdict(Settings())
    assert listed.keys() == defaults.keys()
    assert all(type(defaults[name])(text) == defaults[name] for name, text in listed.items())


@BOTH
def test_every_command_of_the_cli_is_shown(readme: str) -> None:
    shown = set(re.findall(r"youju (\w+)", "".join(code_blocks(readme))))
    (commands,) = [action.choices for action in make_parser()._actions if isinstance(action.choices, dict)]
    assert shown == set(commands)


@BOTH
def test_pictures_and_links_lead_somewhere(readme: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", readme)
    assert all((ROOT / target).exists() for target in targets)
