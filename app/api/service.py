"""What the routes of one server share, and how they get at it."""

import asyncio
from dataclasses import dataclass, field

from starlette.requests import Request

from app.api.answers import AnswerDesk
from app.api.builds import Builder
from app.api.failures import ApiError
from app.api.limits import RateLimits
from app.api.metrics import Metrics
from app.api.tokens import TokenMint
from app.assistant import Assistant
from app.config import Settings
from app.errors import YouJuError
from app.feedback import FeedbackStore
from app.origins import AllowedOrigin


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a running server. Without an assistant it says what the problem is."""

    assistant: Assistant | None
    settings: Settings
    problem: YouJuError
    feedback: FeedbackStore
    mint: TokenMint
    limits: RateLimits
    desk: AnswerDesk
    allowed: tuple[AllowedOrigin, ...]
    builder: Builder
    metrics: Metrics
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def loaded(self) -> Assistant:
        """Return the assistant. Raises ApiError if none could be loaded."""
        if self.assistant is None:
            raise ApiError(503, "not_ready", str(self.problem))
        return self.assistant


def service_of(request: Request) -> Service:
    """Return the service that a request came to."""
    service: Service = request.app.state.service
    return service
