"""The API of OpenAI's chat completions: their client, LangChain's ChatOpenAI and chat front ends work unchanged.

The text carries its marks [n] and ends with the list of what they stand for; the whole Answer is in the field `youju`
of the message, or of the last chunk.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from app.api.answers import closing_iterator
from app.api.description import COMPLETION_EXAMPLE, replies
from app.api.events import EventStream, data_line, with_errors
from app.api.failures import ApiError, openai_error_json
from app.api.scopes import language_of_scope
from app.api.service import service_of
from app.assistant import Assistant
from app.types import Answer, Retrieved, Said, Turn, Writing

DEFAULT_MODEL = "youju"
PREFIX = "youju-"
SOURCES = "\n\n[1] "
"""Where the list of sources begins; it is cut off when a client sends an answer back as history."""

openai = APIRouter()


class Part(BaseModel):
    """A part of a message; only text is read."""

    type: str
    text: str = ""


class Message(BaseModel):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[Part], Field(max_length=100)] | None = None

    def text(self) -> str:
        """Return what the message says."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream tells at its end."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """A conversation whose last message of a user is the question. What steers a language model is not needed."""

    model: str = Field(default=DEFAULT_MODEL, examples=["youju"])
    messages: Annotated[list[Message], Field(min_length=1, max_length=200)] = Field(
        examples=[[{"role": "user", "content": "四类人才计划一共资助了多少人？"}]]
    )
    stream: bool = False
    stream_options: StreamOptions | None = None
    document_ids: Annotated[list[str], Field(max_length=1000)] | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """A request as the assistant takes it."""

    model: str
    answerer: str | None
    question: str
    history: tuple[Turn, ...]
    document_ids: list[str] | None
    created: int

    @property
    def asked_chars(self) -> int:
        """How many characters were sent."""
        return len(self.question) + sum(len(turn.question) + len(turn.answer) for turn in self.history)

    def usage(self, text: str) -> dict[str, int]:
        """Return how much was read and written, in characters: there are no tokens."""
        asked = self.asked_chars
        return {"prompt_tokens": asked, "completion_tokens": len(text), "total_tokens": asked + len(text)}


@openai.get("/models", summary="列出模型", responses=replies({"object": "list", "data": []}, 503))
def models(request: Request) -> JSONResponse:
    """返回可用的模型名：youju，以及各种作答方式。"""
    assistant = service_of(request).loaded()
    return JSONResponse({"object": "list", "data": [_model(name) for name in model_names(assistant)]})


@openai.get("/models/{name}", summary="查询一个模型", responses=replies({"id": "youju", "object": "model"}, 404, 503))
def model(name: str, request: Request) -> JSONResponse:
    """返回一个模型。"""
    if name not in model_names(service_of(request).loaded()):
        raise ApiError(404, "model_not_found", name[:100])
    return JSONResponse(_model(name))


@openai.post(
    "/chat/completions",
    summary="对话补全（与 OpenAI 兼容）",
    responses=replies(COMPLETION_EXAMPLE, 400, 404, 422, 429, 503, streams=True),
)
async def complete(body: ChatRequest, request: Request) -> Response:
    """回答对话里最后一条用户消息；正文带 [n] 标记，末尾列出来源，完整的 Answer 在 youju 字段里。stream 为 true 时逐句返回。"""
    service = service_of(request)
    assistant = service.loaded()
    chat = read_chat(body, assistant)

    def steps() -> Iterator[Said | Writing | Answer]:
        stream = assistant.stream(chat.question, chat.history, chat.document_ids, chat.answerer)
        with closing_iterator(stream):
            for step in stream:
                if isinstance(step, Answer):
                    service.feedback.note(step, chat.history)
                if not isinstance(step, Retrieved):
                    yield step

    if body.stream:
        with_usage = body.stream_options is not None and body.stream_options.include_usage
        language = language_of_scope(request.scope)
        place = service.desk.take_place()
        chunks = service.desk.steps(lambda: _chunks(chat, steps(), with_usage))
        told = with_errors(chunks, lambda error: data_line(openai_error_json(error, language)))
        return EventStream(told, place.give_back)
    with service.desk.take_place():
        return JSONResponse(await service.desk.run(lambda: _completion(chat, steps())))


def model_names(assistant: Assistant) -> tuple[str, ...]:
    """Return the models that the API lists."""
    return (DEFAULT_MODEL, *(f"{PREFIX}{answerer}" for answerer in assistant.answerers))


def read_chat(body: ChatRequest, assistant: Assistant) -> Chat:
    """Return the question and what came before it. Raises ApiError if there is none, or no such model."""
    if body.model not in model_names(assistant):
        raise ApiError(404, "model_not_found", body.model[:100])
    answerer = None if body.model == DEFAULT_MODEL else body.model.removeprefix(PREFIX)
    spoken = [message for message in body.messages if message.role in ("user", "assistant")]
    if not spoken or spoken[-1].role != "user":
        raise ApiError(400, "bad_question", "messages: the last one must be the user's")
    question = spoken[-1].text()
    return Chat(body.model, answerer, question, _turns(spoken[:-1]), body.document_ids, int(time.time()))


def _turns(messages: Sequence[Message]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for message in messages:
        if message.role == "user":
            turns.append(Turn(message.text()))
        elif turns:
            turns[-1] = Turn(turns[-1].question, message.text().partition(SOURCES)[0])
    return tuple(turn for turn in turns if turn.question.strip())


def _sources(answer: Answer) -> str:
    """Return the list of what the marks of an answer stand for."""
    lines = [f"[{c.number}] {c.reference or c.title}：「{c.quote}」" for c in answer.citations]
    return "\n\n" + "\n".join(lines) if lines else ""


def _completion(chat: Chat, steps: Iterator[Said | Writing | Answer]) -> dict[str, Any]:
    *_, answer = steps
    assert isinstance(answer, Answer)
    text = answer.text + _sources(answer)
    message = {"role": "assistant", "content": text, "refusal": None, "youju": answer.to_json()}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_head(chat, answer.id, "chat.completion"), "choices": [choice], "usage": chat.usage(text)}


def _chunks(chat: Chat, steps: Iterator[Said | Writing | Answer], with_usage: bool) -> Iterator[bytes]:
    """Yield the lines of a stream: each sentence, the sources, the end."""
    head = _head(chat, f"{time.time_ns():x}", "chat.completion.chunk")

    def line(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return data_line({**head, "choices": [choice], **more})

    yield line({"role": "assistant", "content": ""})
    text = ""
    for step in steps:
        if isinstance(step, Writing):
            yield b""
            continue
        if isinstance(step, Said):
            text += step.text
            yield line({"content": step.text})
            continue
        rest = step.text.removeprefix(text) + _sources(step)
        text += rest
        if rest:
            yield line({"content": rest})
        yield line({}, "stop", youju=step.to_json())
    if with_usage:
        yield data_line({**head, "choices": [], "usage": chat.usage(text)})
    yield b"data: [DONE]\n\n"


def _head(chat: Chat, answer_id: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{answer_id}", "object": kind, "created": chat.created, "model": chat.model}


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "youju"}
