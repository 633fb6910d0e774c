"""Make app/models/reader-zh/: a cross-encoder that ranks passages, finds the short answer and tells when there is none.

    pip install onnx scipy && python -m app.models.train_reader --training DIR --regulations FILE

Four steps: questions and passages (reader_data.py), passages that only look right (reader_mining.py), training
(reader_training.py: minutes on a GPU, a night on two cores), and the int8 graph (reader_export.py). Only the passages'
and questions' own words go in; the word vectors stay the encoder's.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from app.encoders import SHIPPED_FOLDER, OnnxEngine, load_encoder
from app.models.graph import measure_ranges
from app.models.reader_data import encode, make_examples
from app.models.reader_export import ReaderGraph, Trained, locate_words, write_graph
from app.models.reader_mining import embed, mine
from app.models.reader_network import Reader, read_encoder, start_from
from app.models.reader_training import EOS, Arrays, measure, train, unpack

FOLDER = Path(__file__).parent / "reader-zh"
STEPS, GROUPS, RATE = 1680, 128, 3e-4
"""What the shipped reader was trained with: 1,680 steps of 128 questions with 8 passages each, 9 minutes of an H100."""
MEASURED_PAIRS = 200
"""Pairs of the training set that the ranges of the int8 graph are measured on."""


def make_arrays(training: Path, regulations: Path) -> dict[str, NDArray[Any]]:
    """Make the examples and cut them into pieces; they need the texts, all later steps only these arrays."""
    corpus, examples = make_examples(training, regulations, load_encoder())
    return encode(corpus, examples, Tokenizer.from_file(str(SHIPPED_FOLDER / "tokenizer.json")))


def export(reader: Reader, pairs: Iterable[NDArray[np.int64]], folder: Path) -> None:
    """Write the int8 graph, where its word vectors are, and SHA256SUMS. Its ranges are those that some pairs need."""
    trained = Trained({name: value.float().cpu().numpy() for name, value in reader.state_dict().items()})
    encoder = SHIPPED_FOLDER / "model.onnx"
    words = words_of(encoder)
    ranges = measure_ranges(ReaderGraph(trained, (), is_float=True), pairs, words)
    write_graph(trained, ranges, encoder, folder)


def words_of(encoder: Path) -> dict[str, NDArray[Any]]:
    """Read the packed word vectors and their scales from the encoder's file."""
    kinds = {"word": np.uint8, "word.scale": np.float16}
    places = locate_words(encoder)
    return {
        name: np.memmap(encoder, kind, "r", places[name].offset, places[name].shape) for name, kind in kinds.items()
    }


def sample_pairs(arrays: Arrays, count: int = MEASURED_PAIRS) -> Iterator[NDArray[np.int64]]:
    """Yield training pairs as they are read, half of them with the passage that answers, int64 (pieces,)."""
    chance = np.random.default_rng(0)
    for example in chance.choice(np.flatnonzero(~arrays.is_dev), count):
        positive = arrays.positive[example]
        passage = positive if positive >= 0 and chance.random() < 0.5 else arrays.negatives[example][0]
        pair = [arrays.questions[example], (EOS, EOS), arrays.chunks[passage], (EOS,)]
        yield np.concatenate(pair).astype(np.int64)


def main() -> None:
    """Train and write the folder; print figures of the articles held out."""
    parser = argparse.ArgumentParser(prog="python -m app.models.train_reader", description=main.__doc__)
    parser.add_argument("--training", type=Path, required=True, help="folder of drcd_train, cmrc2018_train, xquad_*")
    parser.add_argument("--regulations", type=Path, required=True, help="shanghai_regs.passages.jsonl.gz")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write (default: app/models/reader-zh)")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--groups", type=int, default=GROUPS, help="questions a step")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="processes that lay out batches")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    arrays = make_arrays(options.training, options.regulations)
    weights = read_encoder(SHIPPED_FOLDER / "model.onnx")
    engine = OnnxEngine()
    questions = np.split(arrays["questions"], arrays["question_ends"][:-1])
    chunks = np.split(arrays["chunks"], arrays["chunk_ends"][:-1])
    ready = unpack(arrays, mine(arrays, embed(engine, questions), embed(engine, chunks)))
    print(f"{len(ready.questions)} questions on {len(ready.chunks)} passages; training on {device}")
    reader = train(
        start_from(weights),
        ready,
        steps=options.steps,
        groups=options.groups,
        rate=RATE,
        seed=options.seed,
        workers=options.workers,
        device=device,
    )
    for source, figures in measure(reader, ready, device).items():
        print(source, ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    export(reader, sample_pairs(ready), options.folder)


if __name__ == "__main__":
    main()
