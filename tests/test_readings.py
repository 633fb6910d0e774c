"""What the reader is given for questions on documents, as `python -m evals readings` writes it."""

import json
from pathlib import Path

import pytest

from evals.__main__ import main

pytestmark = pytest.mark.model

ROOT = Path(__file__).parent.parent


def test_what_is_written_again_is_what_the_reader_was_trained_on(tmp_path: Path) -> None:
    out = tmp_path / "readings.jsonl"
    with pytest.raises(SystemExit, match="0"):
        main(["readings", str(ROOT / "tests/read_documents/29"), "--out", str(out)])
    (row,) = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    shipped = map(json.loads, (ROOT / "app/models/document_questions.jsonl").read_text(encoding="utf-8").splitlines())
    (trained,) = [one for one in shipped if one["suite"] == row["suite"]]
    for written, known in zip(row["questions"], trained["questions"], strict=True):
        assert written["question"] == known["question"]
        assert {row["passages"][n][1] for n in written["passages"]} == {
            trained["passages"][n][1] for n in known["passages"]
        }
        assert written["spans"] == known["spans"]
