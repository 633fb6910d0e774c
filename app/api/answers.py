"""Answering for many at once: a few questions are worked on, some wait, and the rest are sent away at once.

An answer is made in a thread, step by step; whoever asked may leave in between, and then it is given up.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from app.api.failures import ApiError

T = TypeVar("T")
RETRY_SECONDS = 2
"""When those who were sent away may come again: a queue of 200 is worked off in about that time."""


class AnswerDesk:
    """Lets `at_once` questions be worked on and `waiting` more wait their turn. For one event loop."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._capacity = at_once + waiting
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="answer")
        self._turns = asyncio.Semaphore(at_once)
        self.admitted = 0
        """Questions that are worked on or wait."""
        self.shed = 0
        """Questions that were sent away."""

    def take_place(self) -> "Place":
        """Return a place for a question; whoever takes it gives it back. Raises ApiError if there is none."""
        if self.admitted >= self._capacity:
            self.shed += 1
            raise ApiError(503, "overloaded", str(RETRY_SECONDS), RETRY_SECONDS)
        self.admitted += 1
        return Place(self)

    async def run(self, work: Callable[[], T]) -> T:
        """Run something in a thread when its turn comes."""
        working = await self._start(work)
        await asyncio.wait({working})
        return working.result()

    async def steps(self, begin: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        """Yield what an iterator yields, which runs in a thread when its turn comes.

        Closing this closes that one, as soon as it has come to its next step.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[T, ...]] = asyncio.Queue()
        given_up = threading.Event()

        def tell(*steps: T) -> None:
            with suppress(RuntimeError):  # the loop is closed: the server has stopped
                loop.call_soon_threadsafe(queue.put_nowait, steps)

        def work() -> None:
            try:
                with closing_iterator(begin()) as iterator:
                    for step in iterator:
                        if given_up.is_set():
                            return
                        tell(step)
            finally:
                tell()

        working = await self._start(work)
        try:
            while steps := await queue.get():
                yield steps[0]
            await asyncio.wait({working})
            working.result()
        finally:
            given_up.set()

    async def _start(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Start something when its turn comes. The turn is over when the thread is done, even if nobody waits for it."""
        await self._turns.acquire()
        working = asyncio.get_running_loop().run_in_executor(self._threads, work)
        working.add_done_callback(self._finish)
        return working

    def _finish(self, working: "asyncio.Future[T]") -> None:
        self._turns.release()
        if not working.cancelled():
            working.exception()  # whoever waited has it; of what was given up nobody needs to hear


class Place:
    """A question's place at the desk."""

    def __init__(self, desk: AnswerDesk) -> None:
        self._desk: AnswerDesk | None = desk

    def give_back(self) -> None:
        """Let another question have it; a second time does nothing."""
        if self._desk is not None:
            self._desk.admitted -= 1
            self._desk = None

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self.give_back()


@contextmanager
def closing_iterator(iterator: Iterator[T]) -> Iterator[Iterator[T]]:
    """Close an iterator at the end of the block, if it can be closed."""
    try:
        yield iterator
    finally:
        if close := getattr(iterator, "close", None):
            close()
