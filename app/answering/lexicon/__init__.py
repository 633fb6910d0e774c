"""Word lists, synonyms and the English glossary, read once. They hold general vocabulary, no fact of a document."""

import tomllib
from collections.abc import Iterator, Mapping
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
    groups: dict[str, set[str]] = {}
    for group in (*_groups("synonyms.txt"), *_groups("everyday.txt")):
        for word in group:
            groups.setdefault(word, set()).update(group)
    for phrase, chinese in translations().items():
        groups.setdefault(phrase, set()).update(chinese)
    return {word: frozenset(others - {word}) for word, others in groups.items()}


@lru_cache(maxsize=1)
def general_words() -> frozenset[str]:
    """Return the words of synonyms.txt, which official documents share: no name is made of them alone."""
    return frozenset(word for group in _groups("synonyms.txt") for word in group)


def _groups(name: str) -> Iterator[list[str]]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return (line.split() for line in lines if line and not line.startswith("#"))
