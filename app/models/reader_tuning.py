"""Go on training a reader: questions beside passages, lower layers more slowly than upper ones, losses, figures.

tune_reader.py puts it together.
"""

import copy
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from app.encoders import SHIPPED_FOLDER
from app.models.reader_data import Corpus, covering, is_held_out, occurrences, read_rows
from app.models.reader_mining import rank_by_words
from app.models.reader_network import Reader
from app.models.reader_rewording import disturb
from app.models.reader_training import EOS, LONGEST, PAD, best_spans, overlap
from app.reader import encode_passage, encode_question
from app.text import split_sentences

LOWER_RATE = 0.9
"""How much of its rate of learning each layer has of that of the layer above."""
GROUPS = 16
"""Questions a step."""
CUT_SHARE, DISTURBED_SHARE = 0.5, 0.3
READ_TOGETHER = 16
"""Pairs that are read at a time."""
LEAST_LEFT = 30
"""Characters that a passage must have left without the sentence of its answer to be read so."""
SMOOTHING = 0.02
AVERAGED = 0.99
"""How much of the averaged parameters stays with each step."""
WEIGHTS = (1.0, 0.5, 0.7)
"""What the losses of the heads count: answerable, relevance, span."""


@dataclass(frozen=True, slots=True)
class Text:
    """A passage as the reader reads it."""

    head: str
    text: str
    ids: Sequence[int]
    start: int
    """The first piece that is the passage's own."""
    places: Sequence[tuple[int, int]]
    """Offsets of the pieces in the text."""


@dataclass(slots=True, eq=False)
class Pair:
    """A question beside a passage; `spans` are the offsets of its answers there, none where it does not answer."""

    question: Sequence[int]
    text: Text
    spans: Sequence[tuple[int, int]]
    is_answered: bool
    ids: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.ids = np.array([*self.question, EOS, EOS, *self.text.ids, EOS][:LONGEST], np.int64)

    @property
    def inside(self) -> slice:
        """The pieces in which an answer can stand."""
        return slice(len(self.question) + 2 + self.text.start, len(self.ids) - 1)

    def marks(self) -> Iterator[tuple[int, int]]:
        """Yield the first and last piece of each answer that was not cut off."""
        offset = len(self.question) + 2
        for start, end in self.spans:
            found = covering(self.text.places, self.text.start, start, end)
            if found and offset + found[1] < self.inside.stop:
                yield offset + found[0], offset + found[1]


Group = list[Pair]
"""A question on its own passage first, then on passages that do not answer it."""


class Maker:
    """Makes groups of questions and passages."""

    def __init__(self, seed: int) -> None:
        self.tokenizer = Tokenizer.from_file(str(SHIPPED_FOLDER / "tokenizer.json"))
        self.chance = random.Random(seed)

    def text(self, head: str, text: str) -> Text:
        """Cut a passage into pieces."""
        return Text(head, text, *encode_passage(self.tokenizer, head, text))

    def written(self, rows: Sequence[dict[str, Any]]) -> list[Group]:
        """Return the questions of rows (title, passage, questions), those without an answer beside their passage alone."""
        texts = [self.text(row["title"].replace(" — ", " "), row["passage"]) for row in rows]
        asked = [(n, item["question"], item["answer"]) for n, row in enumerate(rows) for item in row["questions"]]
        return self.groups(texts, asked)

    def replayed(self, training: Path, counts: dict[str, int], *, held_out: bool) -> list[Group]:
        """Return some questions of each public set, of the articles that are held out or of the others."""
        corpus, asked = Corpus(), []
        for name in counts:
            for row in read_rows(training / f"{name}.passages.jsonl.gz"):
                corpus.add(row, is_regulation=False)
        for name, count in counts.items():
            chosen = []
            for row in read_rows(training / f"{name}.questions.jsonl.gz"):
                numbers = corpus.of_passage[row["positive"][0]]
                holding = [n for n in numbers if row["answers"][0] in corpus.pieces[n].text]
                if holding and is_held_out(corpus.pieces[holding[0]].article) == held_out:
                    chosen.append((holding[0], row["question"], row["answers"][0]))
            asked += self.chance.sample(chosen, min(count, len(chosen)))
        return self.groups([self.text(piece.head, piece.text) for piece in corpus.pieces], asked)

    def groups(self, texts: Sequence[Text], asked: Sequence[tuple[int, str, str | None]]) -> list[Group]:
        """Return a group of each question (number of its text, question, answer or None)."""
        questions = [self._typed(question) for _, question, _ in asked]
        ids = [np.array(encode_question(self.tokenizer, question), np.uint16) for question in questions]
        ranked = rank_by_words([np.array(text.ids, np.uint16) for text in texts], ids)
        return [
            self._group(texts, number, pieces.tolist(), answer, order.tolist())
            for (number, _, answer), pieces, order in zip(asked, ids, ranked, strict=True)
        ]

    def _typed(self, question: str) -> str:
        return disturb(question, self.chance) if self.chance.random() < DISTURBED_SHARE else question

    def _group(
        self, texts: Sequence[Text], own: int, question: list[int], answer: str | None, order: Sequence[int]
    ) -> Group:
        text = texts[own]
        if answer is None:
            return [Pair(question, text, (), is_answered=False)]
        spans = occurrences(answer, text.text)
        group = [Pair(question, text, spans, is_answered=True)]
        if self.chance.random() < CUT_SHARE and (rest := self.without(text, spans)) is not None:
            group.append(Pair(question, rest, (), is_answered=False))
        others = [n for n in order[:8] if n != own and answer not in texts[n].text]
        if others:
            group.append(Pair(question, texts[self.chance.choice(others)], (), is_answered=False))
        return group

    def without(self, text: Text, spans: Sequence[tuple[int, int]]) -> Text | None:
        """Return a passage without the sentences that hold its answer; None if little is left."""
        kept = [
            sentence.of(text.text)
            for sentence in split_sentences(text.text)
            if not any(start < sentence.end and sentence.start < end for start, end in spans)
        ]
        rest = "".join(kept)
        return self.text(text.head, rest) if len(rest) >= LEAST_LEFT else None


def look(reader: Reader, pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """Return (relevance, answerable) (n, 2), and log-likelihoods of start and end (n, pieces, 2).

    Layers in bfloat16 where the processor multiplies in it, which is twice as fast; heads in float32.
    """
    width = max(len(pair.ids) for pair in pairs)
    ids = torch.full((len(pairs), width), PAD)
    inside = torch.zeros(len(pairs), width, dtype=torch.bool)
    for row, pair in enumerate(pairs):
        ids[row, : len(pair.ids)] = torch.from_numpy(pair.ids)
        inside[row, pair.inside] = True
    mask = (ids != PAD)[:, None, None, :]
    with torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported()):
        with torch.no_grad():
            x = reader.ln(reader.words[ids] + reader.place[:width])
        for layer in reader.layers:
            x = layer(x, mask)
    x = x.float()
    judged: Tensor = reader.judge(reader.dropout(torch.tanh(reader.pool(x[:, 0]))))
    return judged, reader.span(x).masked_fill(~inside[:, :, None], -1e4).log_softmax(1)


def span_losses(pairs: Sequence[Pair], likelihood: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of each pair's marked answers, the mean of start and end (n,), and whether it has any (n,)."""
    gold = torch.zeros_like(likelihood, dtype=torch.bool)
    for row, pair in enumerate(pairs):
        for first, last in pair.marks():
            gold[row, first, 0] = gold[row, last, 1] = True
    marked = torch.logsumexp(likelihood.masked_fill(~gold, -1e4), 1).sum(1) / 2
    return -marked, gold.any(2).any(1)


def losses(reader: Reader, groups: Sequence[Group]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean losses of the heads: answerable, relevance, span."""
    pairs = [pair for group in groups for pair in group]
    judged, likelihood = look(reader, pairs)
    is_answered = torch.tensor([float(pair.is_answered) for pair in pairs])
    answerable = nn.functional.binary_cross_entropy_with_logits(
        judged[:, 1], is_answered * (1 - 2 * SMOOTHING) + SMOOTHING
    )
    ends = np.cumsum([len(group) for group in groups])
    ranked = [
        -judged[end - len(group) : end, 0].log_softmax(0)[0]
        for group, end in zip(groups, ends, strict=True)
        if group[0].is_answered and len(group) > 1
    ]
    lost, has_span = span_losses(pairs, likelihood)
    zero = judged.new_zeros(())
    return (
        answerable,
        torch.stack(ranked).mean() if ranked else zero,
        lost[has_span].mean() if has_span.any() else zero,
    )


def tune(
    reader: Reader,
    groups: Sequence[Group],
    *,
    epochs: int,
    rate: float,
    seed: int = 1,
    report: Callable[[str], None] = print,
) -> Iterator[Reader]:
    """Train layers and heads with AdamW, warm-up and linear decay. Yields the averaged reader after each epoch."""
    torch.manual_seed(seed)
    chance = random.Random(seed)
    heads = [p for head in (reader.pool, reader.judge, reader.span) for p in head.parameters()]
    parts_trained = [(heads, rate)]
    for depth, layer in enumerate(reversed(reader.layers)):
        parts_trained.append((list(layer.parameters()), rate * LOWER_RATE**depth))
    parameters = [parameter for part, _ in parts_trained for parameter in part]
    rates = [{"params": part, "lr": own_rate} for part, own_rate in parts_trained]
    optimizer = torch.optim.AdamW(rates, weight_decay=0.01, betas=(0.9, 0.98))
    steps = epochs * -(-len(groups) // GROUPS)
    warm = max(1, steps // 12)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.02, (steps - step) / (steps - warm)))
    )
    smooth = torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGED)  # type: ignore[no-untyped-call]
    averaged = torch.optim.swa_utils.AveragedModel(reader, multi_avg_fn=smooth)
    started, step, shown = time.monotonic(), 0, np.zeros(3)
    for _ in range(epochs):
        reader.train()
        for batch in _batches(groups, chance):
            parts = losses(reader, batch)
            loss = torch.stack(parts) @ torch.tensor(WEIGHTS)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            averaged.update_parameters(reader)
            step += 1
            shown = 0.98 * shown + 0.02 * np.array([float(part.detach()) for part in parts])
            if step % 100 == 0:
                now = ", ".join(f"{value:.3f}" for value in shown / (1 - 0.98**step))
                report(f"step {step} of {steps}, {time.monotonic() - started:.0f} s: losses {now}")
        assert isinstance(averaged.module, Reader)
        yield averaged.module


def between(start: Reader, tuned: Reader, share: float) -> Reader:
    """Return the reader whose parameters lie `share` of the way from `start` to `tuned`.

    It keeps more of what was known before (Wortsman et al., CVPR 2022, arXiv:2109.01903).
    """
    mixed = copy.deepcopy(tuned)
    ends = zip(mixed.parameters(), start.parameters(), strict=True)
    with torch.no_grad():
        for parameter, before in ends:
            parameter.lerp_(before, 1 - share)
    return mixed


def _batches(groups: Sequence[Group], chance: random.Random) -> list[list[Group]]:
    """Return groups of about equal length together, in any order."""
    shuffled = chance.sample(groups, len(groups))
    batches = []
    for start in range(0, len(shuffled), 24 * GROUPS):
        near = sorted(shuffled[start : start + 24 * GROUPS], key=lambda group: max(len(pair.ids) for pair in group))
        batches += [near[i : i + GROUPS] for i in range(0, len(near), GROUPS)]
    return chance.sample(batches, len(batches))


@dataclass(frozen=True, slots=True)
class Said:
    """What a reader says of a pair: two logits, and the best answer in pieces."""

    relevance: float
    answerable: float
    span: tuple[int, int]


@torch.no_grad()
def read(reader: Reader, pairs: Sequence[Pair]) -> dict[Pair, Said]:
    """Read pairs."""
    reader.eval()
    said = {}
    ordered = sorted(pairs, key=lambda pair: len(pair.ids))
    for start in range(0, len(ordered), READ_TOGETHER):
        batch = ordered[start : start + READ_TOGETHER]
        judged, likelihood = look(reader, batch)
        best, _ = best_spans(likelihood[:, :, 0], likelihood[:, :, 1])
        for row, pair in enumerate(batch):
            relevance, answerable = judged[row].tolist()
            first, last = best[row].tolist()
            said[pair] = Said(relevance, answerable, (first, last))
    return said


def measure(reader: Reader, groups: Sequence[Group]) -> dict[str, float]:
    """Return figures of some groups: refusal of seeming answers and of other passages, ranking, short answers (in pieces)."""
    said = read(reader, [pair for group in groups for pair in group])
    answered = [group for group in groups if group[0].is_answered]
    right = np.array([said[group[0]].answerable for group in answered])
    seeming = np.array([said[group[0]].answerable for group in groups if not group[0].is_answered])
    other = np.array([said[pair].answerable for group in answered for pair in group[1:]])
    first = [all(said[group[0]].relevance > said[pair].relevance for pair in group[1:]) for group in answered]
    overlaps = [max((overlap(*said[g[0]].span, *mark) for mark in g[0].marks()), default=0.0) for g in answered]
    return {
        "questions": len(groups),
        "AUROC, seeming answers": _auroc(right, seeming),
        "AUROC, other passages": _auroc(right, other),
        "right passage first": float(np.mean(first)),
        "EM": float(np.mean([shared == 1 for shared in overlaps])),
        "F1": float(np.mean(overlaps)),
    }


def _auroc(right: NDArray[np.float64], wrong: NDArray[np.float64]) -> float:
    return float((right[:, None] > wrong[None, :]).mean()) if len(right) and len(wrong) else float("nan")
