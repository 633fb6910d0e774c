"""The reading side as HTML: a document around what is cited of it. Pure; every text enters it through `escape`.

A document may have megabytes: only windows around the cited spans are shown, and a control for what lies between them.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from app.markup import cite_button, copied_text
from app.types import Answer, Citation, Document, Span

WINDOW_CHARS = 4000
"""How much of a document is shown before and after a cited span, and added by one click."""
SNAP_CHARS = 500
"""A window is moved to a line end that is this near."""
LISTED_DOCUMENTS = 12
LINE_STYLES = {
    "办理结果": "flush",
    "公开属性": "flush",
    "发文机关": "issuer",
    "文号": "serial",
    "标题": "title",
    "主送": "flush",
    "成文日期": "signed",
}
"""Fields whose line is set apart, as a printed official document does."""
HEADER_FIELDS = ("文号", "发文机关", "成文日期", "办理结果", "公开属性")

Mark = tuple[Span, str]
"""A span of the document and the number of the citation that rests on it ("" when it was only looked at)."""


def render_desk(documents: Sequence[Document], count: int) -> str:
    """Return what lies on the reading side before the first question: the one document, or a list of the first of `count`."""
    if count == 1:
        return render_document(documents[0])
    rows = "".join(
        f'<li><button type="button" data-open="{escape(document.id)}">{escape(document.title)}</button>'
        f"<small>{escape(_field(document, '文号'))}</small></li>"
        for document in documents
    )
    more = "<li>…</li>" if count > len(documents) else ""
    bar = f'<p class="hint">已收录的 {count} 份文件</p>'
    return _panel("", bar, f'<ul class="list">{rows}{more}</ul>')


def render_document(document: Document, looked_at: Span | None = None, is_only: bool = True) -> str:
    """Return a document opened at its beginning, or at a passage that was looked at; one of many leads back to all."""
    marks = [(looked_at, "")] if looked_at else []
    back = "" if is_only else '<button type="button" class="back">全部文件</button>'
    bar = f'<p class="hint">原文</p>{back}'
    return _panel("", bar, _sheet(document, marks, active=""))


def render_evidence(answer: Answer, documents: Mapping[str, Document]) -> str:
    """Return every cited document around its cited spans, the first citation active."""
    cited = dict.fromkeys(citation.document_id for citation in answer.citations)
    tabs = "".join(cite_button(citation, is_active=index == 0) for index, citation in enumerate(answer.citations))
    cards = "".join(_card(citation, is_active=index == 0) for index, citation in enumerate(answer.citations))
    sheets = "".join(
        _sheet(
            documents[document_id],
            [(Span(c.start, c.end), str(c.number)) for c in answer.citations if c.document_id == document_id],
            active=str(answer.citations[0].number),
        )
        for document_id in cited
    )
    bar = f'<nav class="tabs" aria-label="引证"><span aria-hidden="true">引证</span>{tabs}</nav>'
    return _panel(answer.id, bar, cards + sheets)


def render_lines(document: Document, span: Span, marks: Sequence[Mark] = (), active: str | None = None) -> str:
    """Return a part of a document line by line; the text content of the HTML is exactly `span.of(document.text)`."""
    styles = {field.span: LINE_STYLES[field.key] for field in document.fields if field.key in LINE_STYLES}
    headings = _heading_spans(document, span)
    lines = []
    for line in _lines(document.text, span):
        content = Span(line.start, line.end - 1) if document.text[line.start : line.end].endswith("\n") else line
        name = styles.get(content) or _line_style(document, content, headings)
        lines.append(f'<p class="{name}">{_runs(document.text, line, headings, marks, active)}</p>')
    return "".join(lines)


def excerpt(document: Document, gap: Span, from_end: bool) -> tuple[Span, str]:
    """Return the part of a gap that one click shows, and its HTML: at most WINDOW_CHARS, at its start or its end."""
    end = min(gap.end, len(document.text))
    start = min(gap.start, end)
    if from_end:
        part = Span(_line_start(document.text, max(start, end - WINDOW_CHARS), start), end)
    else:
        part = Span(start, _line_end(document.text, min(end, start + WINDOW_CHARS), end))
    return part, render_lines(document, part)


def window_around(text: str, span: Span, chars: int) -> Span:
    """Return a span with about `chars` characters before and after it, whole lines where their ends are near."""
    start = _line_start(text, max(0, span.start - chars), 0)
    return Span(start, _line_end(text, min(len(text), span.end + chars), len(text)))


def _panel(answer_id: str, bar: str, body: str) -> str:
    close = '<button type="button" class="close" aria-label="关闭原文">✕</button>'
    return (
        f'<article class="panel" data-answer="{escape(answer_id)}"><div class="bar">{bar}{close}</div>{body}</article>'
    )


def _card(citation: Citation, is_active: bool) -> str:
    page = f"，第 {citation.page} 页" if citation.page is not None else ""
    return (
        f'<div class="card" data-number="{citation.number}" data-document="{escape(citation.document_id)}"'
        f"{'' if is_active else ' hidden'}><p>{escape(citation.reference)}{page}</p>"
        f'<button type="button" class="copy" data-copy="{escape(copied_text(citation))}">复制引文</button></div>'
    )


def _sheet(document: Document, marks: Sequence[Mark], active: str | None) -> str:
    """Return one document: its header, the windows of text around the marks, controls for what lies between."""
    fields = "".join(
        f'<div data-field="{key}"><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>'
        for key in HEADER_FIELDS
        if (value := _field(document, key))
    )
    is_hidden = bool(marks) and active not in [number for _, number in marks]
    parts, position = [], 0
    for window in _windows(document.text, [span for span, _ in marks]):
        parts.append(_gap(document, Span(position, window.start), from_end=position == 0))
        parts.append(render_lines(document, window, marks, active))
        position = window.end
    parts.append(_gap(document, Span(position, len(document.text)), from_end=False))
    return (
        f'<section class="sheet" data-document="{escape(document.id)}"{" hidden" if is_hidden else ""}>'
        f"<header><h2>{escape(document.title)}</h2><dl>{fields}</dl></header>"
        f'<div class="paper" tabindex="0" role="region" aria-label="原文">{"".join(parts)}</div></section>'
    )


def _gap(document: Document, gap: Span, from_end: bool) -> str:
    if gap.start == gap.end:
        return ""
    return (
        f'<button type="button" class="more" data-document="{escape(document.id)}" data-start="{gap.start}" '
        f'data-end="{gap.end}" data-side="{"end" if from_end else "start"}">… 再显示一段（此处略去 '
        f"<b>{gap.end - gap.start}</b> 字）</button>"
    )


def _windows(text: str, spans: Sequence[Span]) -> list[Span]:
    """Return the parts of a text around some spans, in order and apart; its beginning when there are none."""
    windows: list[Span] = []
    for span in sorted(spans) or [Span(0, 0)]:
        window = window_around(text, span, WINDOW_CHARS)
        if windows and window.start <= windows[-1].end:
            windows[-1] = Span(windows[-1].start, max(window.end, windows[-1].end))
        else:
            windows.append(window)
    return windows


def _line_start(text: str, offset: int, lowest: int) -> int:
    """Move an offset back to the start of its line; where that is far, leave it."""
    nearby = max(lowest, offset - SNAP_CHARS)
    newline = text.rfind("\n", nearby, offset)
    return newline + 1 if newline >= 0 else nearby if nearby == lowest else offset


def _line_end(text: str, offset: int, highest: int) -> int:
    """Move an offset on to the end of its line; where that is far, leave it."""
    nearby = min(highest, offset + SNAP_CHARS)
    newline = text.find("\n", max(0, offset - 1), nearby)
    return newline + 1 if newline >= 0 else nearby if nearby == highest else offset


def _lines(text: str, span: Span) -> Iterable[Span]:
    """Split a span at line ends; every line but the last keeps its newline."""
    start = span.start
    while start < span.end:
        newline = text.find("\n", start, span.end)
        end = span.end if newline < 0 else newline + 1
        yield Span(start, end)
        start = end


def _heading_spans(document: Document, window: Span) -> list[Span]:
    """Return where the text itself states the heading of a section that begins in a window."""
    spans = []
    for section in document.sections:
        heading, start = section.path[-1] if section.path else "", section.span.start
        if heading and window.start <= start < window.end and document.text.startswith(heading, start):
            spans.append(Span(start, start + len(heading)))
    return spans


def _line_style(document: Document, line: Span, headings: Sequence[Span]) -> str:
    """Return the style of a line that no field sets apart; the issuer's name once more is its signature."""
    text = line.of(document.text)
    if text and text == _field(document, "发文机关"):
        return "signed"
    return "heading" if line in headings else "line" if text.strip() else "blank"


def _runs(text: str, line: Span, headings: Sequence[Span], marks: Sequence[Mark], active: str | None) -> str:
    """Cut a line where a heading or a mark begins or ends, and tag each run."""
    near_headings = [span for span in headings if span.overlaps(line)]
    near_marks = [(span, number) for span, number in marks if span.overlaps(line)]
    edges = {line.start, line.end}
    for span in (*near_headings, *(span for span, _ in near_marks)):
        edges |= {max(span.start, line.start), min(span.end, line.end)}
    runs = []
    cuts = sorted(edges)
    for run in map(Span, cuts, cuts[1:]):
        html = escape(run.of(text))
        if any(span.contains(run) for span in near_headings):
            html = f"<b>{html}</b>"
        if covering := [(span, number) for span, number in near_marks if span.contains(run)]:
            html = _marked(html, run, covering, active)
        runs.append(html)
    return "".join(runs)


def _marked(html: str, run: Span, covering: Sequence[Mark], active: str | None) -> str:
    numbers = " ".join(number for _, number in covering)
    begun = " ".join(number for span, number in covering if number and span.start == run.start)
    state = ' class="is-active"' if active is not None and active in numbers.split(" ") else ""
    label = f' data-label="{begun}"' if begun else ""
    return f'<mark data-numbers="{numbers}"{state}{label}>{html}</mark>'


def _field(document: Document, key: str) -> str:
    field = document.field(key)
    return field.value if field else ""
