"""A run as one self-contained HTML page: nothing is fetched, and no text of a question or document becomes markup."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from evals.records import Record, Summary
from evals.report import charts
from evals.report.glossary import FAULTS, GROUPS, KINDS, MANIFEST, Term, sort_names, term_of
from evals.report.rows import page_content
from evals.report.run import Run, is_right, milliseconds_of, state_of, without_nan, write_text
from evals.report.table import has_interval

FOLDER = Path(__file__).parent
BRIEF = ("date", "encoder", "answerer")
"""Facts of the manifest that are shown without opening it."""


def write_html(run: Run, path: Path) -> None:
    """Write the page of a run."""
    write_text(path, render_page(run))


def render_page(run: Run) -> str:
    """Return the page; its policy forbids every connection, and every script and style but its own two."""
    style, script = (_read(name) for name in ("page.css", "page.js"))
    policy = f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    return Template(_read("page.html")).substitute(
        title=escape(f"{run.suite} · 有据评测报告"),
        suite=escape(run.suite),
        policy=escape(policy),
        style=style,
        script=script,
        brief=escape(" · ".join(_plain(run.manifest[name]) for name in BRIEF if name in run.manifest)),
        manifest=_manifest(run.manifest),
        verdict=_verdict(run.records),
        outcomes=_outcomes(run.records),
        figures=_figures(run.summary),
        kinds=_kinds(run.records),
        charts=_charts(run),
        content=script_json(page_content(run)),
    )


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8").rstrip("\n")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def script_json(value: Any) -> str:
    """Return JSON that is safe inside a script block: no `<`, so neither `</script>` nor `<!--` can occur."""
    text = json.dumps(without_nan(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _manifest(manifest: Mapping[str, Any]) -> str:
    """Return how the run was made, the known facts first, as rows of a definition list."""
    names = [name for name in MANIFEST if name in manifest]
    names += [name for name in manifest if name not in MANIFEST]
    rows = []
    for name in names:
        label = f"{MANIFEST[name]} <small>{name}</small>" if name in MANIFEST else escape(name)
        kind = ' class="command"' if name == "command" else ""
        rows.append(f"<div><dt>{label}</dt><dd{kind}>{escape(_plain(manifest[name]))}</dd></div>")
    return "".join(rows)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}" if value >= 1 else f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _verdict(records: Sequence[Record]) -> str:
    """Return the run in one sentence."""
    if not records:
        return "没有题目。"
    right = sum(map(is_right, records))
    halves = [[record for record in records if record.gold.answerable is kind] for kind in (True, False)]
    names = ("有答案", "没有答案")
    details = "；".join(
        f"{name}的 {len(half):,} 题，{'答' if name == '有答案' else '拒'}对 {sum(map(is_right, half)):,}"
        for name, half in zip(names, halves, strict=True)
        if half
    )
    return f"<strong>{right / len(records):.1%}</strong> {len(records):,} 题，正确 {right:,}。{details}。"


def _outcomes(records: Sequence[Record]) -> str:
    """Return a bar of what came of the questions, and a button for each outcome that filters the list."""
    counts = Counter("" if is_right(record) else record.fault or "error" for record in records)
    names = sorted(counts, key=lambda name: (name != "", list(FAULTS).index(name) if name in FAULTS else len(FAULTS)))
    left = 0
    bars, buttons = [], []
    for name in names:
        bars.append(f'<rect class="{_fault_class(name)}" x="{left}" width="{counts[name]}" height="1"/>')
        left += counts[name]
        chinese, english, meaning = FAULTS.get(name, (name, "", "")) if name else ("正确", "right", "没有任何差错")
        buttons.append(
            f'<button type="button" data-fault="{escape(name or "right")}" title="{escape(meaning)}">'
            f'<i class="{_fault_class(name)}"></i>{escape(chinese)} <small>{escape(english)}</small> <b>{counts[name]:,}</b></button>'
        )
    svg = f'<svg class="outcomes" viewBox="0 0 {max(1, left)} 1" preserveAspectRatio="none" aria-hidden="true">{"".join(bars)}</svg>'
    return f'{svg}<div class="legend">{"".join(buttons)}</div>'


def _fault_class(name: str) -> str:
    if not name:
        return "is-right"
    return f"fault-{list(FAULTS).index(name) + 1}" if name in FAULTS else "fault-0"


def _figures(summary: Mapping[str, Summary]) -> str:
    """Return a card for each group of headline figures."""
    names = sort_names(summary)
    cards = []
    for group, (chinese, english) in GROUPS.items():
        rows = "".join(_figure(name, summary[name]) for name in names if term_of(name).group == group)
        if rows:
            cards.append(f'<section class="card"><h3>{chinese} <small>{english}</small></h3><dl>{rows}</dl></section>')
    return "".join(cards)


def _figure(name: str, metric: Summary) -> str:
    """Return a metric: its name and meaning, its value, its interval and over how many questions it is."""
    term = term_of(name)
    bounds = drawing = ""
    if has_interval(metric):
        bounds = f"{term.show(metric.low, bare=True)} – {term.show(metric.high, bare=True)}"
        if term.unit in ("share", "index"):
            drawing = charts.draw_interval(metric.value, metric.low, metric.high)
    title = f"{escape(term.chinese)} <small>{escape(term.english)}</small>"
    return (
        f'<div data-metric="{escape(name)}"><dt>{title}<p>{_explain(term)}</p></dt>'
        f"<dd><b>{term.show(metric.value)}</b>{drawing}<span>{bounds}</span><small>n = {metric.count:,}</small></dd></div>"
    )


def _explain(term: Term) -> str:
    """Return what a metric means and which way is better."""
    meaning = f"{escape(term.meaning)}。" if term.meaning else ""
    if term.is_higher_better is None:
        return meaning
    return f"{meaning}<em>{'↑ 越高越好' if term.is_higher_better else '↓ 越低越好'}</em>"


def _kinds(records: Sequence[Record]) -> str:
    """Return a bar for each kind of question, the worst first; those to be answered apart from those to be refused."""
    columns = []
    for is_answerable, chinese, english in (
        (True, "有答案，该答", "answerable"),
        (False, "没有答案，该拒", "unanswerable"),
    ):
        half = [record for record in records if record.gold.answerable is is_answerable]
        counts = Counter(record.gold.kind for record in half)
        rights = Counter(record.gold.kind for record in half if is_right(record))
        if counts:
            ordered = sorted(counts, key=lambda kind: (rights[kind] / counts[kind], -counts[kind], kind))
            bars = "".join(_kind(kind, rights[kind], counts[kind]) for kind in ordered)
            columns.append(f"<div><h4>{chinese} <small>{english}</small></h4>{bars}</div>")
    return "".join(columns)


def _kind(kind: str, right: int, count: int) -> str:
    chinese = KINDS.get(kind, "")
    label = f"{escape(chinese)} <small>{escape(kind)}</small>" if chinese else escape(kind)
    low, high = charts.wilson(right, count)
    return (
        f'<button type="button" data-kind="{escape(kind)}" title="95 % 区间 {low:.0%} – {high:.0%}"><span>{label}</span>'
        f"{charts.draw_share(right, count)}<b>{right / count:.0%}</b><small>{right}/{count}</small></button>"
    )


def _charts(run: Run) -> str:
    """Return the three charts that have something to show."""
    times = [time for time in map(milliseconds_of, run.records) if time is not None]
    figures = (
        ("作答率与正确率", "Coverage and accuracy", charts.draw_curve(run.curve, _stand(run.records)),
         "按把握从大到小放行：放行的题占多少（横轴），其中答对的占多少（纵轴）；没有答案和拒答的题都不算答对。线越高越好，左高右低说明把握可信。"),
        ("耗时分布", "Latency", charts.draw_latencies(times),
         "每题从提问到答完用了多久。越靠左越好；竖线左边分别是 50%、95%、99% 的题，最右一格含更慢的题。"),
        ("把握的可靠性", "Reliability of scores", charts.draw_reliability(run.reliability),
         "把握相近的题中真正答对的比例（拒答不算答对），圆越大题越多。越贴近虚线越好：线下是过于自信，线上是过于保守。"),
    )  # fmt: skip
    return "".join(_chart_card(*figure) for figure in figures if figure[2])


def _stand(records: Sequence[Record]) -> tuple[float, float] | None:
    """Return the share of the questions that was answered, and the share of those that is right."""
    answered = [record for record in records if state_of(record) == "answered"]
    return (len(answered) / len(records), sum(map(is_right, answered)) / len(answered)) if answered else None


def _chart_card(chinese: str, english: str, drawing: str, meaning: str) -> str:
    return f'<figure class="card"><h3>{chinese} <small>{english}</small></h3>{drawing}<figcaption>{meaning}</figcaption></figure>'
