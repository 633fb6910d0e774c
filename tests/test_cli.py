"""The command line: what it prints, where, and with which exit code."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from app import __version__
from app.assistant import Assistant
from app.cli import main, progress_bar
from app.types import Document
from tests.conftest import CORPUS

SCHEMA = json.loads((Path(__file__).parent / "answer.schema.json").read_text(encoding="utf-8"))
ROOT = Path(__file__).parent.parent


@dataclass
class Outcome:
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder, without settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("YOUJU_")]:
        monkeypatch.delenv(name)

    def run_command(*arguments: str) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        printed = capsys.readouterr()
        return Outcome(int(stop.value.code or 0), printed.out, printed.err)

    return run_command


@pytest.fixture(scope="session")
def index(assistant: Assistant) -> str:
    """The built index of the reply."""
    return assistant.settings.index


def assert_complains(outcome: Outcome, message: str, code: int = 1) -> None:
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith("youju: ")
    assert message in outcome.err
    assert outcome.out == ""
    assert outcome.code == code


# --- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.model
def test_ask_prints_the_answer_and_its_source(run: Run, index: str) -> None:
    outcome = run("ask", "--index", index, "G60基金多大？")
    assert (outcome.code, outcome.err) == (0, "")
    answer, source, quote = [line for line in outcome.out.split("\n") if line]
    assert "基金总规模 100 亿元" in answer
    assert answer.endswith("[1]")
    assert source == "[1] 沪科提复〔2024〕38号，2. 关于“完善科技成果转化机制”的建议，二是"
    assert quote.strip() == f"「{answer.removesuffix(' [1]')}」"


@pytest.mark.model
def test_ask_prints_a_refusal_and_what_can_be_asked(run: Run, index: str) -> None:
    outcome = run("ask", "--index", index, "今天天气怎么样？")
    assert (outcome.code, outcome.err) == (0, "")
    first, second, *suggestions = outcome.out.strip().split("\n")
    assert first
    assert second == "可以这样问："
    assert suggestions
    assert all(line.startswith("  · ") for line in suggestions)


@pytest.mark.model
@pytest.mark.parametrize("question", ["What is the size of the G60 fund?", "今天天气怎么样？"])
def test_ask_json_keeps_the_contract(run: Run, index: str, reply: Document, question: str) -> None:
    outcome = run("ask", "--json", "-k", "3", "--index", index, question)
    assert (outcome.code, outcome.err, outcome.out.count("\n")) == (0, "", 1)
    answer = json.loads(outcome.out)
    jsonschema.validate(answer, SCHEMA)
    assert answer["question"] == question
    assert [passage["rank"] for passage in answer["passages"]] == [1, 2, 3]
    for citation in answer["citations"]:
        assert reply.text[citation["start"] : citation["end"]] == citation["quote"]


@pytest.mark.model
def test_a_question_comes_from_standard_input(run: Run, index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_text("G60基金多大？\n") as monkeypatched:
        monkeypatch.setattr(sys, "stdin", monkeypatched)
        outcome = run("ask", "--json", "--index", index, "-")
    assert json.loads(outcome.out)["question"] == "G60基金多大？"


def open_text(text: str | bytes) -> Any:
    """Return a stream that a terminal could be: it decodes as it is read."""
    reader, writer = os.pipe()
    with open(writer, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return open(reader, encoding="utf-8")


def test_standard_input_that_is_no_text_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_text("多大".encode("gb18030")) as monkeypatched:
        monkeypatch.setattr(sys, "stdin", monkeypatched)
        assert_complains(run("ask", "-"), "the question on standard input is not text")


@pytest.mark.model
def test_a_question_that_is_too_long_is_cut_and_the_limit_is_said(run: Run, index: str) -> None:
    outcome = run("ask", "--json", "--index", index, "基金多大？" * 20_000)
    assert outcome.err == "youju: only the first 2000 characters of the question are read\n"
    assert json.loads(outcome.out)["question"] == "基金多大？" * 400
    assert outcome.code == 0


@pytest.mark.model
def test_search_prints_ranked_passages(run: Run, index: str) -> None:
    outcome = run("search", "--index", index, "-k", "2", "四大产业链联盟")
    first, second = outcome.out.strip().split("\n\n")
    assert first.split()[0] == "1"
    assert "#2183-2294  3. 关于“促进产业集群协调发展”的建议 › 二是\n" in first
    assert "四大产业链联盟" in first
    assert second.split()[0] == "2"
    passages = json.loads(run("search", "--json", "--index", index, "-k", "2", "四大产业链联盟").out)
    assert [(passage["rank"], passage["start"]) for passage in passages] == [(1, 2183), (2, passages[1]["start"])]
    assert passages[0]["score"] > passages[1]["score"]


# --- batches --------------------------------------------------------------------------------------------------------

BATCH = [
    {"id": "q1", "question": "G60基金多大？"},
    {"id": 2, "question": "那总资助额呢？", "history": ["四类人才计划一共资助了多少人？"]},
    {"id": "q3", "question": "今天\u2028天气怎么样？"},
]


def write_batch(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.mark.model
def test_a_batch_gives_one_answer_a_line_in_order(run: Run, index: str, tmp_path: Path) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in BATCH]
    batch = write_batch(tmp_path / "q.jsonl", "\ufeff" + lines[0], "", *lines[1:])
    outcome = run("ask", "--batch", batch, "--out", "a.jsonl", "-k", "5", "--index", index)
    assert (outcome.code, outcome.out) == (0, "3 answers in a.jsonl\n")
    assert outcome.err.strip() == "" or "asking: " in outcome.err, "only a slow machine shows its progress"
    written = (tmp_path / "a.jsonl").read_text(encoding="utf-8").split("\n")
    answers = [json.loads(line) for line in written[:-1]]
    assert written[-1] == ""
    assert [answer["id"] for answer in answers] == ["q1", "2", "q3"]
    assert [answer["status"] for answer in answers] == ["answered", "answered", "refused"]
    assert [len(answer["passages"]) for answer in answers] == [5, 5, 5]
    assert "26 亿余元" in answers[1]["text"]
    for answer in answers:
        jsonschema.validate(answer, SCHEMA)
    printed = run("ask", "--batch", batch, "-k", "5", "--index", index)
    assert [json.loads(line)["text"] for line in printed.out.split("\n")[:-1]] == [answer["text"] for answer in answers]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", 'q.jsonl line 3 is not an object with "id" and "question"'),
        ("[]", 'q.jsonl line 3 is not an object with "id" and "question"'),
        ('{"id": "a"}', 'q.jsonl line 3 is not an object with "id" and "question"'),
        ('{"question": "a"}', 'q.jsonl line 3 is not an object with "id" and "question"'),
        ('{"id": "a", "question": 5}', 'q.jsonl line 3 is not an object with "id" and "question"'),
        ("[" * 100_000, 'q.jsonl line 3 is not an object with "id" and "question"'),
        ('{"id": "a", "question": "b", "history": "c"}', "q.jsonl line 3: history must be a list"),
    ],
)
def test_a_malformed_line_of_a_batch_is_named(run: Run, tmp_path: Path, line: str, message: str) -> None:
    batch = write_batch(tmp_path / "q.jsonl", json.dumps(BATCH[0]), "", line)
    assert_complains(run("ask", "--batch", batch, "--out", "a.jsonl"), message)
    assert not (tmp_path / "a.jsonl").exists()


@pytest.mark.model
@pytest.mark.parametrize("question", ["  ", "？！😀"])
def test_a_question_without_words_is_refused_and_the_batch_goes_on(
    run: Run, index: str, tmp_path: Path, question: str
) -> None:
    lines = [json.dumps(row) for row in ({"id": "b", "question": question}, BATCH[0])]
    batch = write_batch(tmp_path / "q.jsonl", *lines)
    assert run("ask", "--batch", batch, "--out", "a.jsonl", "--index", index).code == 0
    refused, answered = map(json.loads, (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines())
    jsonschema.validate(refused, SCHEMA)
    assert (refused["id"], refused["refusal"]["kind"], answered["id"]) == ("b", "bad_question", "q1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "q.jsonl cannot be read: No such file or directory"),
        ("多大".encode("gb18030"), "q.jsonl is not text in UTF-8"),
    ],
)
def test_a_batch_that_cannot_be_read_is_named(run: Run, tmp_path: Path, content: bytes | None, message: str) -> None:
    if content:
        (tmp_path / "q.jsonl").write_bytes(content)
    assert_complains(run("ask", "--batch", "q.jsonl"), message)


@pytest.mark.model
def test_an_output_that_cannot_be_written_is_named(run: Run, index: str, tmp_path: Path) -> None:
    batch = write_batch(tmp_path / "q.jsonl", json.dumps(BATCH[0]))
    outcome = run("ask", "--batch", batch, "--out", "no/a.jsonl", "--index", index)
    assert_complains(outcome, "--out no/a.jsonl cannot be written: No such file or directory")
    assert_complains(run("ask", "--batch", batch, "--out", batch, "--index", index), "is the file of the questions")
    assert (tmp_path / "q.jsonl").read_text(encoding="utf-8") == json.dumps(BATCH[0]) + "\n"


# --- build, inspect, doctor -----------------------------------------------------------------------------------------


@pytest.mark.model
def test_build_says_what_it_did_and_what_it_skipped(run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "基金.txt").write_text("基金总规模100亿元。", encoding="utf-8")
    (tmp_path / "corpus" / "空.txt").touch()
    skipped = "youju: skipped: 空.txt is empty; remove it or put its text there\n"
    first = run("build")
    assert (first.code, first.err) == (0, skipped)
    assert first.out.startswith("indexed 1 documents, 1 chunks (1 encoded) in ")
    again = run("build")
    assert (again.code, again.err) == (0, skipped)
    assert again.out.startswith("index is up to date: 1 documents, 1 chunks (")
    assert run("build", "--rebuild").out.startswith("indexed 1 documents, 1 chunks (1 encoded) in ")
    assert run("inspect").out == "基金.txt\t基金\t11 characters\t1 chunks\n"


@pytest.mark.model
def test_inspect_shows_fields_sections_and_chunks_with_their_spans(run: Run, index: str) -> None:
    listing = run("inspect", "--index", index)
    assert (
        listing.out
        == "沪科提复〔2024〕38号.txt\t对市政协十四届二次会议 第 0608 号提案的答复\t3178 characters\t21 chunks\n"
    )
    shown = run("inspect", "--index", index, "沪科提复〔2024〕38号.txt")
    assert (shown.code, shown.err) == (0, "")
    for line in (
        "对市政协十四届二次会议 第 0608 号提案的答复",
        "    3087   3100  联系电话：23112495",
        "     681    910    二是",
        "    3050   3178  落款",
    ):
        assert f"{line}\n" in shown.out


@pytest.mark.model
def test_doctor_finds_nothing_or_says_what_to_do(run: Run, index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUJU_CORPUS", str(CORPUS))
    healthy = run("doctor", "--index", index)
    assert (healthy.code, healthy.err) == (0, "")
    assert [line.split(":")[0] for line in healthy.out.splitlines()] == [
        f"ok    {name}" for name in ("settings", "encoder", "corpus", "index", "language model")
    ]
    ill = run("doctor", "--index", "nirgends")
    assert (ill.code, ill.err) == (1, "")
    assert ill.out.splitlines()[-2] == "FAIL  index: there is no index in nirgends yet. Run: youju build"


# --- what is wrong --------------------------------------------------------------------------------------------------


@pytest.mark.model
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask", "基金多大？"], "there is no index in index yet. Run: youju build"),
        (["search", "基金"], "there is no index in index yet. Run: youju build"),
        (["inspect"], "there is no index in index yet. Run: youju build"),
        (["serve"], "there is no index in index yet. Run: youju build"),
        (["build"], "corpus corpus does not exist; name a folder or a file: youju build --corpus DIR"),
        (["build", "--corpus", "a", "b"], "corpus a does not exist"),
        (["ask", "-k", "0", "基金"], "setting passages is 0; it must be 1 or more"),
        (["search", "-k", "-3", "基金"], "setting passages is -3; it must be 1 or more"),
        (["serve", "--port", "65536"], "setting port is 65536; it must be from 0 to 65535"),
        (["serve", "--port", "-1"], "setting port is -1; it must be from 0 to 65535"),
        (["ask", "--index", "", "基金"], "setting index is ''; it must be not empty"),
    ],
)
def test_wrong_values_get_one_line(run: Run, arguments: list[str], message: str) -> None:
    assert_complains(run(*arguments), message)


@pytest.mark.model
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask", ""], "the question is empty"),
        (["ask", "？！……"], "the question has no words"),
        (["inspect", "没有.txt"], "there is no document '没有.txt' in "),
    ],
)
def test_questions_that_cannot_be_asked_get_one_line(run: Run, index: str, arguments: list[str], message: str) -> None:
    assert_complains(run(*arguments, "--index", index), message)


@pytest.mark.parametrize("command", [["build"], ["ask", "基金多大？"], ["doctor"], ["serve"]])
def test_wrong_settings_get_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("YOUJU_PROT", "1")
    assert_complains(run(*command), "unknown setting 'prot' in environment variable YOUJU_PROT; did you mean port?")
    monkeypatch.delenv("YOUJU_PROT")
    for toml, message in (
        ("prot = 1", "unknown setting 'prot' in youju.toml; did you mean port?"),
        ("port = 'x'", "setting port in youju.toml is 'x'; it must be a whole number"),
        ("port =\n", "youju.toml is not valid TOML"),
        ("dense_weight = 2", "setting dense_weight is 2.0; it must be a number from 0 to 1"),
    ):
        (tmp_path / "youju.toml").write_text(toml, encoding="utf-8")
        assert_complains(run(*command), message)


@pytest.mark.model
def test_an_index_of_another_encoder_gets_one_line(run: Run, index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUJU_ENCODER", "BAAI/bge-m3")
    assert_complains(
        run("inspect", "--index", index),
        f"{index} was built with encoder e5-small-zh (384 dims); settings name BAAI/bge-m3. Run: youju build --rebuild\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask"], "give either a question or --batch FILE"),
        (["ask", "基金", "--batch", "q.jsonl"], "give either a question or --batch FILE"),
        (["ask", "基金", "--out", "a.jsonl"], "--out is where --batch writes its answers; give --batch FILE"),
    ],
)
def test_wrong_usage_of_ask_is_told_apart_from_errors(run: Run, arguments: list[str], message: str) -> None:
    assert_complains(run(*arguments), message, code=2)


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["ask", "-k", "many", "x"], ["search"], ["ask", "--answerer", "gpt", "x"]]
)
def test_wrong_usage_shows_the_usage(run: Run, arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert outcome.code == 2
    assert outcome.err.startswith("usage: youju")
    assert "error: " in outcome.err.splitlines()[-1]


def test_help_and_version(run: Run) -> None:
    assert run("--version").out == f"youju {__version__}\n"
    shown = run("--help")
    assert shown.code == 0
    for command in ("build", "ask", "search", "serve", "inspect", "doctor"):
        assert f"    {command} " in shown.out
        assert run(command, "--help").code == 0


def test_an_interrupted_command_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.cli.load_settings", interrupt)
    assert_complains(run("build"), "interrupted", code=130)


# --- the process ----------------------------------------------------------------------------------------------------


def test_the_command_line_opens_without_any_heavy_library() -> None:
    heavy = (
        "torch numpy faiss gradio fastapi opencc onnxruntime transformers sentence_transformers bm25s tqdm langchain"
    )
    code = (
        f"import sys, app.cli; app.cli.make_parser(); print([name for name in {heavy.split()} if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_package_can_be_run_as_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "app", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"youju {__version__}\n", "")


@pytest.mark.model
@pytest.mark.parametrize("arguments", [["inspect"], ["inspect", "沪科提复〔2024〕38号.txt"], ["--help"]])
def test_a_reader_that_stops_reading_is_no_error(index: str, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "app", *arguments]
    environment = os.environ | {"YOUJU_INDEX": index, "PYTHONUNBUFFERED": ""}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == ("", 0)


@pytest.mark.model
def test_a_terminal_without_chinese_characters_is_no_error(index: str) -> None:
    environment = os.environ | {"YOUJU_INDEX": index, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "app", "inspect"]
    done = subprocess.run(command, capture_output=True, env=environment, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"?????2024?38?.txt\t")


# --- progress -------------------------------------------------------------------------------------------------------


def run_for(seconds: float, delay: float) -> None:
    show = progress_bar("encoding", delay=delay)
    for step in range(1, 11):
        time.sleep(seconds / 10)
        show(step, 10)
    show(10, 10)


def test_what_is_quickly_done_shows_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    run_for(0.1, delay=2.0)
    assert capsys.readouterr() == ("", "")


def test_what_takes_long_shows_a_bar_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    run_for(0.5, delay=0.1)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "encoding: " in printed.err
    assert "/10 [" in printed.err


def test_a_stage_that_reports_late_shows_its_bar_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    show = progress_bar("reading", delay=0.1)
    time.sleep(0.2)
    show(1, 3)
    assert "reading:  33%" in capsys.readouterr().err
    show(3, 3)
