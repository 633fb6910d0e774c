"""Questions on whole documents beside the passages that the search finds for them: what the reader reads in use.

document_questions.jsonl, which `python -m evals readings` writes. Other passages of the same document are nearer misses
than those of other documents.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.models.reader_data import DOCUMENT_QUESTIONS
from app.models.reader_tuning import Group, Maker, Pair
from app.reader import encode_question

CUT_SHARE = 0.3
"""How often the passage stands there once more, without the sentence of the answer."""
MORE_SHARE = 0.5
"""How often a question without an answer has a third passage."""


def document_groups(maker: Maker, path: Path = DOCUMENT_QUESTIONS) -> list[Group]:
    """Return a group of each question: the passage that answers it, the likeliest other and one of the rest; or, where
    none answers, the two likeliest and perhaps one more."""
    groups = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        groups += [_group(maker, row["passages"], question) for question in row["questions"]]
    return groups


def _group(maker: Maker, passages: Sequence[tuple[str, str]], asked: dict[str, Any]) -> Group:
    question = encode_question(maker.tokenizer, asked["question"])
    texts = [maker.text(*passages[n]) for n in asked["passages"]]
    if asked["own"] is None:
        chosen, rest = texts[:2], texts[2:] if maker.chance.random() < MORE_SHARE else []
        group = []
    else:
        own, spans = texts[asked["own"]], [tuple(span) for span in asked["spans"]]
        group = [Pair(question, own, spans, is_answered=True)]
        if spans and maker.chance.random() < CUT_SHARE and (left := maker.without(own, spans)) is not None:
            group.append(Pair(question, left, (), is_answered=False))
        others = [text for n, text in enumerate(texts) if n not in (asked["own"], *asked["also"])]
        chosen, rest = others[:1], others[1:]
    if rest:
        chosen = [*chosen, maker.chance.choice(rest)]
    return [*group, *(Pair(question, text, (), is_answered=False) for text in chosen)]
