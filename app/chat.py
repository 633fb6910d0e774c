"""The chat page: the only importer of gradio.

The page is HTML of our own (markup.py, evidence.py, static/) in Gradio's components; Gradio keeps the session, queues
the questions and streams the answers.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI

from app import evidence, markup
from app.answering.replies import suggestions
from app.assistant import Assistant
from app.errors import FeedbackError, NotFoundError, QuestionError, RatingError, YouJuError
from app.feedback import FeedbackStore
from app.guard import OwnHead
from app.types import Answer, Said, Span, Step, Turn

STATIC = Path(__file__).parent / "static"
TITLE = "有据 · 问文件"
KEPT_TURNS = 40
"""Turns that stay on the page; older ones are forgotten, so that a session's memory is bounded."""
HISTORY_TURNS = 8
"""Turns that are passed on with a follow-up question."""
EXAMPLES = 6
AT_ONCE = 8
"""Questions that are answered at the same time; more of them wait in the queue."""
QUEUED = 128
REVEAL_STEPS = 24
REVEAL_SECONDS = 0.025
"""An answer that is there at once is shown in steps, so that the eye can follow: 0.6 s at most."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a session keeps: the turns for the engine, and as HTML the finished turns and the latest one."""

    turns: tuple[Turn, ...] = ()
    rendered: tuple[str, ...] = ()
    latest: str = ""

    def begin(self, asked: str) -> "Conversation":
        """Move the latest turn to the finished ones; the new one counts as stopped until it has ended."""
        rendered = (*self.rendered, self.latest)[-KEPT_TURNS:] if self.latest else self.rendered
        stopped = markup.render_turn("", asked, markup.render_stopped())
        return replace(self, rendered=rendered, latest=stopped)

    def end(self, html: str, answer: Answer | None = None) -> "Conversation":
        """Note how the latest turn looks; what was answered becomes part of the history."""
        if answer is None or (answer.refusal and answer.refusal.kind == "greeting"):
            return replace(self, latest=html)
        return replace(self, latest=html, turns=(*self.turns, Turn(answer.question, answer.text))[-HISTORY_TURNS:])


class ChatPage:
    """What the page does when it is used. Every handler returns or yields values for the page's components."""

    def __init__(self, assistant: Assistant, feedback: FeedbackStore) -> None:
        self.assistant = assistant
        self.feedback = feedback
        self.rating = (STATIC / "rating.html").read_text(encoding="utf-8") if feedback.is_on else ""
        self.limit = assistant.settings.max_question_chars
        self.is_written = assistant.settings.answerer == "llm"

    def welcome(self) -> str:
        """Return what the talking side shows before the first question."""
        examples = tuple(dict.fromkeys(suggestions(self.assistant.first_documents(EXAMPLES), EXAMPLES)))
        shelved = self.assistant.first_documents(markup.SHELVED_DOCUMENTS)
        return markup.render_welcome(examples, shelved, len(self.assistant.documents))

    def desk(self) -> str:
        """Return what the reading side shows before the first question."""
        listed = self.assistant.first_documents(evidence.LISTED_DOCUMENTS)
        return evidence.render_desk(listed, len(self.assistant.documents))

    async def respond(self, typed: str, conversation: Conversation, event: gr.EventData) -> AsyncIterator[list[Any]]:
        """Answer a question that was typed or clicked; yields (box, past, latest, evidence, conversation)."""
        question = str((event._data or {}).get("question") or typed or "")
        asked = markup.render_question(question.strip(), self.limit) if question.strip() else ""
        conversation = conversation.begin(asked)
        waiting = markup.render_turn("", asked, markup.render_waiting(), "running")
        yield ["", "".join(conversation.rendered), waiting, gr.skip(), conversation]
        said: list[Said] = []
        answer: Answer | None = None
        try:
            async for step in self._steps(question, conversation.turns):
                if isinstance(step, Answer):
                    answer = step
                elif isinstance(step, Said) and self.is_written:
                    said.append(step)
                    partial_turn = markup.render_turn("", asked, markup.render_said(said), "running")
                    yield [gr.skip(), gr.skip(), partial_turn, gr.skip(), gr.skip()]
        except YouJuError as error:
            problem = markup.render_turn("", asked, markup.render_problem(_explain(error)))
            yield [gr.skip(), gr.skip(), problem, gr.skip(), conversation.end(problem if asked else "")]
            return
        except Exception:
            bug = markup.render_turn("", asked, markup.render_problem("服务器出错了，这个问题没有答成。请再试一次。"))
            yield [gr.skip(), gr.skip(), bug, gr.skip(), conversation.end(bug)]
            raise
        assert answer is not None, "a stream ends with its answer"
        panel: Any = self._panel(answer)
        for shown in _steps(answer) if not said else ():
            partial_turn = markup.render_turn(answer.id, asked, markup.render_answer(answer, shown), "running")
            yield [gr.skip(), gr.skip(), partial_turn, panel, gr.skip()]
            panel = gr.skip()
            await asyncio.sleep(REVEAL_SECONDS)
        turn = markup.render_turn(answer.id, asked, markup.render_answer(answer, rating=self.rating))
        yield [gr.skip(), gr.skip(), turn, panel, conversation.end(turn, answer)]

    def stop(self, conversation: Conversation) -> str:
        """Return the latest turn as one that was stopped."""
        return conversation.latest

    def clear(self) -> list[Any]:
        """Begin a new conversation; returns (box, past, latest, evidence, conversation)."""
        return ["", "", self.welcome(), self.desk(), Conversation()]

    def open_document(self, wanted: Any) -> str:
        """Return a document for the reading side, given [document_id, start, end] of what to show of it."""
        try:
            document_id, start, end = wanted
            document = self.assistant.document(str(document_id))
            span = Span(int(start), min(int(end), len(document.text)))
        except (NotFoundError, TypeError, ValueError):
            return ""
        is_only = len(self.assistant.documents) == 1
        return evidence.render_document(document, span if span.start < span.end else None, is_only)

    def more_text(self, wanted: Any) -> list[Any]:
        """Return (start, end, HTML) of the next part of [document_id, start, end, side] that is not shown yet."""
        try:
            document_id, start, end, side = wanted
            gap = Span(int(start), int(end))
            part, html = evidence.excerpt(self.assistant.document(str(document_id)), gap, from_end=side == "end")
        except (NotFoundError, TypeError, ValueError):
            return [0, 0, ""]
        return [part.start, part.end, html]

    def rate(self, said: Any) -> str:
        """Keep [answer_id, "up" or "down", comment]; returns a line that says what went wrong, empty if nothing did."""
        try:
            answer_id, rating, comment = said
            self.feedback.rate(str(answer_id), str(rating), str(comment))
        except NotFoundError:
            return "这个回答隔得太久，评价没有存下。再问一次就可以评。"
        except FeedbackError as error:
            log.warning("a rating was not kept: %s", error)
            return "评价没有存下，请以后再试。提问不受影响。"
        except (RatingError, TypeError, ValueError):
            return "评价没有存下：意见不能超过 2000 字。"
        return ""

    async def _steps(self, question: str, history: Sequence[Turn]) -> AsyncIterator[Step]:
        """Yield the steps of an answer from a thread; when nobody listens any more, the answer stops at its next step."""
        stream = self.assistant.stream(question, history)
        in_turn = threading.Lock()

        def next_step() -> Step | None:
            with in_turn:
                step = next(stream, None)
            if isinstance(step, Answer):
                self.feedback.note(step, history)
            return step

        def close() -> None:
            with in_turn:
                stream.close()

        try:
            while step := await asyncio.to_thread(next_step):
                yield step
        finally:
            asyncio.get_running_loop().run_in_executor(None, close)

    def _panel(self, answer: Answer) -> str:
        if not answer.citations:
            return self.desk()
        ids = {citation.document_id for citation in answer.citations}
        return evidence.render_evidence(
            answer, {document_id: self.assistant.document(document_id) for document_id in ids}
        )


def build_chat(assistant: Assistant, feedback: FeedbackStore) -> gr.Blocks:
    """Lay out the page and tie its events to the assistant."""
    chat = ChatPage(assistant, feedback)

    def beginning(_: Any) -> list[str]:
        return [chat.welcome(), chat.desk()]

    def open_document(wanted: Any) -> str:
        return chat.open_document(wanted)

    def more_text(wanted: Any) -> list[Any]:
        return chat.more_text(wanted)

    def rate(said: Any) -> str:
        return chat.rate(said)

    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        conversation = gr.State(Conversation())
        with gr.Row(elem_id="masthead"):
            _html((STATIC / "masthead.html").read_text(encoding="utf-8"), elem_id="brand")
            clear = gr.Button("新对话", elem_id="clear", size="sm")
        with gr.Row(elem_id="room"):
            with gr.Column(elem_id="talk"):
                with gr.Column(elem_id="log"):
                    past = _html("", elem_id="past")
                    latest = _html(chat.welcome(), elem_id="latest")
                with gr.Row(elem_id="composer"):
                    box = _question_box()
                    send = gr.Button("发送", variant="primary", elem_id="send")
                    stop = gr.Button("停止", elem_id="stop")
                _html(_footnote(chat.is_written), elem_id="footnote")
            with gr.Column(elem_id="reading"):
                reading = _html(
                    chat.desk(),
                    elem_id="evidence",
                    js_on_load="youjuChat",
                    server_functions=[beginning, open_document, more_text, rate],
                )
        outputs = [box, past, latest, reading, conversation]
        asking = gr.on(
            [box.submit, send.click, reading.select],
            chat.respond,
            [box, conversation],
            outputs,
            show_progress="hidden",
            concurrency_limit=AT_ONCE,
            api_visibility="private",
        )
        stop.click(chat.stop, conversation, latest, cancels=[asking], show_progress="hidden", api_visibility="private")
        clear.click(chat.clear, None, outputs, cancels=[asking], show_progress="hidden", api_visibility="private")
    page.queue(max_size=QUEUED)
    return page


def mount_chat(app: FastAPI, assistant: Assistant, feedback: FeedbackStore) -> None:
    """Mount the page at `/` of an application, with nothing in it that another machine would have to serve."""
    strict, script, style = (
        (STATIC / name).read_text(encoding="utf-8") for name in ("strict.js", "chat.js", "chat.css")
    )
    first = f"<script>{strict}</script><script>{script}</script>"
    app.add_middleware(OwnHead, first=first, last=f"<style>{style}</style>")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Outside of a running loop Gradio makes a loop for each of its locks and never closes it.
        asyncio.run(_mount_in_loop(app, assistant, feedback))
    else:
        _mount(app, assistant, feedback)


async def _mount_in_loop(app: FastAPI, assistant: Assistant, feedback: FeedbackStore) -> None:
    _mount(app, assistant, feedback)


def _mount(app: FastAPI, assistant: Assistant, feedback: FeedbackStore) -> None:
    gr.mount_gradio_app(
        app,
        build_chat(assistant, feedback),
        path="/",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        show_error=False,
        max_file_size="1kb",
        favicon_path=str(STATIC / "icon.svg"),
        theme=_theme(),
    )


def _explain(error: YouJuError) -> str:
    """Return an error as one line in the page's language."""
    return "请输入要问的内容，至少要有一个字。" if isinstance(error, QuestionError) else f"现在不能作答：{error}"


def _theme() -> Any:
    """Return a theme of system fonts; its ground is that of chat.css, so that the page does not flash while loading."""
    theme = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"])
    return theme.set(body_background_fill="#f4f1ea", body_background_fill_dark="#161412")


def _html(value: str, *, elem_id: str, js_on_load: str | None = None, **more: Any) -> gr.HTML:
    """Return a place for HTML without Gradio's style; `js_on_load` names a function of static/ (see strict.js)."""
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False, js_on_load=js_on_load, **more)


def _footnote(is_written: bool) -> str:
    if is_written:
        return "答案由语言模型撰写，逐句与所引原文核对；正式引用请以原文件为准。"
    return "答案逐字引自原文，正式引用请以原文件为准。"


def _question_box() -> gr.Textbox:
    return gr.Textbox(
        label="问题",
        show_label=False,
        container=False,
        lines=1,
        max_lines=6,
        autofocus=True,
        placeholder="输入问题，回车发送",
        elem_id="question",
    )


def _steps(answer: Answer) -> Sequence[int]:
    """Return how many characters of an answer are shown, step by step; none for one that is shown at once."""
    total = sum(len(sentence.text) for sentence in answer.sentences)
    return range(1, total, max(1, total // REVEAL_STEPS)) if answer.refusal is None else ()
