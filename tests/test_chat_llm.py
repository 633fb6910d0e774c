"""The chat page while a language model writes: sentences as they stand, stopping, what is told at the end."""

import asyncio
import threading
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from app.assistant import said
from app.chat import ChatPage, Conversation
from app.config import Settings
from app.feedback import FeedbackStore
from app.types import Answer, Dropped, Retrieved, Step, Turn
from tests.fake_assistant import FUND, TALENT, FakeAssistant, make_answer

PAUSE = 0.05


class Writing(FakeAssistant):
    """Says two sentences, one after the other, as a language model does; knows whether it was stopped."""

    def __init__(self) -> None:
        super().__init__(settings=Settings(answerer="llm", llm="x:y"))
        self.was_closed = threading.Event()
        self.goes_on = threading.Event()

    def stream(self, question: str, history: Sequence[Turn] = (), *_: Any, **__: Any) -> Generator[Step]:
        (document,) = self.first_documents(1)
        answer = make_answer(question, document, FUND, TALENT)
        try:
            yield Retrieved(answer.passages)
            first, second = said(answer)
            yield first
            self.goes_on.wait(5)
            yield second
            yield replace(
                answer, answerer="llm", note="回答可能不完整。", dropped=(Dropped("300 亿元。", "原文没有“300亿元”"),)
            )
        finally:
            self.was_closed.set()


def page_of(assistant: FakeAssistant) -> ChatPage:
    return ChatPage(assistant, FeedbackStore(Path("")))


async def collect(page: ChatPage, stop_after: int = 99) -> list[str]:
    steps = page.respond("基金多大？", Conversation(), gr.EventData(None, None))
    shown: list[str] = []
    async for step in steps:
        shown.append(step[2])
        if len(shown) == stop_after:
            break
    await steps.aclose()  # type: ignore[attr-defined]
    return shown


def test_each_sentence_is_shown_when_it_stands() -> None:
    assistant = Writing()
    assistant.goes_on.set()
    waiting, first, second, whole = asyncio.run(collect(page_of(assistant)))
    assert "正在查阅原文" in waiting
    assert FUND in first
    assert TALENT not in first
    assert TALENT in second
    assert "is-running" in second
    assert "is-done" in whole
    assert "回答可能不完整。" in whole
    assert "没有采用的 1 句" in whole


def test_stopping_stops_the_answer() -> None:
    assistant = Writing()

    async def stop_and_wait() -> list[str]:
        shown = await collect(page_of(assistant), stop_after=2)
        assistant.goes_on.set()
        return shown

    shown = asyncio.run(stop_and_wait())
    assert FUND in shown[-1]
    assert assistant.was_closed.wait(5)


def test_the_page_says_who_wrote_the_answer() -> None:
    from app.chat import _footnote

    assert "语言模型" in _footnote(page_of(Writing()).is_written)
    assert "逐字" in _footnote(page_of(FakeAssistant()).is_written)


def test_the_answer_is_the_sum_of_what_was_said() -> None:
    assistant = Writing()
    assistant.goes_on.set()
    *_, answer = assistant.stream("基金多大？")
    assert isinstance(answer, Answer)
    assert answer.text == "".join(step.text for step in said(answer))
