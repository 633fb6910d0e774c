"""Make the shipped reader of the trained one: it goes on with questions in people's own words, and on such as a passage only
seems to answer, and on whole documents, beside the passages that the search finds there.

    pip install onnx scipy && python -m app.models.tune_reader --training DIR --regulations FILE [--folder DIR]

Its lower layers learn more slowly. An hour and a half of two cores that multiply in bfloat16. Prints figures of what is held out,
before and after.
"""

import argparse
import copy
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.encoders import SHIPPED_FOLDER
from app.models.reader_data import LAY_QUESTIONS, OFFICIAL_QUESTIONS, read_rows
from app.models.reader_documents import document_groups
from app.models.reader_network import Reader, go_on_from, read_encoder
from app.models.reader_tuning import Group, Maker, between, measure, tune
from app.models.train_reader import FOLDER, export

REPLAYED = {"drcd_train": 800, "cmrc2018_train": 370, "xquad_zh": 150, "xquad_en": 90}
"""How many questions of each public set keep what was learnt before."""
QUESTIONS, EPOCHS, RATE = 9_200, 1, 1e-4
"""What an hour and a half is enough for beside those on documents; the card of the shipped reader tells what that was tuned with."""
MEASURED = {"official": 450, "lay": 200, "encyclopedia": 150}
RANGED = 200
"""Pairs of the training set that the ranges of the int8 graph are measured on."""


def official_rows() -> list[dict[str, Any]]:
    """Read official_questions.jsonl."""
    return [json.loads(line) for line in OFFICIAL_QUESTIONS.read_text(encoding="utf-8").splitlines()]


def lay_rows(regulations: Path) -> list[dict[str, Any]]:
    """Read lay_questions.jsonl in the same form, with the articles of the regulations that it asks about."""
    articles = {row["id"]: row for row in read_rows(regulations)}
    asked = map(json.loads, LAY_QUESTIONS.read_text(encoding="utf-8").splitlines())
    return [
        {
            "title": articles[row["id"]]["title"],
            "passage": articles[row["id"]]["text"],
            "questions": row["questions"],
            "held_out": row.get("held_out", False),
        }
        for row in asked
        if row["id"] in articles
    ]


def split(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what is trained on and what is held out."""
    return (
        [row for row in rows if not row.get("held_out")],
        [row for row in rows if row.get("held_out")],
    )


def main() -> None:
    """Tune and write the folder; print figures of what is held out, before and after each epoch."""
    parser = argparse.ArgumentParser(prog="python -m app.models.tune_reader", description=main.__doc__)
    parser.add_argument("--training", type=Path, required=True, help="folder of drcd_train, cmrc2018_train, xquad_zh")
    parser.add_argument("--regulations", type=Path, required=True, help="shanghai_regs.passages.jsonl.gz")
    parser.add_argument(
        "--start",
        type=Path,
        default=FOLDER,
        help="the folder of the reader to go on from (default: the shipped one, which is tuned)",
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write (default: app/models/reader-zh)")
    parser.add_argument("--questions", type=int, default=QUESTIONS, help="how many on single passages at most")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument(
        "--share", type=float, default=1.0, help="how much of the way from the old reader to the tuned one"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    maker = Maker(options.seed)
    official, official_held = split(official_rows())
    lay, lay_held = split(lay_rows(options.regulations))
    held_out = {
        "official": maker.written(official_held),
        "lay": maker.written(lay_held),
        "encyclopedia": maker.replayed(options.training, {"drcd_train": 100, "cmrc2018_train": 50}, held_out=True),
    }
    chance = random.Random(options.seed)
    held_out = {name: chance.sample(groups, min(len(groups), MEASURED[name])) for name, groups in held_out.items()}
    # Dropout would more than double the time on a CPU, and few epochs need none.
    reader = go_on_from(options.start / "model.onnx", read_encoder(SHIPPED_FOLDER / "model.onnx"), dropout=0.0)
    trained = [*maker.written(official), *maker.written(lay)]
    trained = chance.sample(trained, min(len(trained), options.questions))
    trained += document_groups(maker)
    trained += maker.replayed(options.training, REPLAYED, held_out=False)
    print(f"{len(trained)} questions, {sum(map(len, trained))} pairs")
    _show("before", reader, held_out)
    start = copy.deepcopy(reader)
    tuning = tune(reader, trained, epochs=options.epochs, rate=options.rate, seed=options.seed)
    for epoch, last in enumerate(tuning, start=1):
        tuned = between(start, last, options.share)
        _show(f"epoch {epoch}", tuned, held_out)
        pairs = [pair for group in trained for pair in group]
        export(tuned, (pair.ids for pair in chance.sample(pairs, min(len(pairs), RANGED))), options.folder)


def _show(when: str, reader: Reader, sets: dict[str, list[Group]]) -> None:
    for name, groups in sets.items():
        figures = ", ".join(f"{key} {value:.3f}" for key, value in measure(reader, groups).items())
        print(f"{when}, {name}: {figures}", flush=True)


if __name__ == "__main__":
    main()
