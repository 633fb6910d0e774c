"""The real server under load, over the reply: many readers at once, far too many, and ten thousand answers.

The load comes from a process of this machine, and both share its cores: a server of its own does better.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from app.building import build
from app.config import Settings, load_settings
from evals.bench.answers import QUESTIONS, resident_mb, wait_until_ready
from evals.bench.load import Exchange, Load
from evals.metrics import percentile

CLIENTS, CROWD = 100, 1000
PACED_SECONDS = 2.0
"""100 readers who ask every two seconds send 50 questions a second."""
CROWD_SECONDS = 10.0
MANY = 10_000
RECOVERED = 1.0
"""The server has recovered when a question is answered within so many seconds."""


def bench_serving(seconds: float, answers: int = MANY) -> str:
    """Run all loads and return a table."""
    questions = tuple(json.loads(line)["question"] for line in QUESTIONS.read_text(encoding="utf-8").splitlines())
    settings = load_settings()
    with tempfile.TemporaryDirectory() as folder:
        build(Settings(corpus=settings.corpus, index=folder, encoder=settings.encoder))
        with _server(folder) as (port, pid):
            _put(Load(port, 4, 3.0, questions))
            paced = f"{CLIENTS} readers, a question every {PACED_SECONDS:g} s each"
            rows = _rows(paced, *_put(Load(port, CLIENTS, seconds, questions, PACED_SECONDS)))
            rows += _rows(f"{CLIENTS} readers without a pause", *_put(Load(port, CLIENTS, seconds, questions)))
            crowd = _put(Load(port, CROWD, CROWD_SECONDS, questions))
            recovered = _seconds_to_recover(port, questions[0])
            rows += _rows(f"{CROWD} readers without a pause", *crowd)
            rows.append(("  recovered after", f"{recovered:.1f} s"))
            rows += _memory(port, pid, questions, answers)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _rows(name: str, seconds: float, exchanges: list[Exchange]) -> list[tuple[str, str]]:
    """Return what one load gave: how many answers, how fast, and what else came."""
    whole = [exchange for exchange in exchanges if exchange.is_whole]
    others = Counter(exchange.status for exchange in exchanges if not exchange.is_whole)
    shed = others[503] + others[429]

    def spread(values: list[float]) -> str:
        if not values:
            return "–"
        return f"p50 {percentile(values, 50) * 1000:.0f} ms, p95 {percentile(values, 95) * 1000:.0f} ms"

    return [
        (name, f"{len(exchanges)} questions in {seconds:.0f} s"),
        ("  answers a second", f"{len(whole) / seconds:.0f}"),
        ("  to the first byte", spread([exchange.first_byte for exchange in whole])),
        ("  to the first event, the passages", spread([exchange.first_event for exchange in whole])),
        ("  to the end of the answer", spread([exchange.whole for exchange in whole])),
        ("  sent away with 503 or 429", str(shed)),
        ("  errors", str(sum(others.values()) - shed)),
    ]


def _memory(port: int, pid: int, questions: tuple[str, ...], answers: int) -> list[tuple[str, str]]:
    """Return the memory of the server after each fifth of many answers."""
    shown = []
    for part in range(5):
        _put(Load(port, 20, 600.0, questions[part:] + questions[:part], answers=answers // 5))
        shown.append(f"{resident_mb(pid):.0f}")
    return [(f"resident MB over {answers} answers, in fifths", " → ".join(shown))]


def _put(load: Load) -> tuple[float, list[Exchange]]:
    """Run a load in a process of its own. Returns the seconds it took, and the exchanges."""
    command = [sys.executable, "-m", "evals.bench.load"]
    done = subprocess.run(command, input=json.dumps(asdict(load)).encode(), stdout=subprocess.PIPE, check=True)
    seen = json.loads(done.stdout)
    return seen["seconds"], [Exchange(**row) for row in seen["exchanges"]]


def _seconds_to_recover(port: int, question: str) -> float:
    began = time.perf_counter()
    body = json.dumps({"question": question}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/ask", body, {"Content-Type": "application/json"})
    while time.perf_counter() - began < 60:
        asked = time.perf_counter()
        try:
            urllib.request.urlopen(request, timeout=30).read()
        except urllib.error.HTTPError:
            time.sleep(0.1)
            continue
        if time.perf_counter() - asked <= RECOVERED:
            return asked - began
    return float("inf")


@contextmanager
def _server(index: str) -> Iterator[tuple[int, int]]:
    """Start `youju serve` over an index. Yields its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app", "serve", "--index", index, "--port", str(port)]
    with Path(index, "server.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/readyz", time.perf_counter())
            yield port, server.pid
        finally:
            server.terminate()
            server.wait(timeout=30)
