"""One builder at a time in a Milvus database."""

import contextlib
import math
import os
import threading
import time

from app.errors import IndexBusyError, IndexProblem, IndexServerError
from app.stores.milvus_server import NotThereError, Server

BUILDER, ALIVE = "youju_builder", "youju_alive_"
BEAT_SECONDS, SILENCE_SECONDS = 10.0, 60.0


class Lease:
    """The right to build, which one builder at a time holds: an alias that names the collection it writes.

    A server gives an alias to one collection only, so of two builders one is told IndexBusyError. The holder shows that
    it lives by a second alias, which carries the time. A holder that was silent for a minute (its clock and ours
    agreeing) is robbed; should it live on, it finds out before it switches readers and ends with IndexBusyError.
    In the instant between that look and the switch nothing holds it back: then the last one to switch wins, and
    readers see its index, which is whole.
    """

    def __init__(self, server: Server, collection: str) -> None:
        self._server, self._collection = server, collection
        self._alive = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def take(self) -> None:
        """Raises IndexBusyError if another builder holds the lease."""
        try:
            self._beat()
            self._server.call("create_alias", self._collection, BUILDER)
        except NotThereError as error:
            raise self.lost() from error
        except IndexServerError:
            holder = self._holder()
            if not holder:
                raise
            silence = self._silence(holder)
            if silence < SILENCE_SECONDS:
                raise IndexBusyError(
                    f"another build of {self._server.address.name} is under way (last sign of life {silence:.0f} s "
                    f"ago); wait until it ends, or {SILENCE_SECONDS:.0f} s if it died"
                ) from None
            self._server.call("alter_alias", self._collection, BUILDER)
        self._thread.start()

    def check(self) -> None:
        """Raises IndexBusyError if another builder has taken the lease."""
        if self._holder() != self._collection:
            raise self.lost()

    def lost(self) -> IndexBusyError:
        name = self._server.address.name
        return IndexBusyError(f"another build of {name} has taken over, and the index is as that one leaves it")

    def give_back(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._holder() == self._collection:
            self._server.call("drop_alias", BUILDER)
        if self._alive:
            self._server.call("drop_alias", self._alive)

    def _holder(self) -> str:
        """Return the collection of the builder that holds the lease; empty if none does."""
        try:
            return str(self._server.call("describe_alias", BUILDER)["collection_name"])
        except NotThereError:
            return ""

    def _silence(self, holder: str) -> float:
        """Return for how many seconds a builder has shown no life; a process that had a file open alone is gone."""
        try:
            aliases = self._server.call("list_aliases", holder)["aliases"]
        except NotThereError:
            return math.inf
        beats = [alias.removeprefix(ALIVE).split("_") for alias in aliases if alias.startswith(ALIVE)]
        if self._server.address.file:
            beats = [beat for beat in beats if int(beat[1]) == os.getpid()]
        return min((max(0.0, time.time() - int(beat[0])) for beat in beats), default=math.inf)

    def _beat(self) -> None:
        beat = f"{ALIVE}{int(time.time())}_{os.getpid()}_{self._collection[-8:]}"
        if beat != self._alive:
            self._server.call("create_alias", self._collection, beat)
            old, self._alive = self._alive, beat
            if old:
                self._server.call("drop_alias", old)

    def _go_on(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            with contextlib.suppress(IndexProblem):  # One beat may be missed; `check` decides before the switch.
                self._beat()
