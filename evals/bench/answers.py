"""Speed and memory on the reply: how long a build, a start and an answer take, and what the server keeps in memory."""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from app.assistant import Assistant, parse_history
from app.building import build
from app.config import Settings, load_settings
from evals.metrics import percentile

QUESTIONS = Path(__file__).parent.parent / "questions" / "reply.jsonl"


def bench_answers(rounds: int = 2) -> str:
    """Measure everything once and return a table; times depend on the machine and on what else it does."""
    settings = load_settings()
    with tempfile.TemporaryDirectory() as folder:
        fresh = Settings(corpus=settings.corpus, index=folder, encoder=settings.encoder, threads=settings.threads)
        build_seconds = build(fresh).seconds
        started = time.perf_counter()
        assistant = Assistant.open(fresh)
        open_seconds = time.perf_counter() - started
        first, later = _ask_all(assistant, rounds)
        server_seconds, resident_mb = _serve_once(folder)
    rows = [
        ("build the reply's index, after imports", f"{build_seconds:.2f} s"),
        ("open the index and the encoder", f"{open_seconds:.2f} s"),
        (f"ask, first time ({len(first)} questions), p50", f"{statistics.median(first):.0f} ms"),
        ("ask, first time, p95", f"{percentile(first, 95):.0f} ms"),
        ("ask, again, p50", f"{statistics.median(later):.0f} ms"),
        ("ask, again, p95", f"{percentile(later, 95):.0f} ms"),
        ("youju --help, median of 5", f"{_help_seconds():.2f} s"),
        ("youju serve, from start to /readyz", f"{server_seconds:.1f} s"),
        ("server's resident memory after 50 questions", f"{resident_mb:.0f} MB"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value:>9}" for name, value in rows)


def _ask_all(assistant: Assistant, rounds: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each question's first answer, and those of the later rounds."""
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    first: list[float] = []
    later: list[float] = []
    for number in range(max(2, rounds)):
        for row in rows:
            answer = assistant.ask(row["question"], parse_history(row["history"]))
            (first if number == 0 else later).append(answer.timings_ms["total"])
    return first, later


def _help_seconds() -> float:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "app", "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _serve_once(index: str) -> tuple[float, float]:
    """Start the real server, ask it 50 questions. Returns seconds until it is ready, and resident megabytes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.perf_counter()
    command = [sys.executable, "-m", "app", "serve", "--index", index, "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(f"{url}/readyz", started)
        ready = time.perf_counter() - started
        for line in QUESTIONS.read_text(encoding="utf-8").splitlines()[:50]:
            body = json.dumps({"question": json.loads(line)["question"]}).encode()
            request = urllib.request.Request(f"{url}/api/ask", body, {"Content-Type": "application/json"})
            urllib.request.urlopen(request, timeout=30).read()
        return ready, resident_mb(server.pid)
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_until_ready(url: str, started: float) -> None:
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except OSError:
            if time.perf_counter() - started > 120:
                raise
            time.sleep(0.1)


def resident_mb(pid: int) -> float:
    """Return a process's resident set in megabytes (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
