"""Word lists, synonyms and the English glossary, read once. They hold general vocabulary, no fact of a document."""

import tomllib
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).parent


@lru_cache
def words(name: str) -> frozenset[str]:
    """Return a list of words.toml."""
    lists = tomllib.loads((HERE / "words.toml").read_text(encoding="utf-8"))
    return frozenset(lists[name].split())


@lru_cache(maxsize=1)
def translations() -> Mapping[str, tuple[str, ...]]:
    """Return the Chinese words for each English word and phrase of glossary.tsv."""
    lines = (HERE / "glossary.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {phrase.strip(): tuple(chinese.split()) for phrases, chinese in rows for phrase in phrases.split("|")}


@lru_cache(maxsize=1)
def synonyms() -> Mapping[str, frozenset[str]]:
    """Return, for each word of synonyms.txt and everyday.txt, the other words of its groups; for English ones their
    translations too."""
    return _synonyms("synonyms.txt", "everyday.txt")


@lru_cache(maxsize=1)
def official_synonyms() -> Mapping[str, frozenset[str]]:
    """Return the same of synonyms.txt alone: what may stand for a word where a claim is checked against its source."""
    return _synonyms("synonyms.txt")


@lru_cache(maxsize=1)
def contraries() -> tuple[frozenset[str], ...]:
    """Return the groups of words of which each excludes the others: 上半年, 下半年."""
    return tuple(frozenset(group.split("/")) for group in words("contraries"))


def general_words() -> Collection[str]:
    """Return the words that official documents share: no name is made of them alone."""
    return official_synonyms().keys()


def _synonyms(*names: str) -> dict[str, frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for name in names:
        for line in (HERE / name).read_text(encoding="utf-8").splitlines():
            group = [] if line.startswith("#") else line.split()
            for word in group:
                groups.setdefault(word, set()).update(group)
    for phrase, chinese in translations().items():
        groups.setdefault(phrase, set()).update(chinese)
    return {word: frozenset(others - {word}) for word, others in groups.items()}
