"""What readers say about answers, and (opt-in) the questions that were refused: one SQLite file, no address in it.

An answer reaches the disk only when it is rated. Until then the latest ones are kept in memory, by id, so it is the
process that gave an answer that takes its rating.
"""

import json
import logging
import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.errors import FeedbackError, FeedbackOffError, NotFoundError, RatingError
from app.types import Answer, Turn

RATINGS = ("up", "down")
COMMENT_CHARS = 2000
KEPT_ANSWERS = 1000
"""Answers that can be rated; about 4 MB with those of the reply."""
KEPT_TURNS = 6
KEPT_CHARS = 2000
"""Earlier questions kept with an answer, and characters of each: what was sent with it may be far longer."""
BUSY_SECONDS = 5.0
"""How long a call waits for other processes that write."""

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS ratings (
        answer_id TEXT PRIMARY KEY, time TEXT NOT NULL, question TEXT NOT NULL, history TEXT NOT NULL,
        answer TEXT NOT NULL, rating TEXT NOT NULL CHECK (rating IN ('up', 'down')), comment TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS refusals (
        answer_id TEXT PRIMARY KEY, time TEXT NOT NULL, question TEXT NOT NULL, history TEXT NOT NULL,
        message TEXT NOT NULL, kind TEXT NOT NULL, chunk_ids TEXT NOT NULL)""",
)
UPDATE = "UPDATE ratings SET time = ?, rating = ?, comment = ? WHERE answer_id = ?"
DOWN_VOTED = "SELECT * FROM ratings WHERE rating = 'down'"
REFUSED = "SELECT * FROM refusals"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it was given, and the earlier questions of its conversation, oldest first."""

    answer: Answer
    history: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """A question whose answer was down-voted (`is_down`) or refused; candidates sort by time, UTC."""

    time: str
    answer_id: str
    question: str
    history: tuple[str, ...]
    shown: str
    """The text of the answer or of the refusal."""
    quotes: tuple[str, ...]
    """What the answer cited."""
    is_down: bool
    note: str
    """The reader's comment, or the kind of the refusal."""


class FeedbackStore:
    """Keeps ratings in a file. Any number of threads and processes may use the same file; an empty path is off."""

    def __init__(self, path: str | Path, logs_refusals: bool = False) -> None:
        self.path = Path(path)
        self.is_on = str(path).strip() != ""
        self._logs_refusals = logs_refusals
        self._given: OrderedDict[str, Given] = OrderedDict()
        self._memory_lock = threading.Lock()
        self._file_lock = threading.Lock()

    def note(self, answer: Answer, history: Sequence[Turn] = ()) -> None:
        """Remember an answer, so that it can be rated. A refusal is written down at once where that was opted in to.

        A file that fails is told to the log, not to the reader, who has lost nothing.
        """
        if not self.is_on:
            return
        given = Given(answer, tuple(_clean(turn.question[:KEPT_CHARS]) for turn in history[-KEPT_TURNS:]))
        with self._memory_lock:
            self._given[answer.id] = given
            if len(self._given) > KEPT_ANSWERS:
                self._given.popitem(last=False)
        if self._logs_refusals:
            try:
                self._log_refusal(given)
            except FeedbackError as error:
                log.warning("a refused question was not logged: %s", error)

    def rate(self, answer_id: str, rating: str, comment: str = "") -> None:
        """Rate an answer that was given; a later rating replaces an earlier one. On the disk when this returns.

        Raises RatingError, NotFoundError for an answer unknown or given too long ago, FeedbackError.
        """
        if not self.is_on:
            raise FeedbackOffError("ratings are switched off here: the setting feedback is empty")
        if rating not in RATINGS:
            raise RatingError(f"the rating is {rating[:40]!r}; it must be up or down")
        if len(comment) > COMMENT_CHARS:
            raise RatingError(f"the comment has {len(comment)} characters; {COMMENT_CHARS} at most are kept")
        comment = _clean(comment.strip())
        given = self._given.get(answer_id)
        if given is None and not self.path.is_file():
            raise _unknown(answer_id)
        with self._transaction() as connection:
            if connection.execute(UPDATE, (_now(), rating, comment, _clean(answer_id))).rowcount:
                return
            if given is None:
                raise _unknown(answer_id)
            _insert(connection, "ratings", given, answer=_dump(given.answer.to_json()), rating=rating, comment=comment)

    def candidates(self) -> list[Candidate]:
        """Return what was down-voted or logged as refused, oldest first. Raises FeedbackError."""
        if not self.path.is_file():
            raise FeedbackError(f"there is no feedback file {self.path}; it is made when an answer is first rated")
        with self._transaction() as connection:
            connection.row_factory = sqlite3.Row
            down = [_down_voted(row) for row in connection.execute(DOWN_VOTED)]
            return sorted([*down, *map(_refused, connection.execute(REFUSED))])

    def _log_refusal(self, given: Given) -> None:
        answer, refusal = given.answer, given.answer.refusal
        if refusal is None or refusal.kind == "greeting":
            return
        chunk_ids = _dump([passage.chunk.id for passage in answer.passages])
        with self._transaction() as connection:
            _insert(connection, "refusals", given, message=refusal.message, kind=refusal.kind, chunk_ids=chunk_ids)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection; what was written is on the disk at the end of the block. Raises FeedbackError."""
        try:
            with self._file_lock, closing(self._connect()) as connection, connection:
                with suppress(sqlite3.OperationalError):
                    # The switch does not wait for others who are just making the file: a later call makes it.
                    connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                for table in SCHEMA:
                    connection.execute(table)
                yield connection
        except (OSError, sqlite3.Error, ValueError, LookupError, TypeError) as error:
            # The last three are what a reader of rows meets in a damaged file.
            raise FeedbackError(f"feedback file {self.path} cannot be used: {_explain(error)}") from error

    def _connect(self) -> sqlite3.Connection:
        """Open the file, which is made if it is not there, for its owner alone to read."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Only a file that nobody can have open yet: closing it would take away SQLite's locks in this process.
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL, 0o600))
        return sqlite3.connect(self.path.absolute(), timeout=BUSY_SECONDS)


def _insert(connection: sqlite3.Connection, table: str, given: Given, **columns: str) -> None:
    answer = given.answer
    row = {"answer_id": answer.id, "time": _now(), "question": answer.question, "history": _dump(given.history)}
    row |= columns
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(map(_clean, row.values())))


def _down_voted(row: sqlite3.Row) -> Candidate:
    answer = json.loads(row["answer"])
    quotes = tuple(citation["quote"] for citation in answer["citations"])
    return _candidate(row, answer["text"], quotes, True, row["comment"])


def _refused(row: sqlite3.Row) -> Candidate:
    return _candidate(row, row["message"], (), False, row["kind"])


def _candidate(row: sqlite3.Row, shown: str, quotes: tuple[str, ...], is_down: bool, note: str) -> Candidate:
    history = tuple(json.loads(row["history"]))
    return Candidate(row["time"], row["answer_id"], row["question"], history, shown, quotes, is_down, note)


def _unknown(answer_id: str) -> NotFoundError:
    return NotFoundError(f"there is no answer {answer_id[:80]!r} to rate; it may have been given too long ago")


def _explain(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR:
        return str(error)  # locked, read-only, disk full: nothing is wrong with what it holds
    return "it is damaged, or no feedback file; move it away, and a new one is made"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _clean(text: str) -> str:
    """Return the text with halves of surrogate pairs, which JSON can carry but SQLite cannot, replaced."""
    return text.encode("utf-8", "replace").decode()
