"""Builds that the API starts: the ordinary `build`, in a process of its own, so that answers go on meanwhile."""

import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any, Literal

from app.building import BuildReport, build
from app.config import Settings
from app.errors import YouJuError


@dataclass(frozen=True, slots=True)
class BuildState:
    """How a build went, or that it goes on. `problem` is empty unless it failed."""

    state: Literal["none", "running", "done", "failed"] = "none"
    report: BuildReport | None = None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the state as the API shows it."""
        return {"state": self.state, "report": self.report and asdict(self.report), "problem": self.problem}


class Builder:
    """Runs builds in a process of their own, one at a time: answers go on meanwhile."""

    def __init__(self, settings: Settings, run: Callable[[Settings], BuildReport] = build) -> None:
        self._settings, self._run = settings, run
        self._lock = threading.Lock()
        self.state = BuildState()

    def start(self) -> bool:
        """Start a build. Returns whether it did: not while one goes on."""
        with self._lock:
            if self.state.state == "running":
                return False
            self.state = BuildState("running")
        threading.Thread(target=self._build, name="build", daemon=True).start()
        return True

    def _build(self) -> None:
        try:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                self.state = BuildState("done", pool.submit(self._run, self._settings).result())
        except YouJuError as error:
            self.state = BuildState("failed", problem=str(error))
        except BaseException as error:
            self.state = BuildState("failed", problem=f"the build broke off: {type(error).__name__}")
            raise
