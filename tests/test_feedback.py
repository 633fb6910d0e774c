"""Ratings: what is kept of an answer and what is not, and that nothing accepted is lost, whatever happens to the file."""

import contextlib
import json
import logging
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import feedback
from app.errors import FeedbackError, FeedbackOffError, NotFoundError, RatingError
from app.feedback import COMMENT_CHARS, KEPT_ANSWERS, FeedbackStore
from app.types import Answer, Turn
from tests.fake_assistant import FUND, TALENT, make_answer, make_document, make_passages, make_refusal

QUESTION = "资助了多少人？"


def given_answer(answer_id: str = "a1", question: str = QUESTION) -> Answer:
    return replace(make_answer(question, make_document(), TALENT, FUND), id=answer_id)


def rows(path: Path, table: str = "ratings") -> list[dict[str, Any]]:
    """Read a table past the store, ordered by answer."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY answer_id")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feedback.sqlite"


@pytest.fixture
def store(path: Path) -> FeedbackStore:
    """A store that has given one answer."""
    store = FeedbackStore(path)
    store.note(given_answer(), [Turn("四类计划是什么？", "不再需要")])
    return store


def test_a_rated_answer_is_kept_with_its_question_history_and_citations(store: FeedbackStore, path: Path) -> None:
    store.rate("a1", "down", " 人数不对 ")
    (row,) = rows(path)
    assert (row["question"], row["rating"], row["comment"]) == (QUESTION, "down", "人数不对")
    assert json.loads(row["history"]) == ["四类计划是什么？"]
    assert json.loads(row["answer"]) == given_answer().to_json()
    assert row["time"].endswith("+00:00")


def test_an_answer_that_nobody_rated_is_not_on_the_disk(store: FeedbackStore, path: Path) -> None:
    assert not path.exists()
    store.note(given_answer("a2", "别的问题"))
    store.rate("a2", "up")
    assert [row["question"] for row in rows(path)] == ["别的问题"]


def test_nothing_but_what_was_said_is_kept_and_only_for_the_owner(store: FeedbackStore, path: Path) -> None:
    store.rate("a1", "up")
    assert set(rows(path)[0]) == {"answer_id", "time", "question", "history", "answer", "rating", "comment"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_second_rating_replaces_the_first(store: FeedbackStore, path: Path) -> None:
    for rating, comment in (("down", "不对"), ("down", "人数不对"), ("up", "")):
        store.rate("a1", rating, comment)
        assert [(row["rating"], row["comment"]) for row in rows(path)] == [(rating, comment)]
    assert store.candidates() == []


def test_an_answer_that_was_never_given_cannot_be_rated(store: FeedbackStore, path: Path) -> None:
    for answer_id in ("none", "", "\ud800", "a1' OR '1'='1"):
        with pytest.raises(NotFoundError, match="there is no answer"):
            store.rate(answer_id, "up")
    assert not path.exists()


def test_the_latest_answers_can_be_rated_and_a_rated_one_ever_after(store: FeedbackStore, path: Path) -> None:
    store.note(given_answer("a2"))
    store.rate("a1", "down")
    for number in range(KEPT_ANSWERS):
        store.note(given_answer(f"later-{number}"))
    with pytest.raises(NotFoundError, match="too long ago"):
        store.rate("a2", "up")
    store.rate("later-0", "up")
    store.rate("a1", "down", "人数不对")
    FeedbackStore(path).rate("later-0", "down")
    assert [(row["answer_id"], row["comment"]) for row in rows(path)] == [("a1", "人数不对"), ("later-0", "")]


def test_of_a_long_conversation_only_the_end_is_kept(path: Path) -> None:
    store = FeedbackStore(path)
    store.note(given_answer(), [Turn(f"{number}" + "长" * 100_000) for number in range(50)])
    store.rate("a1", "up")
    history = json.loads(rows(path)[0]["history"])
    assert [question[:2] for question in history] == ["44", "45", "46", "47", "48", "49"]
    assert {len(question) for question in history} == {2000}


@pytest.mark.parametrize("rating", ["", "Up", "赞", "up\n", "sideways" * 100])
def test_a_rating_is_up_or_down(store: FeedbackStore, path: Path, rating: str) -> None:
    with pytest.raises(RatingError, match="must be up or down") as caught:
        store.rate("a1", rating)
    assert len(str(caught.value)) < 150
    assert not path.exists()


def test_a_comment_of_any_length_up_to_the_limit_is_kept_whole(store: FeedbackStore, path: Path) -> None:
    store.rate("a1", "down", "长" * COMMENT_CHARS)
    with pytest.raises(RatingError, match="2001 characters; 2000"):
        store.rate("a1", "down", "长" * (COMMENT_CHARS + 1))
    assert rows(path)[0]["comment"] == "长" * COMMENT_CHARS


HOSTILE = ["'); DROP TABLE ratings; --", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "a\0b", "\r\nSet-Cookie: a"]


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> FeedbackStore:
    return FeedbackStore(tmp_path_factory.mktemp("shared") / "feedback.sqlite")


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(HOSTILE) | st.text(max_size=200))
def test_a_comment_stays_text(shared_store: FeedbackStore, comment: str) -> None:
    shared_store.note(given_answer(question=comment or "问"))
    shared_store.rate("a1", "down", comment)
    (candidate,) = shared_store.candidates()
    assert candidate.note == comment.strip()


def test_half_a_character_is_replaced(store: FeedbackStore) -> None:
    store.note(given_answer("a2"), [Turn("\ud83d")])
    store.rate("a2", "down", "\ud800不对")
    (candidate,) = store.candidates()
    assert (candidate.note, candidate.history) == ("?不对", ("?",))


# --- refusals ---


def test_refusals_are_logged_only_where_that_was_opted_in_to(path: Path) -> None:
    refusal = make_refusal("电话是多少？", "not_found", "文件里没有。", make_passages(make_document()))
    FeedbackStore(path).note(refusal)
    assert not path.exists()
    store = FeedbackStore(path, logs_refusals=True)
    store.note(given_answer())
    store.note(make_refusal("你好", "greeting", "您好。"))
    assert not path.exists()
    store.note(refusal, [Turn(QUESTION)])
    (row,) = rows(path, "refusals")
    assert (row["question"], row["kind"], row["message"]) == ("电话是多少？", "not_found", "文件里没有。")
    assert (json.loads(row["history"]), json.loads(row["chunk_ids"])) == ([QUESTION], ["c1"])
    assert set(row) == {"answer_id", "time", "question", "history", "message", "kind", "chunk_ids"}


def test_a_log_that_fails_keeps_nobody_from_an_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = FeedbackStore(tmp_path, logs_refusals=True)
    with caplog.at_level(logging.WARNING):
        store.note(make_refusal("电话是多少？", "not_found", "文件里没有。"))
    assert "unable to open database file" in caplog.text


# --- threads, processes, kill -9 ---


def test_many_threads_lose_nothing(path: Path) -> None:
    store = FeedbackStore(path)
    ids = [f"a{number % 40}" for number in range(160)]
    for answer_id in set(ids):
        store.note(given_answer(answer_id))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda answer_id: store.rate(answer_id, "down", answer_id), ids))
    assert sorted((row["answer_id"], row["comment"]) for row in rows(path)) == sorted((a, a) for a in set(ids))


def rate_endlessly(path: Path, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.endless_rater", str(path), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)


def test_processes_that_die_right_after_a_rating_lose_nothing(path: Path) -> None:
    """Each kills itself with SIGKILL once its last call has returned, while the others are writing."""
    raters = [rate_endlessly(path, count) for count in (1, 20, 60)]
    accepted = [answer_id for rater in raters for answer_id in rater.communicate(timeout=60)[0].split()]
    assert [rater.returncode for rater in raters] == [-signal.SIGKILL] * 3
    assert len(accepted) == 81
    assert {row["answer_id"] for row in rows(path)} == set(accepted)


@pytest.mark.slow
def test_a_process_that_is_killed_in_the_middle_loses_nothing_it_accepted(path: Path) -> None:
    accepted: set[str] = set()
    for count in (1, 7, 30):
        with rate_endlessly(path, 1_000_000) as rater:
            assert rater.stdout is not None
            accepted |= {rater.stdout.readline().strip() for _ in range(count)}
            rater.kill()
            accepted |= set(rater.stdout.read().split())
    assert len(accepted) >= 38
    kept = {candidate.answer_id for candidate in FeedbackStore(path).candidates()}
    assert accepted <= kept
    assert len(kept - accepted) <= 3


# --- a file that cannot be used ---


@contextlib.contextmanager
def no_privileges() -> Iterator[None]:
    """Be an ordinary user: for root, no file is read-only."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def expect_error(store: FeedbackStore, reason: str) -> None:
    for use in (lambda: store.rate("a1", "up"), store.candidates):
        with pytest.raises(FeedbackError, match=reason) as caught:
            use()
        assert "feedback.sqlite" in str(caught.value)
        assert "\n" not in str(caught.value)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damage_anywhere_is_named_or_does_no_harm(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = FeedbackStore(Path(folder) / "feedback.sqlite")
        store.note(given_answer())
        store.rate("a1", "down", "不对")
        content = bytearray(store.path.read_bytes())
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + 100] = data.draw(st.binary(max_size=100))
        store.path.write_bytes(content)
        for use in (store.candidates, lambda: store.rate("a1", "up")):
            with contextlib.suppress(FeedbackError):
                use()


def test_a_file_cut_short_is_named_as_damaged(store: FeedbackStore, path: Path) -> None:
    store.rate("a1", "down")
    path.write_bytes(path.read_bytes()[:9000])
    expect_error(store, "is damaged, .*move it away")


def test_another_kind_of_file_is_named_as_damaged(store: FeedbackStore, path: Path) -> None:
    path.write_text("这是一份文件，不是数据库。\n" * 100, encoding="utf-8")
    expect_error(store, "is damaged, .*move it away")
    assert path.read_text(encoding="utf-8").startswith("这是一份文件")


def test_a_file_that_was_moved_away_is_made_anew(store: FeedbackStore, path: Path) -> None:
    store.rate("a1", "down")
    path.rename(path.with_suffix(".old"))
    store.rate("a1", "up")
    assert [row["rating"] for row in rows(path)] == ["up"]


def test_a_read_only_file_is_named(store: FeedbackStore) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        store.path = Path(folder) / "feedback.sqlite"
        store.rate("a1", "down")
        store.path.chmod(0o444)
        with no_privileges():
            expect_error(store, "readonly")
        assert [row["rating"] for row in rows(store.path)] == ["down"]


def test_a_folder_in_its_place_is_named(store: FeedbackStore, path: Path) -> None:
    path.mkdir()
    with pytest.raises(FeedbackError, match="unable to open database file"):
        store.rate("a1", "up")


def test_a_full_disk_is_named_and_later_ratings_are_kept(store: FeedbackStore, path: Path) -> None:
    store.rate("a1", "down")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(FeedbackError, match="cannot be used"):
            store.rate("a1", "up")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [row["rating"] for row in rows(path)] == ["down"]
    store.rate("a1", "up")
    assert [row["rating"] for row in rows(path)] == ["up"]


def test_a_file_that_another_process_holds_is_waited_for_and_then_named(
    store: FeedbackStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.rate("a1", "down")
    monkeypatch.setattr(feedback, "BUSY_SECONDS", 0.2)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(FeedbackError, match="locked"):
            store.rate("a1", "up")
        other.rollback()
    store.rate("a1", "up")


def test_without_a_file_there_is_nothing_to_collect(path: Path) -> None:
    with pytest.raises(FeedbackError, match="there is no feedback file"):
        FeedbackStore(path).candidates()


# --- off ---


def test_switched_off_it_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = FeedbackStore("", logs_refusals=True)
    assert not store.is_on
    store.note(given_answer())
    store.note(make_refusal("电话是多少？", "not_found", "文件里没有。"))
    with pytest.raises(FeedbackOffError, match="switched off"):
        store.rate("a1", "up")
    assert list(tmp_path.iterdir()) == []
