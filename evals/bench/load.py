"""A bounded load generator for the server-sent events of /api/ask/stream: this machine only, so many clients, so long.

Runs as a process of its own (`python -m evals.bench.load`), reads its task as JSON from standard input, and writes what
it saw as JSON. Plain asyncio: an HTTP library would take more of the two cores than the server.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count

MAX_CLIENTS, MAX_SECONDS = 2000, 600.0
ANSWER_SECONDS = 60.0
"""A client waits so long for an answer."""
BEGINNINGS = ("", "请问", "您好，", "麻烦问一下，", "想了解一下，", "请教一下，")
ENDINGS = ("", "谢谢", "？谢谢您", "，请回答")


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be done. `pace` is how many seconds apart one client begins its questions; 0 is at once."""

    port: int
    clients: int
    seconds: float
    questions: tuple[str, ...]
    pace: float = 0.0
    answers: int = 0
    """Stop after so many answers; 0 is when the time is over."""

    def __post_init__(self) -> None:
        if not (0 < self.clients <= MAX_CLIENTS and 0 < self.seconds <= MAX_SECONDS):
            raise ValueError(f"at most {MAX_CLIENTS} clients and {MAX_SECONDS:g} seconds")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question. Times are in seconds from its sending; `status` is 0 if the connection failed."""

    status: int
    is_whole: bool
    """The stream came to its answer."""
    first_byte: float
    first_event: float
    whole: float
    retry_after: float


def phrased(questions: tuple[str, ...]) -> Iterator[str]:
    """Yield questions without end; the first twenty rounds repeat none, so that no cache knows them."""
    for number in count():
        round_, row = divmod(number, len(questions))
        ending, beginning = divmod(round_, len(BEGINNINGS))
        yield BEGINNINGS[beginning] + questions[row] + ENDINGS[ending % len(ENDINGS)]


async def run(load: Load) -> list[Exchange]:
    """Put the load on the server and return every exchange."""
    source, done = phrased(load.questions), list[Exchange]()
    until = time.perf_counter() + load.seconds

    async def client(number: int) -> None:
        await asyncio.sleep(load.pace * number / load.clients)
        while time.perf_counter() < until and not (load.answers and len(done) >= load.answers):
            began = time.perf_counter()
            exchange = await _ask(load.port, next(source))
            done.append(exchange)
            pause = exchange.retry_after or (0.2 if not exchange.is_whole else 0.0)
            await asyncio.sleep(max(pause, load.pace - (time.perf_counter() - began)))

    await asyncio.gather(*(client(number) for number in range(load.clients)))
    return done


async def _ask(port: int, question: str) -> Exchange:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return await _exchange(reader, writer, port, question, began)
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return Exchange(0, False, 0.0, 0.0, time.perf_counter() - began, 0.0)


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, question: str, began: float
) -> Exchange:
    body = json.dumps({"question": question}).encode()
    head = f"POST /api/ask/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
    headers = (await reader.readuntil(b"\r\n\r\n")).decode()
    status = int(headers.split(" ", 2)[1])
    retry = next((line for line in headers.lower().splitlines() if line.startswith("retry-after:")), "")
    await reader.readline()
    first_byte = time.perf_counter() - began
    first_event, tail = 0.0, b""
    while piece := await reader.read(65_536):
        tail = (tail + piece)[-200_000:]
        if not first_event and b"event: passages" in tail:
            first_event = time.perf_counter() - began
    whole = time.perf_counter() - began
    is_whole = status == 200 and b"event: answer\n" in tail
    return Exchange(status, is_whole, first_byte, first_event, whole, float(retry.partition(":")[2] or 0))


def main() -> None:
    """Read a load from standard input, run it, and write how long it took and the exchanges to standard output."""
    task = json.load(sys.stdin)
    load = Load(**{**task, "questions": tuple(task["questions"])})
    began = time.perf_counter()
    exchanges = [asdict(exchange) for exchange in asyncio.run(run(load))]
    json.dump({"seconds": time.perf_counter() - began, "exchanges": exchanges}, sys.stdout)


if __name__ == "__main__":
    main()
