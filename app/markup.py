"""The conversation as HTML: questions, answers, refusals. Pure; every text enters it through `escape`."""

from collections.abc import Iterable, Sequence
from html import escape

from app.types import Answer, Citation, Document, Passage, Refusal, Said, Sentence, Span

SHORT_CHARS = 12
"""A short answer of so few characters is not broken at a line end."""
SHELVED_DOCUMENTS = 3


def render_question(question: str, limit: int) -> str:
    """Return the question as the reader sees it, cut where the engine cuts it, and saying so."""
    cut = f'<p class="notice">问题较长，只查询前 {limit} 个字。</p>' if len(question) > limit else ""
    shown = question[:limit] + ("…" if cut else "")
    return f'<div class="asked"><span class="who" aria-hidden="true">问</span><h2>{escape(shown)}</h2></div>{cut}'


def render_waiting() -> str:
    return _reply('<p class="waiting" role="status">正在查阅原文<i></i><i></i><i></i></p>')


def render_stopped() -> str:
    return _reply('<p class="notice">已停止。可以换个问法再试。</p>')


def render_problem(message: str) -> str:
    """Return an error as one clear line."""
    return f'<p class="problem" role="alert">{escape(message)}</p>'


def render_answer(answer: Answer, shown: int | None = None, rating: str = "") -> str:
    """Return what stands under a question; of an answer's sentences only the first `shown` characters.

    `rating` is the HTML that a complete answer or refusal is rated with.
    """
    read_as = _understood(answer)
    if answer.refusal is None:
        behind = "" if shown is not None else _note(answer) + _sources(answer) + _dropped(answer) + rating
        return _reply(read_as + _sentences(answer, shown) + behind)
    if answer.refusal.kind == "greeting":
        return _reply(f'<p class="greeting">{escape(answer.refusal.message)}</p>{_suggestions(answer.refusal.near)}')
    return _reply(
        read_as + _refusal(answer.refusal, answer.passages) + _note(answer) + _dropped(answer) + rating, "refused"
    )


def render_said(said: Sequence[Said]) -> str:
    """Return the sentences that stand so far, while more are being written."""
    rows = "".join(_sentence(step.sentence, step.citations) for step in said)
    return _reply(f'{rows}<p class="waiting" role="status">正在写下一句并核对<i></i><i></i><i></i></p>')


def render_turn(answer_id: str, question: str, reply: str, state: str = "done") -> str:
    """Wrap a question and its reply. `state` is `running` or `done`; the id ties citations to their evidence."""
    is_busy = "true" if state == "running" else "false"
    return (
        f'<article class="turn is-{state}" data-answer="{escape(answer_id)}" aria-busy="{is_busy}">'
        f"{question}{reply}</article>"
    )


def render_welcome(examples: Sequence[str], shelved: Sequence[Document], count: int) -> str:
    """Return what stands there before the first question; the shelf is for phones, where no document lies open.

    `count` is the number of all documents, of which the shelf holds the first.
    """
    titles = "、".join(
        f'<button type="button" data-open="{escape(document.id)}">{escape(document.title)}</button>'
        for document in shelved
    )
    return (
        '<section class="welcome"><h2>想查什么，直接问。</h2>'
        f"<p>只依据已收录的 {count} 份文件作答，每一句都附原文；文件没有写的，会直说没有。</p>"
        f'{_suggestions(examples)}<p class="shelf">翻看原文：{titles}</p></section>'
    )


def copied_text(citation: Citation) -> str:
    """Return a citation as it is pasted into another text: 「quote」 and the official reference."""
    return f"「{citation.quote}」（{citation.reference}）"


def cite_button(citation: Citation, is_active: bool = False) -> str:
    """Return the button that shows a citation's evidence."""
    return (
        f'<button type="button" class="cite{" is-active" if is_active else ""}" data-number="{citation.number}" '
        f'title="{escape(citation.reference)}" aria-label="引证 {citation.number}：{escape(citation.reference)}">'
        f"{citation.number}</button>"
    )


def _reply(body: str, kind: str = "") -> str:
    return (
        f'<div class="reply {kind}"><span class="who" aria-hidden="true">答</span><div class="body">{body}</div></div>'
    )


def _understood(answer: Answer) -> str:
    return f'<p class="understood">理解为：{escape(answer.understood_as)}</p>' if answer.understood_as else ""


def _note(answer: Answer) -> str:
    return f'<p class="notice">{escape(answer.note)}</p>' if answer.note else ""


def _dropped(answer: Answer) -> str:
    """Return what the language model wrote and verification turned down, folded away and marked as no answer."""
    if not answer.dropped:
        return ""
    rows = "".join(f"<li><s>{escape(d.text)}</s><small>{escape(d.reason)}</small></li>" for d in answer.dropped)
    return (
        f'<details class="dropped"><summary>未通过核对、没有采用的 {len(answer.dropped)} 句</summary>'
        f"<ol>{rows}</ol></details>"
    )


def _sentence(sentence: Sentence, citations: Iterable[Citation]) -> str:
    """Return a whole sentence with its citations."""
    buttons = "".join(map(cite_button, citations))
    return f'<p class="sentence">{_highlighted(sentence, len(sentence.text))}{buttons}</p>'


def _sentences(answer: Answer, shown: int | None) -> str:
    """Return sentences up to a number of characters; a citation follows its sentence when that is complete."""
    citations = {citation.number: citation for citation in answer.citations}
    left = sum(len(sentence.text) for sentence in answer.sentences) if shown is None else shown
    paragraphs = []
    for sentence in answer.sentences:
        if left <= 0:
            break
        buttons = "".join(cite_button(citations[number]) for number in sentence.citations if number in citations)
        is_complete = left >= len(sentence.text)
        paragraphs.append(f'<p class="sentence">{_highlighted(sentence, left)}{buttons if is_complete else ""}</p>')
        left -= len(sentence.text)
    return "".join(paragraphs)


def _highlighted(sentence: Sentence, shown: int) -> str:
    spans: list[Span] = []
    for highlight in sentence.highlights:
        start = sentence.text.find(highlight) if highlight else -1
        if start >= 0 and not any(span.overlaps(Span(start, start + len(highlight))) for span in spans):
            spans.append(Span(start, start + len(highlight)))
    end = min(shown, len(sentence.text))
    parts, position = [], 0
    for span in sorted(spans):
        parts.append(escape(sentence.text[position : min(span.start, end)]))
        short = ' class="short"' if span.end - span.start <= SHORT_CHARS else ""
        if inside := sentence.text[span.start : min(span.end, end)]:
            parts.append(f"<strong{short}>{escape(inside)}</strong>")
        position = span.end
    return "".join([*parts, escape(sentence.text[position:end])])


def _sources(answer: Answer) -> str:
    rows = "".join(
        f'<li>{cite_button(citation)}<button type="button" class="source" data-number="{citation.number}">'
        f"{escape(citation.reference)}</button></li>"
        for citation in answer.citations
    )
    text = "\n".join([*(sentence.text for sentence in answer.sentences), *map(copied_text, answer.citations)])
    return (
        f'<ol class="sources" aria-label="出处">{rows}</ol>'
        f'<p class="tools"><button type="button" data-copy="{escape(text)}">复制答案与出处</button></p>'
    )


def _refusal(refusal: Refusal, passages: Sequence[Passage]) -> str:
    near = f'<p class="near">文件能回答的相近问题</p>{_suggestions(refusal.near)}' if refusal.near else ""
    return f'<p class="verdict">原文没有依据，不作答</p><p>{escape(refusal.message)}</p>{near}{_looked_at(passages)}'


def _looked_at(passages: Sequence[Passage]) -> str:
    if not passages:
        return ""
    rows = "".join(
        f'<li><button type="button" data-open="{escape(passage.chunk.document_id)}" '
        f'data-start="{passage.chunk.span.start}" data-end="{passage.chunk.span.end}">'
        f"<small>{escape(' › '.join(passage.chunk.heading) or '正文')}</small>"
        f"{escape(passage.chunk.text)}</button></li>"
        for passage in passages
    )
    return f'<details><summary>查阅过的 {len(passages)} 段原文</summary><ol class="passages">{rows}</ol></details>'


def _suggestions(questions: Iterable[str]) -> str:
    chips = "".join(f'<li><button type="button" data-ask>{escape(question)}</button></li>' for question in questions)
    return f'<ul class="suggestions">{chips}</ul>' if chips else ""
