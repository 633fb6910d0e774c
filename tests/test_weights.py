"""Fitting the weights of what speaks for and against an answer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.answering.extractive import Judgement
from app.answering.support import WEIGHTS, Support, damped, probability
from app.config import Settings
from evals.records import GoldQuestion
from evals.suites import Suite, SuiteError, plain_suite
from evals.weights import NAMES, Asked, ask_all, decide, features, fit, fit_to, present, report, split

NOTHING = Support(**dict.fromkeys(WEIGHTS, 0.0))


def asked(support: Support, *, answerable: bool, read: float = 0.0) -> Asked:
    judgement = Judgement(support, read, probability(support, read), probability(support))
    return Asked(False, answerable, answerable, judgement.confidence > 0.5, judgement)


def test_features_are_in_the_order_of_names() -> None:
    one = asked(replace(NOTHING, unreal=0.25), answerable=True, read=2.0).judgement
    assert one is not None
    found = dict(zip(NAMES, features(one), strict=True))
    assert (found["unreal"], found["reader"], found["bias"], found["lexical"]) == (0.25, damped(2.0), 1.0, 0.0)


def test_the_weights_that_ship_decide_as_the_answers_do() -> None:
    good = asked(replace(NOTHING, lexical=1.0, fit=1.0, context=1.0, lead=1.0), answerable=True, read=3.0)
    bad = asked(replace(NOTHING, missing_year=1.0), answerable=False, read=-3.0)
    assert (good.is_answered, bad.is_answered) == (True, False)
    found = decide([good, bad], present())
    assert (found.answered, found.refused, found.auroc) == (1, 1, 1.0)


def test_what_tells_answers_from_others_is_found_and_signs_are_held() -> None:
    chance = np.random.default_rng(0)
    rows = np.zeros((400, len(NAMES)))
    rows[:, -1] = 1
    rows[:, NAMES.index("reader")] = chance.normal(size=400)
    rows[:, NAMES.index("missing_year")] = chance.integers(0, 2, 400)
    rows[:, NAMES.index("missing_name")] = chance.integers(0, 2, 400)
    sums = 2 * rows[:, NAMES.index("reader")] - 3 * rows[:, NAMES.index("missing_year")]
    sums += rows[:, NAMES.index("missing_name")] + chance.logistic(size=400)
    found = dict(zip(NAMES, fit(rows, sums > 0, np.ones(400)), strict=True))
    assert found["reader"] == pytest.approx(2, abs=0.5)
    assert found["missing_year"] == pytest.approx(-3, abs=0.8)
    assert found["missing_name"] == 0


def test_suites_of_one_corpus_are_fitted_to_together() -> None:
    suites = [Suite(str(n), Path(corpus), ()) for n, corpus in enumerate(["a", "b", "a", "c", "d"])]
    folds = split(suites)
    assert sorted(name for fold in folds for name in fold) == ["0", "1", "2", "3", "4"]
    assert any({"0", "2"} <= set(fold) for fold in folds)


def test_one_corpus_is_too_few_to_fit_to_others() -> None:
    with pytest.raises(SuiteError, match="name a folder"):
        report([Suite("a", Path("a"), ())], Settings(), print)


def test_answers_of_one_kind_have_no_auroc() -> None:
    assert np.isnan(decide([asked(NOTHING, answerable=True)], present()).auroc)


def test_plain_questions_are_read(tmp_path: Path) -> None:
    (tmp_path / "questions.tsv").write_text("甲多少？>>乙呢？\t5人,3人\n丙多少？\tREFUSE\n", encoding="utf-8")
    suite = plain_suite(tmp_path, Path("corpus"))
    assert suite.corpus == Path("corpus")
    assert suite.questions == (
        GoldQuestion("1", "乙呢？", "question", True, ("甲多少？",), (("5人",), ("3人",))),
        GoldQuestion("2", "丙多少？", "unanswerable", False),
    )
    (tmp_path / "a.txt").write_text("通知", encoding="utf-8")
    assert plain_suite(tmp_path, Path("corpus")).corpus == tmp_path
    (tmp_path / "questions.tsv").write_text("甲多少？\n", encoding="utf-8")
    with pytest.raises(SuiteError, match=r"questions.tsv line 1 is malformed"):
        plain_suite(tmp_path, Path("corpus"))
    with pytest.raises(SuiteError, match="cannot be read"):
        plain_suite(tmp_path / "none", Path("corpus"))


@pytest.mark.model
def test_what_is_found_is_judged_whether_it_is_shown_or_not(tmp_path: Path) -> None:
    text = "石渡市科学技术局\n关于创新券的通知\n2023年，全市发放创新券3120万元，惠及企业412家。\n"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    lines = "2023年发放创新券多少万元？\t3120万元\n2019年发放创新券多少万元？\tREFUSE\n这份通知是谁发的？\t石渡市科学技术局\n"
    (tmp_path / "questions.tsv").write_text(lines, encoding="utf-8")
    told, another_year, issuer = ask_all(plain_suite(tmp_path, tmp_path), Settings())
    assert told.is_answered
    assert told.is_right
    assert not another_year.is_answered
    assert not another_year.is_right
    assert another_year.judgement is not None
    assert another_year.judgement.support.missing_year > 0
    assert issuer.judgement is None
    assert np.isfinite(fit_to([told, another_year])).all()
