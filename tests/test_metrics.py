"""Metrics of texts, rankings and citations: values worked out by hand, and independent implementations."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from app.text import split_sentences
from app.types import Document
from evals.metrics import (
    char_f1,
    citation_precision,
    citation_recall,
    contains,
    exact_match,
    figure_accuracy,
    ndcg_at,
    normalise,
    recall_at,
    reciprocal_rank,
    rouge_l,
    success_at,
)

CHINESE = st.text(alphabet="上海市科委资助一二十百万亿年个人余多零〇0123456789.,，。 %《》“”aG", max_size=30)
SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda pair: (pair[0], sum(pair))), max_size=5)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("沪科〔2024〕38 号", "沪科2024|38号"),
        ("一万余人，占百分之三十。", "1万余人占30%"),
        ("長三角 Ｇ６０ 科創走廊", "长三角g60科创走廊"),
        ("《规划》2020、2021年", "规划2020|2021年"),
        ("1+7+N", "1|7n"),
        ("三省一市、万众创新的一体化", "三省一市万众创新的一体化"),
        ("3.8 倍", "3.8倍"),
        ("……", ""),
    ],
)
def test_normalising_keeps_numbers_apart_and_drops_what_is_no_content(text: str, form: str) -> None:
    assert normalise(text) == form


def test_normalising_changes_nothing_twice(reply: Document) -> None:
    for span in split_sentences(reply.text):
        form = normalise(span.of(reply.text))
        assert normalise(form) == form


def test_an_exact_match_is_one_after_normalising() -> None:
    assert exact_match("26 亿余元。", ["26亿元", "二十六亿余元"]) == 1
    assert exact_match("总额26亿余元", ["26亿余元"]) == 0
    assert exact_match("26亿余元", []) == 0


def test_f1_shares_characters_and_rouge_their_order() -> None:
    # 4 shared of 5 and of 4: 2 · 4 / 9. Turned round, 科委 or 上海 is left as common subsequence: 2 · 2 / 8.
    assert char_f1("上海市科委", ["上海科委"]) == rouge_l("上海市科委", ["上海科委"]) == pytest.approx(8 / 9)
    assert (char_f1("科委上海", ["上海科委"]), rouge_l("科委上海", ["上海科委"])) == (1, 0.5)
    # The second 海 finds no partner: 2 · 2 / (3 + 2).
    assert char_f1("上海海", ["上海"]) == pytest.approx(0.8)


@pytest.mark.parametrize("metric", [char_f1, rouge_l])
def test_text_metrics_take_the_best_gold_and_know_nothing(metric: Callable[[str, list[str]], float]) -> None:
    assert metric("二〇二四年", ["上海", "2024 年"]) == 1
    assert metric("上海", ["", "北京"]) == metric("", ["上海"]) == metric("上海", []) == 0
    assert metric("。", [""]) == 1


def test_rouge_is_fast_on_long_texts() -> None:
    # 海上海上… lacks the last character of 上海上海…: 3,999 of 4,000, which takes rows of 16 million bits.
    assert rouge_l("上海" * 2000, ["海上" * 2000]) == pytest.approx(3999 / 4000)


def slow_rouge(a: str, b: str) -> float:
    row = [0] * (len(b) + 1)
    for x in a:
        above = row
        row = [0]
        for j, y in enumerate(b):
            row.append(above[j] + 1 if x == y else max(row[j], above[j + 1]))
    return 2 * row[-1] / (len(a) + len(b)) if a or b else 1.0


@given(st.text(alphabet="上海市科委"), st.text(alphabet="上海市科委"))
def test_rouge_equals_the_textbook_algorithm(a: str, b: str) -> None:
    assert rouge_l(a, [b]) == pytest.approx(slow_rouge(a, b))


@given(CHINESE, CHINESE)
def test_text_metrics_are_bounded_symmetric_and_ordered(a: str, b: str) -> None:
    assert 0 <= exact_match(a, [b]) <= rouge_l(a, [b]) <= char_f1(a, [b]) <= 1
    assert char_f1(a, [b]) == char_f1(b, [a])
    assert rouge_l(a, [b]) == rouge_l(b, [a])
    assert exact_match(a, [a]) == rouge_l(a, [a]) == char_f1(a, [a]) == 1
    assert contains(a, [[a]]) == float(normalise(a) != "")


@pytest.mark.parametrize(
    ("text", "parts", "expected"),
    [
        ("四类计划共资助了 1 万余人，总资助额 26 亿余元。", [["一万余人"], ["27亿", "26亿"]], 1),
        ("四类计划共资助了 1 万余人，总资助额 26 亿余元。", [["一万余人"], ["27亿"]], 0),
        ("占 30.5%", [["5%"]], 0),
        ("共 13047 条", [["3047"]], 0),
        ("3047 万条", [["3047"]], 0),
        ("占 30.5%", [["30"]], 0),
        ("占 30%", [["30"]], 0),
        ("2020、2021年", [["20202021"]], 0),
        ("上海", [], 0),
        ("上海", [["。"]], 0),
    ],
)
def test_contains_wants_every_part_and_whole_numbers(text: str, parts: list[list[str]], expected: float) -> None:
    assert contains(text, parts) == expected


@pytest.mark.parametrize(
    ("predicted", "parts", "expected"),
    [
        ("资助1万多人，共二十六亿元", [["1万余人"], ["26亿余元", "26亿"], ["复旦大学"]], 1),
        ("资助10万余人，共26亿元", [["1万余人"], ["26亿元"]], 0.5),
        ("38万人", [["38万人次"]], 0),  # another unit
        ("38万人", [["38万人次", "38万"]], 1),
        ("2018年5.8倍", [["2020年3.8倍、2018年5.8倍"]], 0.5),
        ("占 30.5%", [["5%"]], 0),
        ("占 30%", [["30"]], 0),
        ("", [["26亿"]], 0),
        ("26亿", [["复旦大学"], ["一个平台"]], None),
        ("26亿", [], None),
    ],
)
def test_figure_accuracy_shares_out_the_gold_figures(
    predicted: str, parts: list[list[str]], expected: float | None
) -> None:
    assert figure_accuracy(predicted, parts) == expected


def test_ranking_metrics_by_hand() -> None:
    # Documents a, x, b once further chunks are ignored; c is not found.
    ranked, relevant = ["a", "a", "x", "a", "b"], {"a", "b", "c"}
    assert [recall_at(ranked, relevant, k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert [success_at(["x", "x", "b"], relevant, k) for k in (1, 2)] == [0, 1]
    assert reciprocal_rank(["x", "x", "b"], relevant) == 0.5
    # (1/log2 2 + 1/log2 4) / (1/log2 2 + 1/log2 3 + 1/log2 4) = 1.5 / 2.13093
    assert ndcg_at(ranked, relevant, 10) == pytest.approx(0.703918)
    assert ndcg_at(ranked, relevant, 1) == 1


def test_a_ranking_without_anything_relevant_is_worth_nothing() -> None:
    for ranked, relevant in ((["a"], set[str]()), ([], {"a"}), (["x"], {"a"})):
        assert success_at(ranked, relevant, 5) == recall_at(ranked, relevant, 5) == 0
        assert reciprocal_rank(ranked, relevant) == ndcg_at(ranked, relevant, 5) == 0
    with pytest.raises(ValueError, match="k = 0"):
        recall_at(["a"], {"a"}, 0)


def test_rankings_agree_with_trec_eval() -> None:
    generator = random.Random(3)
    names = [f"d{i}" for i in range(30)]
    measures = {"ndcg_cut.1,5,10", "recall.1,5,10", "success.1,5,10", "recip_rank"}
    for _ in range(300):
        ranked = generator.choices(names, k=generator.randint(1, 40))
        relevant = set(generator.sample(names, generator.randint(1, 6)))
        scores = {name: -float(rank) for rank, name in enumerate(dict.fromkeys(ranked))}
        judged = pytrec_eval.RelevanceEvaluator({"q": dict.fromkeys(relevant, 1)}, measures).evaluate({"q": scores})[
            "q"
        ]
        assert reciprocal_rank(ranked, relevant) == pytest.approx(judged["recip_rank"])
        for k in (1, 5, 10):
            assert ndcg_at(ranked, relevant, k) == pytest.approx(judged[f"ndcg_cut_{k}"])
            assert recall_at(ranked, relevant, k) == pytest.approx(judged[f"recall_{k}"])
            assert success_at(ranked, relevant, k) == judged[f"success_{k}"]


@given(st.lists(st.sampled_from("abcdefgh"), max_size=12), st.sets(st.sampled_from("abcdefgh"), max_size=5))
def test_ranking_metrics_are_bounded_and_grow_with_k(ranked: list[str], relevant: set[str]) -> None:
    values = [(success_at(ranked, relevant, k), recall_at(ranked, relevant, k)) for k in range(1, 13)]
    assert all(a <= b for first, second in pairwise(values) for a, b in zip(first, second, strict=True))
    assert all(0 <= ndcg_at(ranked, relevant, k) <= 1 + 1e-9 for k in range(1, 13))
    assert success_at(ranked, relevant, 12) == (reciprocal_rank(ranked, relevant) > 0)
    if relevant:
        assert ndcg_at([*sorted(relevant), *ranked], relevant, 10) == pytest.approx(1)


def test_citations_by_hand() -> None:
    # (0, 10) and (20, 30) overlap the evidence, by 5 of its 20 characters each.
    assert citation_precision([(0, 10), (20, 30), (50, 60)], [(5, 25)]) == pytest.approx(2 / 3)
    assert citation_recall([(0, 10), (20, 30), (50, 60)], [(5, 25)]) == 0.5
    assert citation_recall([(0, 10), (5, 10)], [(0, 20), (10, 20)]) == 0.5  # counted once
    assert citation_precision([(0, 5)], [(5, 10)]) == citation_recall([(0, 5)], [(5, 10)]) == 0  # touching only
    assert citation_precision([], [(0, 5)]) == citation_recall([(0, 5)], []) == 0


@given(SPANS, SPANS)
def test_citation_metrics_are_bounded_and_agree_on_nothing(
    cited: list[tuple[int, int]], evidence: list[tuple[int, int]]
) -> None:
    precision, recall = citation_precision(cited, evidence), citation_recall(cited, evidence)
    assert 0 <= precision <= 1
    assert 0 <= recall <= 1
    assert (precision > 0) == (recall > 0)
    if evidence:
        assert citation_precision(evidence, evidence) == citation_recall(evidence, evidence) == 1
