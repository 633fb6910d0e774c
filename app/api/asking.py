"""Asking over REST: an answer at once, or step by step as server-sent events; rating it; what one could ask."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.answering.replies import suggestions
from app.api.answers import closing_iterator
from app.api.description import ANSWER_EXAMPLE, RATING_EXAMPLE, replies, stream_replies
from app.api.events import EventStream, event, with_errors
from app.api.failures import error_json
from app.api.scopes import language_of_scope
from app.api.service import service_of
from app.assistant import parse_history
from app.types import Answer, Retrieved, Said, Writing, passage_json, said_json

SUGGESTED = 6
"""How many questions are suggested, from as many documents."""

asking = APIRouter()

DocumentId = Annotated[str, Field(min_length=1, max_length=500)]


class AskRequest(BaseModel):
    """A question; what is too long in it is cut by the assistant, which says where."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(description="问题；超过上限的部分会被截去", examples=["四类人才计划一共资助了多少人？"])
    history: Annotated[list[Any], Field(max_length=100)] = Field(
        default=[],
        description='先前的各轮，从早到晚：问题字符串、{"question", "answer"} 或 {"role", "content"}',
        examples=[[{"question": "四类人才计划一共资助了多少人？", "answer": "1 万余人"}]],
    )
    document_ids: Annotated[list[DocumentId], Field(max_length=1000)] | None = Field(
        default=None, description="只在这些文件里找", examples=[None]
    )
    answerer: Literal["extractive", "llm"] | None = Field(default=None, description="由谁作答", examples=["extractive"])


class FeedbackRequest(BaseModel):
    """What a reader says about an answer, named by its id."""

    model_config = ConfigDict(extra="forbid")

    answer_id: str = Field(description="Answer 的 id", examples=["0f3a9c"])
    rating: str = Field(description="up 或 down", examples=["up"])
    comment: str | None = Field(default=None, description="意见，最多 2000 字", examples=["引的不是这一条"])


@asking.post("/ask", summary="提问", responses=replies(ANSWER_EXAMPLE, 400, 404, 422, 429, 503))
async def ask(body: AskRequest, request: Request) -> JSONResponse:
    """返回一个 Answer：逐句的回答、每句的引文（原文、文号与章节、字符位置）、检索到的段落；没有依据时 status 为 refused。"""
    service = service_of(request)
    history = parse_history(body.history)
    assistant = service.loaded()

    def answer_and_note() -> dict[str, Any]:
        answer = assistant.ask(body.question, history, body.document_ids, body.answerer)
        service.feedback.note(answer, history)
        return answer.to_json()

    with service.desk.take_place():
        return JSONResponse(await service.desk.run(answer_and_note))


@asking.post(
    "/ask/stream",
    summary="提问，逐句返回（SSE）",
    status_code=200,
    response_class=EventStream,
    responses=stream_replies(),
)
async def ask_stream(body: AskRequest, request: Request) -> EventStream:
    """事件依次为 passages（检索到的段落）、token（一句话及其引文，各 text 相连即 answer.text）、answer（完整的 Answer）；出错时为 error。"""
    service = service_of(request)
    history = parse_history(body.history)
    assistant = service.loaded()

    def begin() -> Iterator[bytes]:
        steps = assistant.stream(body.question, history, body.document_ids, body.answerer)
        with closing_iterator(steps):
            for step in steps:
                if isinstance(step, Answer):
                    service.feedback.note(step, history)
                yield b"" if isinstance(step, Writing) else event(*step_event(step))

    language = language_of_scope(request.scope)
    place = service.desk.take_place()
    events = with_errors(service.desk.steps(begin), lambda error: event("error", error_json(error, language)))
    return EventStream(events, place.give_back)


def step_event(step: Retrieved | Said | Answer) -> tuple[str, Any]:
    """Return the name and the data of a step's event."""
    if isinstance(step, Retrieved):
        return "passages", [passage_json(passage) for passage in step.passages]
    if isinstance(step, Said):
        return "token", said_json(step)
    return "answer", step.to_json()


@asking.get("/suggestions", summary="可以问什么", responses=replies({"questions": ["总资助额是多少？"]}, 503))
def suggest(request: Request) -> JSONResponse:
    """返回收录的文件答得出的几个问题。"""
    assistant = service_of(request).loaded()
    questions = dict.fromkeys(suggestions(assistant.first_documents(SUGGESTED), SUGGESTED))
    return JSONResponse({"questions": list(questions)})


@asking.post("/feedback", summary="评价一个回答", responses=replies(RATING_EXAMPLE, 400, 404, 422, 503))
def rate(body: FeedbackRequest, request: Request) -> JSONResponse:
    """评价某个回答（up 或 down），可附意见；再次评价会替换前一次。返回时已经存盘。"""
    service_of(request).feedback.rate(body.answer_id, body.rating, body.comment or "")
    return JSONResponse({"answer_id": body.answer_id, "rating": body.rating})
