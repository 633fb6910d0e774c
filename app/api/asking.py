"""Asking over REST: an answer at once, or step by step as server-sent events; rating it; what one could ask."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.answering.replies import suggestions
from app.api.answers import closing_iterator
from app.api.events import EventStream, event
from app.api.failures import as_api_error, error_json, language_of_scope
from app.api.messages import Language
from app.api.service import service_of
from app.assistant import parse_history
from app.types import Answer, Retrieved, Said, Step, passage_json, said_json

SUGGESTED = 6
"""How many questions are suggested, from as many documents."""

asking = APIRouter()

DocumentId = Annotated[str, Field(min_length=1, max_length=500)]


class AskRequest(BaseModel):
    """A question; what is too long in it is cut by the assistant, which says where."""

    model_config = ConfigDict(extra="forbid")

    question: str
    history: Annotated[list[Any], Field(max_length=100)] = []
    document_ids: Annotated[list[DocumentId], Field(max_length=1000)] | None = None
    answerer: Literal["extractive", "llm"] | None = None


class FeedbackRequest(BaseModel):
    """What a reader says about an answer, named by its id."""

    model_config = ConfigDict(extra="forbid")

    answer_id: str
    rating: str
    comment: str | None = None


@asking.post("/ask")
async def ask(body: AskRequest, request: Request) -> JSONResponse:
    """Answer a question; the reply is an Answer."""
    service = service_of(request)
    history = parse_history(body.history)
    assistant = service.loaded()

    def answer_and_note() -> dict[str, Any]:
        answer = assistant.ask(body.question, history, body.document_ids, body.answerer)
        service.feedback.note(answer, history)
        return answer.to_json()

    with service.desk.take_place():
        return JSONResponse(await service.desk.run(answer_and_note))


@asking.post("/ask/stream")
async def ask_stream(body: AskRequest, request: Request) -> EventStream:
    """Answer a question step by step; the reply is a stream of the events passages, token, answer, error."""
    service = service_of(request)
    history = parse_history(body.history)
    assistant = service.loaded()

    def begin() -> Iterator[bytes]:
        steps = assistant.stream(body.question, history, body.document_ids, body.answerer)
        with closing_iterator(steps):
            for step in steps:
                if isinstance(step, Answer):
                    service.feedback.note(step, history)
                yield event(*step_event(step))

    place = service.desk.take_place()
    return EventStream(_with_errors(service.desk.steps(begin), language_of_scope(request.scope)), place.give_back)


def step_event(step: Step) -> tuple[str, Any]:
    """Return the name and the data of a step's event."""
    if isinstance(step, Retrieved):
        return "passages", [passage_json(passage) for passage in step.passages]
    if isinstance(step, Said):
        return "token", said_json(step)
    return "answer", step.to_json()


async def _with_errors(events: AsyncIterator[bytes], language: Language) -> AsyncIterator[bytes]:
    """Yield the events; an error becomes the last of them, since the status of the response is out already."""
    try:
        async for sent in events:
            yield sent
    except Exception as error:
        told = as_api_error(error)
        yield event("error", error_json(told, language))
        if told.code == "internal":
            raise


@asking.get("/suggestions")
def suggest(request: Request) -> JSONResponse:
    """Return questions that the documents answer."""
    assistant = service_of(request).loaded()
    questions = dict.fromkeys(suggestions(assistant.first_documents(SUGGESTED), SUGGESTED))
    return JSONResponse({"questions": list(questions)})


@asking.post("/feedback")
def rate(body: FeedbackRequest, request: Request) -> JSONResponse:
    """Rate an answer; the reply says that the rating is kept."""
    service_of(request).feedback.rate(body.answer_id, body.rating, body.comment or "")
    return JSONResponse({"answer_id": body.answer_id, "rating": body.rating})
