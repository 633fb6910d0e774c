"""Fit what speaks for and against an answer (app/answering/support.py) to questions on many documents.

Logistic regression with each weight's sign held. Each set of documents is decided on with weights that were fitted to
the other sets.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from app.answering.extractive import Judgement
from app.answering.support import BESIDE, BESIDE_BIAS, READER, THRESHOLD, WEIGHTS, damped
from app.assistant import Assistant
from app.building import build
from app.config import Settings
from app.types import Turn
from evals.metrics import auroc, contains
from evals.suites import Suite, SuiteError

NAMES = (*WEIGHTS, "reader", "bias")
PULL = 0.3
"""How strongly weights are pulled to 0 (L2, beside the sum of all questions' losses)."""
FOLDS = 7
OWN_COUNTS = 8
"""How often a question on the corpus that ships counts: it is what the project is for, and one document among many here."""
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was asked. `is_right`: what was found, shown or not, is the answer."""

    is_own: bool
    """Asked of the corpus that ships."""
    answerable: bool
    is_right: bool
    is_answered: bool
    judgement: Judgement | None
    """None where nothing was weighed: metadata, an outline, several questions in one, nothing found."""

    def is_decided_rightly(self, is_answered: bool) -> bool:
        """Tell whether showing what was found, or not, is right."""
        return self.is_right if is_answered else not self.answerable


def ask_all(suite: Suite, settings: Settings) -> Iterator[Asked]:
    """Ask a suite's questions in their conversations, from an index of its own."""
    with TemporaryDirectory() as index:
        own = Settings(**{**asdict(settings), "corpus": str(suite.corpus), "index": index, "index_url": ""})
        build(own)
        assistant = Assistant.open(own)
        for gold in suite.questions:
            history = [Turn(question, assistant.ask(question).text) for question in gold.history]
            verdict = assistant.inquire(gold.question, history).verdict()
            shown = " ".join(finding.text for finding in verdict.findings or verdict.declined)
            judgement = verdict.judgements[0] if len(verdict.judgements) == 1 else None
            is_right = gold.answerable and contains(shown, gold.answers) == 1
            yield Asked(
                str(suite.corpus) == settings.corpus, gold.answerable, is_right, bool(verdict.findings), judgement
            )


def features(judgement: Judgement) -> Matrix:
    """Return what is weighed, (features,) in the order of NAMES."""
    read = damped(judgement.answerable or 0.0)
    return np.array([*(float(getattr(judgement.support, name)) for name in WEIGHTS), read, 1.0])


def fit(rows: Matrix, labels: NDArray[np.bool_], counts: Matrix) -> Matrix:
    """Return the weights (features,) that make right answers likely, those of objections not above 0, the others not below.

    `counts` (questions,) says how much each question's loss counts.
    """
    from scipy.optimize import minimize  # Of the development's packages; nobody else fits weights.

    pulled = np.array([name != "bias" for name in NAMES])
    objects = [name in WEIGHTS and WEIGHTS[name] < 0 for name in NAMES]
    bounds = [
        (None, None) if name == "bias" else (None, 0) if is_objection else (0, None)
        for name, is_objection in zip(NAMES, objects, strict=True)
    ]

    def loss(weights: Matrix) -> tuple[float, Matrix]:
        sums = rows @ weights
        value = (counts * (np.logaddexp(0, sums) - labels * sums)).sum() + PULL * (pulled * weights**2).sum()
        return float(value), rows.T @ (counts * (1 / (1 + np.exp(-sums)) - labels)) + 2 * PULL * pulled * weights

    found = minimize(loss, np.zeros(len(NAMES)), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x, float)


def present() -> Matrix:
    """Return the weights that ship, (features,)."""
    return np.array([*BESIDE.values(), READER, BESIDE_BIAS])


@dataclass(frozen=True, slots=True)
class Decided:
    """How the questions of a suite are decided."""

    answered: int
    """Answered, and rightly."""
    refused: int
    """Refused, and rightly."""
    auroc: float

    def __str__(self) -> str:
        return f"{self.answered + self.refused} ({self.answered} + {self.refused}) | {self.auroc:.3f}"


def decide(asked: Sequence[Asked], weights: Matrix) -> Decided:
    """Decide on what was found for questions. AUROC: of the weighed ones, right answers against the rest; NaN without both."""
    weighed = [(one, float(features(one.judgement) @ weights)) for one in asked if one.judgement]
    rights = [one.is_right for one, _ in weighed]
    least = math.log(THRESHOLD / (1 - THRESHOLD))
    decisions = [(one, total >= least) for one, total in weighed]
    decisions += [(one, one.is_answered) for one in asked if not one.judgement]
    right = [(one, shown) for one, shown in decisions if one.is_decided_rightly(shown)]
    return Decided(
        sum(shown for _, shown in right),
        sum(not shown for _, shown in right),
        auroc([total for _, total in weighed], rights) if len(set(rights)) == 2 else math.nan,
    )


def cross_validate(asked: Mapping[str, Sequence[Asked]], folds: Sequence[Sequence[str]]) -> dict[str, Matrix]:
    """Return for each suite the weights fitted to the suites of the other folds."""
    found: dict[str, Matrix] = {}
    for fold in folds:
        others = [one for name, rows in asked.items() if name not in fold for one in rows]
        found |= dict.fromkeys(fold, fit_to(others))
    return found


def split(suites: Sequence[Suite]) -> list[list[str]]:
    """Share the suites out to FOLDS, those on one corpus to the same."""
    corpora = list(dict.fromkeys(suite.corpus for suite in suites))
    names = [[suite.name for suite in suites if suite.corpus == corpus] for corpus in corpora]
    return [[name for group in names[n::FOLDS] for name in group] for n in range(min(FOLDS, len(names)))]


def report(suites: Sequence[Suite], settings: Settings, progress: Callable[[str], None]) -> str:
    """Ask all, fit, and return a table of what is decided rightly, and the weights fitted to all.

    Raises SuiteError if there is nothing to fit to but what is decided on.
    """
    folds = split(suites)
    if len(folds) < 2:
        raise SuiteError("weights are fitted to other documents than they decide on; name a folder with questions.tsv")
    asked: dict[str, list[Asked]] = {}
    for suite in suites:
        asked[suite.name] = list(ask_all(suite, settings))
        progress(f"{suite.name}: {len(asked[suite.name])} questions asked")
    fitted = cross_validate(asked, folds)
    lines = [
        "| documents | questions | right as it ships (answered + refused) | AUROC | fitted to the others | AUROC |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in asked.items():
        lines.append(f"| {name} | {len(rows)} | {decide(rows, present())} | {decide(rows, fitted[name])} |")
    of_all = fit_to([one for rows in asked.values() for one in rows])
    lines.append(", ".join(f"{name} {weight:.1f}" for name, weight in zip(NAMES, of_all, strict=True)))
    return "\n".join(lines)


def fit_to(asked: Sequence[Asked]) -> Matrix:
    """Fit weights to those questions for which something was weighed."""
    weighed = [(one, one.judgement) for one in asked if one.judgement]
    rows = np.array([features(judgement) for _, judgement in weighed])
    counts = np.array([OWN_COUNTS if one.is_own else 1.0 for one, _ in weighed])
    return fit(rows, np.array([one.is_right for one, _ in weighed]), counts)
