"""The report of a run: what the table, the JSON and the page hold."""

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import YouJuError
from evals.records import Record, Summary
from evals.report import Run, read_json, table, write_html, write_json
from evals.report.charts import draw_curve, draw_latencies, nice_ceiling, wilson
from evals.report.glossary import FAULTS, term_of
from evals.report.page import render_page, script_json
from evals.report.rows import page_content, split_highlights
from evals.report.table import WIDTH, columns_of
from evals.summary import LATENCIES, MEANS
from tests.fake_assistant import TALENT
from tests.report_runs import HOSTILE, RECORDS, SUMMARY, ask, make_hostile_run, make_run

SCHEMA = json.loads((Path(__file__).parent / "answer.schema.json").read_text(encoding="utf-8"))


class Page(HTMLParser):
    """The attributes and the script blocks of a page, as a browser's parser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[str] = []
        self._is_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._is_script = tag == "script"

    def handle_data(self, data: str) -> None:
        if self._is_script:
            self.scripts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False


def content_of(page: str) -> dict[str, Any]:
    content, _ = Page(page).scripts
    rows: dict[str, Any] = json.loads(content)
    return rows


@pytest.mark.parametrize("record", [record for record in RECORDS if record.answer], ids=lambda record: record.gold.id)
def test_the_runs_of_these_tests_hold_real_answers(record: Record) -> None:
    jsonschema.validate(record.answer, SCHEMA)


# --- table ---


def test_the_table_shows_every_metric_with_its_interval() -> None:
    lines = table([make_run()]).splitlines()
    assert lines[0].split() == ["答复", "reply"]
    assert [re.split(" {2,}", line)[-1] for line in lines[1:8]] == [
        "50.0% [20.0, 80.0]", "75.0% [50.0, 100.0]", "0.812 [0.600, 0.900]", "12.3 ms", "1", "0.250", "2/6",
    ]  # fmt: skip
    assert lines[1].startswith("答对 correct ")
    assert lines[6].startswith("house rule ")


def test_the_table_is_aligned_although_chinese_is_wide() -> None:
    first, second = make_run(), make_run(suite="另一套", summary={"s@1": Summary(0.9, 0.8, 0.95, 9)})
    lines = table([first, second]).splitlines()[:8]
    starts = {columns_of(line[: line.rindex("  ")]) for line in lines}
    assert len(starts) == 1
    assert [re.split(" {2,}", line)[-1] for line in lines[1:4]] == ["-", "90.0% [80.0, 95.0]", "-"]


def test_suites_that_do_not_fit_the_terminal_go_below() -> None:
    text = table([make_run(suite=f"suite {number}") for number in range(8)])
    assert max(map(columns_of, text.splitlines())) <= WIDTH
    assert all(f"suite {number}" in text for number in range(8))
    assert text.count("答对 correct") == 2


def test_no_runs_make_no_table() -> None:
    assert table([]) == "没有可显示的评测 no runs"


def test_wide_and_combining_characters_are_counted_as_a_terminal_shows_them() -> None:
    assert [columns_of(text) for text in ("ab", "答对", "Ｆ", "é")] == [2, 4, 2, 1]


# --- what things are called ---


@pytest.mark.parametrize(
    "name", [*MEANS, *SUMMARY, *(f"p{p} ms" for p in LATENCIES), "answers/s", "answered", "refused"]
)
def test_every_figure_of_a_summary_is_explained(name: str) -> None:
    term = term_of(name)
    assert term.chinese or name == "house rule"
    assert term.meaning or name == "house rule"
    assert "{" not in term.chinese + term.english + term.meaning


def test_a_cut_off_is_read_from_the_name() -> None:
    assert [term_of("nDCG@10").chinese, term_of("s@5").meaning] == ["nDCG@10", "前 5 个段落里有标准证据的题所占比例"]


def test_every_fault_of_the_scoring_is_explained() -> None:
    from evals import scoring

    named = {
        getattr(scoring, name) for name in dir(scoring) if name.isupper() and isinstance(getattr(scoring, name), str)
    }
    assert named == set(FAULTS)


# --- JSON ---


def test_a_run_comes_back_from_json_as_it_was(tmp_path: Path) -> None:
    run = make_run(summary={name: metric for name, metric in SUMMARY.items() if name != "house rule"})
    write_json(run, tmp_path / "new" / "run.json")
    assert read_json(tmp_path / "new" / "run.json") == run


def test_json_says_null_where_there_is_no_number_and_keeps_half_a_character(tmp_path: Path) -> None:
    odd = replace(RECORDS[0], gold=replace(RECORDS[0].gold, question="\ud83d 坏字"), figures={"mrr": math.inf})
    write_json(make_run((odd,)), tmp_path / "run.json")
    json.loads((tmp_path / "run.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    run = read_json(tmp_path / "run.json")
    assert run.records[0].gold.question == "\ud83d 坏字"
    assert math.isnan(run.summary["house rule"].low)
    assert math.isnan(run.records[0].figures["mrr"])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "suite": "x"}', "\xff"])
def test_a_file_that_is_no_run_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(YouJuError, match=r"^[^\n]*run\.json is not a run of the evals[^\n]*$"):
        read_json(path)
    with pytest.raises(YouJuError, match="cannot be read"):
        read_json(tmp_path / "absent.json")


# --- the page ---


@pytest.mark.parametrize("run", [make_run(), make_hostile_run(), make_run((), summary={}, curve=(), reliability=())])
def test_the_page_names_no_other_address(run: Run, tmp_path: Path) -> None:
    write_html(run, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    links = [value for _, name, value in page.attributes if name in ("src", "href", "action", "data", "srcset")]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text.replace("&#x27;", "'")


def test_hostile_text_does_not_leave_its_script_block() -> None:
    page = render_page(make_hostile_run())
    assert page.count("</script") == 2
    assert HOSTILE not in page
    row = content_of(page)["rows"][0]
    assert (row["id"], row["kind"], row["history"], row["fault"]) == (HOSTILE, HOSTILE, [HOSTILE], HOSTILE)


@given(st.text() | st.dictionaries(st.text(), st.lists(st.text() | st.floats() | st.none())))
def test_any_value_survives_a_script_block(value: Any) -> None:
    text = script_json(value)
    assert not set("<\u2028\u2029") & set(text)
    if isinstance(value, str):
        assert json.loads(text) == value


def test_the_page_holds_the_headline_figures_and_the_counts() -> None:
    text = re.sub(r"<[^>]*>", " ", render_page(make_run()))
    words = " ".join(text.split())
    assert "33.3% 6 题，正确 2。有答案的 4 题，答对 1；没有答案的 2 题，拒对 1。" in words
    assert "75.0% 50.0 – 100.0 n = 4" in words
    assert "耗时 p95 latency p95 95% 的题不超过这个时间。 ↓ 越低越好 12.3 ms n = 6" in words
    assert "似有实无 near_miss 50% 1/2" in words
    assert "p50 2 ms" in words
    assert "现在：作答 50%，其中答对 33.3%" in words
    assert "编码器 encoder hashing" in words


def test_an_empty_run_still_makes_a_page() -> None:
    page = render_page(make_run((), summary={}, curve=(), reliability=(), manifest={}))
    assert "没有题目。" in page
    assert content_of(page)["rows"] == []
    assert 'class="chart"' not in page


def test_a_question_has_what_is_needed_to_judge_it() -> None:
    content = page_content(make_run())
    row = content["rows"][1]
    assert [row[name] for name in ("id", "kind", "state", "fault", "right", "ms", "score")] == [
        "fig-2", "two_part", "answered", "wrong sentence", False, 2.0, 0.8,
    ]  # fmt: skip
    assert row["sentences"][0] == {"parts": [("基金总规模 ", False), ("100 亿元", True), ("，首批 500 多项。", False)], "numbers": [1], "verified": True}  # fmt: skip
    assert row["passages"] == [{"text": 0, "rank": 1, "score": 1.5, "gold": True, "numbers": [2]}]
    assert content["passages"] == [{"document": "reply", "heading": "1.", "text": TALENT}]
    assert row["figures"] == [["correct", "0"], ["milliseconds", "2.0 ms"]]
    assert content["rows"][5]["message"] == "ValueError: 坏了 <b>"
    assert [row["score"] for row in content["rows"][4:]] == [0.8, None]


def test_an_answer_that_does_not_say_how_sure_it_is_shows_its_best_citations_score() -> None:
    answer = ask("基金")
    del answer["confidence"]
    answer["citations"][1]["score"] = 0.93
    assert page_content(make_run((replace(RECORDS[0], answer=answer),)))["rows"][0]["score"] == 0.93


@pytest.mark.parametrize(
    ("text", "highlights", "parts"),
    [
        ("共 100 亿元。", ["100 亿元"], [("共 ", False), ("100 亿元", True), ("。", False)]),
        ("1 人和 1 万人", ["1 万", "1"], [("1", True), (" 人和 ", False), ("1 万", True), ("人", False)]),
        ("没有", ["别的", ""], [("没有", False)]),
        ("a.c abc", ["a.c"], [("a.c", True), (" abc", False)]),
    ],
)
def test_highlights_are_cut_out_of_a_sentence(text: str, highlights: list[str], parts: list[tuple[str, bool]]) -> None:
    assert split_highlights(text, highlights) == parts


# --- charts ---


def test_shares_have_wilsons_interval() -> None:
    """Newcombe, Statistics in Medicine 1998, table I: 81 of 263 and 15 of 148, and 0 of 20."""
    for right, count, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        assert wilson(right, count) == pytest.approx((low, high), abs=5e-5)


def test_every_answer_is_in_a_bar_of_the_latencies() -> None:
    drawing = draw_latencies([*range(1, 100), 5000.0])
    assert sum(map(int, re.findall(r"：(\d+) 题", drawing))) == 100
    assert all(label in drawing for label in ("p50 50 ms", "p95 95 ms", "p99 99 ms"))
    assert "以上 ms：1 题" in drawing


def test_the_curve_runs_from_corner_to_corner() -> None:
    (points,) = re.findall(r'points="([^"]*)"', draw_curve([(1.0, 0.8), (0.0, 1.0)]))
    assert points == "40.0,24.0 344.0,194.0"


@pytest.mark.parametrize(("value", "ceiling"), [(0, 1), (1, 1), (7, 8), (101, 120), (0.33, 0.4), (9.5, 10)])
def test_axes_end_at_readable_values(value: float, ceiling: float) -> None:
    assert nice_ceiling(value) == pytest.approx(ceiling)


@given(st.lists(st.floats(0, 1e7), max_size=40))
def test_any_times_can_be_drawn(times: list[float]) -> None:
    drawing = draw_latencies(times)
    assert sum(map(int, re.findall(r"：(\d+) 题", drawing))) == len(times)
    assert "nan" not in drawing
