"""What a run of the evals is made of: questions with what they should be answered with, and the record of each answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """A question and what a right answer holds."""

    id: str
    question: str
    kind: str
    answerable: bool
    history: tuple[str, ...] = ()
    """Earlier questions of the conversation, oldest first."""
    answers: tuple[tuple[str, ...], ...] = ()
    """Required parts; of each, one of the alternatives must be in the answer."""
    evidence: tuple[str, ...] = ()
    """Exact quotes of the document that hold the answer; empty where a set names passages instead."""
    positive: tuple[str, ...] = ()
    """Ids of the documents that hold the answer; empty where a set gives quotes instead."""


@dataclass(frozen=True, slots=True)
class Record:
    """A question, the Answer it got (the contract's JSON) or the error, and its figures."""

    gold: GoldQuestion
    answer: Mapping[str, Any] | None
    """None where the answerer raised."""
    error: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Metrics of this one question by name; a metric that does not apply to it is absent."""
    fault: str = ""
    """What went wrong: retrieval miss, wrong sentence, wrong figure, false refusal, false answer, error; empty if nothing."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A metric over a suite: its mean, the bounds of its 95 % interval, and over how many questions."""

    value: float
    low: float
    high: float
    count: int
