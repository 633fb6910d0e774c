"""Train the reader on the arrays that app/models/reader_data.py makes, on a GPU if there is one, else on the CPU.

It needs neither the texts nor the rest of the program: numpy, torch and onnx are enough.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.models.reader_network import Reader

BOS, PAD, EOS = 0, 1, 2
DRCD, CMRC, XQUAD, CLOZE, REGULATION, CHANGED, CROSSED, OFFICIAL, LAY = range(9)
SOURCE_NAMES = ("drcd", "cmrc", "xquad", "cloze", "regulation", "changed", "crossed", "official", "lay")
FIRST_SHARES = (0.14, 0.07, 0.05, 0.18, 0.20, 0.10, 0.05, 0.17, 0.04)
LAST_SHARES = (0.20, 0.12, 0.07, 0.03, 0.08, 0.10, 0.05, 0.30, 0.05)
"""How the sources mix at the first and at the last step; questions made by rule first, written ones last."""
NEGATIVES = 7
LONGEST = 384


@dataclass(frozen=True, slots=True)
class Arrays:
    """What reader_data.encode made, ready for look-up."""

    chunks: list[NDArray[np.uint16]]
    questions: list[NDArray[np.uint16]]
    text_starts: NDArray[np.int16]
    spans: list[NDArray[np.int32]]
    cuts: list[NDArray[np.int32]]
    source: NDArray[np.int8]
    positive: NDArray[np.int32]
    is_dev: NDArray[np.bool_]
    negatives: NDArray[np.int32]
    """(examples, …) best first, -1 to fill."""


def unpack(arrays: dict[str, NDArray[Any]], negatives: NDArray[np.int32]) -> Arrays:
    """Cut the flat arrays into one of each chunk and question."""
    chunks = np.split(arrays["chunks"], arrays["chunk_ends"][:-1])
    questions = np.split(arrays["questions"], arrays["question_ends"][:-1])
    return Arrays(
        chunks,
        questions,
        arrays["text_starts"],
        _by_first(arrays["spans"], len(questions)),
        _by_first(arrays["cuts"], len(chunks)),
        arrays["source"],
        arrays["positive"],
        arrays["is_dev"],
        negatives,
    )


def _by_first(rows: NDArray[np.int32], count: int) -> list[NDArray[np.int32]]:
    """Group rows (key, …) by their ascending key."""
    return np.split(rows[:, 1:], np.searchsorted(rows[:, 0], np.arange(1, count)))


@dataclass(slots=True)
class Batch:
    """Groups of 1 + NEGATIVES pairs, one after another; `parts` hold pairs of about equal length."""

    parts: list[tuple[Tensor, Tensor, Tensor]]
    """ids int64, mask bool, where an answer can be bool; each (pairs, pieces)"""
    rows: list[Tensor]
    starts: list[Tensor]
    ends: list[Tensor]
    """float32 (pairs, pieces): 1 where an answer starts or ends"""
    has_positive: Tensor
    has_span: Tensor
    weight: Tensor


def assemble(
    arrays: Arrays, pairs: Sequence[tuple[int, NDArray[np.uint16], int]], spans: Sequence[NDArray[np.int32]], parts: int
) -> tuple[list[tuple[Tensor, Tensor, Tensor]], list[Tensor], list[Tensor], list[Tensor]]:
    """Lay pairs (question, passage pieces, where its text begins) out as tensors, `parts` of them by length."""
    sequences = []
    for question, passage, _ in pairs:
        asked = arrays.questions[question]
        kept = passage[: LONGEST - len(asked) - 3]
        sequences.append(np.concatenate([asked, (EOS, EOS), kept, (EOS,)]).astype(np.int64))
    order = np.argsort([len(sequence) for sequence in sequences], kind="stable")
    laid, rows, starts, ends = [], [], [], []
    for chosen in np.array_split(order, parts):
        width = len(sequences[chosen[-1]])
        ids = np.full((len(chosen), width), PAD, np.int64)
        inside = np.zeros((len(chosen), width), bool)
        first, last = np.zeros((2, len(chosen), width), np.float32)
        for row, pair in enumerate(chosen):
            sequence, (question, _, text_start) = sequences[pair], pairs[pair]
            offset = len(arrays.questions[question]) + 2
            ids[row, : len(sequence)] = sequence
            inside[row, offset + text_start : len(sequence) - 1] = True
            for start, end in spans[pair]:
                if offset + end < len(sequence) - 1:
                    first[row, offset + start] = last[row, offset + end] = 1
        laid.append((torch.from_numpy(ids), torch.from_numpy(ids != PAD), torch.from_numpy(inside)))
        rows.append(torch.from_numpy(chosen))
        starts.append(torch.from_numpy(first))
        ends.append(torch.from_numpy(last))
    return laid, rows, starts, ends


NO_SPANS = np.zeros((0, 2), np.int32)


class Batches(torch.utils.data.Dataset[Batch]):
    """Training batches by number, the same for the same seed whoever makes them."""

    def __init__(self, arrays: Arrays, steps: int, groups: int, seed: int, parts: int = 4) -> None:
        self.arrays, self.steps, self.groups, self.seed, self.parts = arrays, steps, groups, seed, parts
        is_usable = ~arrays.is_dev & (arrays.negatives[:, NEGATIVES] >= 0)
        self.pools = [np.flatnonzero(is_usable & (arrays.source == source)) for source in range(len(FIRST_SHARES))]

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        chance = np.random.default_rng((self.seed, step))
        done = step / max(1, self.steps - 1)
        shares = (1 - done) * np.array(FIRST_SHARES) + done * np.array(LAST_SHARES)
        sources = chance.choice(len(shares), self.groups, p=shares / shares.sum())
        examples = [int(chance.choice(self.pools[source])) for source in sources]
        pairs, spans = [], []
        for example in examples:
            group, group_spans = self._group(example, chance)
            pairs += group
            spans += group_spans
        laid, rows, starts, ends = assemble(self.arrays, pairs, spans, self.parts)
        has_positive = torch.tensor([self.arrays.positive[e] >= 0 for e in examples])
        has_span = torch.tensor([len(self.arrays.spans[e]) > 0 for e in examples])
        weight = torch.tensor([1.0 if self.arrays.source[e] not in (CLOZE, REGULATION) else 0.5 for e in examples])
        return Batch(laid, rows, starts, ends, has_positive, has_span, weight)

    def _group(
        self, example: int, chance: np.random.Generator
    ) -> tuple[list[tuple[int, NDArray[np.uint16], int]], list[NDArray[np.int32]]]:
        """Return an example's positive and its negatives: near ones more often, the positive without its answer."""
        arrays = self.arrays
        found = arrays.negatives[example]
        found = found[found >= 0]
        odds = 1 / (4 + np.arange(len(found)))
        wanted = NEGATIVES + (arrays.positive[example] < 0)
        chosen = list(chance.choice(found, wanted, replace=False, p=odds / odds.sum()))
        if arrays.positive[example] < 0 and found[0] not in chosen:
            chosen[0] = found[0]
        group = [(example, arrays.chunks[n], int(arrays.text_starts[n])) for n in chosen]
        positive = int(arrays.positive[example])
        if positive < 0:
            return group, [NO_SPANS] * len(group)
        if chance.random() < 0.4 and (rest := without_answer(arrays, example, int(chance.random() < 0.5))) is not None:
            group[-1] = (example, rest, int(arrays.text_starts[positive]))
        first = (example, arrays.chunks[positive], int(arrays.text_starts[positive]))
        return [first, *group], [arrays.spans[example], *[NO_SPANS] * len(group)]


def without_answer(arrays: Arrays, example: int, kind: int) -> NDArray[np.uint16] | None:
    """Return the positive chunk without the sentences (0) or clauses (1) of the answer; None if nothing much is left."""
    positive = int(arrays.positive[example])
    chunk, spans = arrays.chunks[positive], arrays.spans[example]
    keep = np.ones(len(chunk), bool)
    for first, last, kind_of_cut in arrays.cuts[positive]:
        if kind_of_cut == kind and any(first <= end and start <= last for start, end in spans):
            keep[first : last + 1] = False
    left = int(keep[arrays.text_starts[positive] :].sum())
    return chunk[keep] if len(spans) and 15 <= left < len(chunk) - arrays.text_starts[positive] else None


def losses(reader: nn.Module, batch: Batch, device: str) -> dict[str, Tensor]:
    """Return the mean losses of the three heads."""
    pairs = len(batch.has_positive) * (1 + NEGATIVES)
    judged = torch.zeros(pairs, 2, device=device)
    span_loss = torch.zeros(pairs, device=device)
    for (ids, mask, inside), pairs_of, starts, ends in zip(
        batch.parts, batch.rows, batch.starts, batch.ends, strict=True
    ):
        found, marked = reader(ids.to(device, non_blocking=True), mask.to(device, non_blocking=True))
        rows = pairs_of.to(device)
        judged = judged.index_copy(0, rows, found.float())
        logits = marked.float().masked_fill(~inside.to(device)[:, :, None], -1e4).log_softmax(1)
        gold = torch.stack([starts, ends], 2).to(device)
        likelihood = torch.logsumexp(logits.masked_fill(gold == 0, -1e4), 1)
        is_gold = gold.sum((1, 2)) > 0
        span_loss = span_loss.index_copy(0, rows, torch.where(is_gold, -likelihood.sum(1) / 2, 0.0))
    groups = judged.view(-1, 1 + NEGATIVES, 2)
    has_positive, has_span = batch.has_positive.to(device), batch.has_span.to(device)
    weight = batch.weight.to(device)
    rank = -groups[:, :, 0].log_softmax(1)[:, 0]
    target = torch.zeros_like(groups[:, :, 1])
    target[:, 0] = has_positive.float() * 0.97
    target += 0.01
    judge = nn.functional.binary_cross_entropy_with_logits(groups[:, :, 1], target, reduction="none")
    judge = judge[:, 0] + judge[:, 1:].mean(1) * 2
    sure = weight * (has_span | ~has_positive)
    spans = span_loss.view(-1, 1 + NEGATIVES)[:, 0]
    counted = weight * has_span
    return {
        "rank": (rank * has_positive * weight).sum() / (has_positive * weight).sum().clamp(min=1),
        "answerable": (judge * sure).sum() / sure.sum().clamp(min=1),
        "span": (spans * counted).sum() / counted.sum().clamp(min=1),
    }


def train(
    reader: Reader,
    arrays: Arrays,
    *,
    steps: int,
    groups: int = 64,
    rate: float = 2e-4,
    seed: int = 0,
    workers: int = 0,
    device: str = "cpu",
    report: Callable[[str], None] = print,
    parts: int = 4,
    average: float = 0.998,
) -> Reader:
    """Train in place with AdamW, warm-up and linear decay. Returns the reader with its averaged weights."""
    torch.manual_seed(seed)
    reader.to(device).train()
    decayed = [p for p in reader.parameters() if p.dim() > 1]
    other = [p for p in reader.parameters() if p.dim() <= 1]
    settings = [{"params": decayed, "weight_decay": 0.01}, {"params": other, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(settings, lr=rate, betas=(0.9, 0.98), fused=device == "cuda")
    warm = max(1, steps // 12)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.02, (steps - step) / (steps - warm)))
    )
    smooth = torch.optim.swa_utils.get_ema_multi_avg_fn(average)  # type: ignore[no-untyped-call]
    averaged = torch.optim.swa_utils.AveragedModel(reader, multi_avg_fn=smooth)
    batches = torch.utils.data.DataLoader(
        Batches(arrays, steps, groups, seed, parts),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=8 if workers else None,
    )
    started = time.monotonic()
    totals: dict[str, float] = {}
    for step, batch in enumerate(batches):
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            parts_of_loss = losses(reader, batch, device)
        loss = parts_of_loss["rank"] + 0.5 * parts_of_loss["answerable"] + parts_of_loss["span"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        averaged.update_parameters(reader)
        if step % 20 == 0:
            for name, value in parts_of_loss.items():
                now = float(value.detach())
                totals[name] = 0.8 * totals.get(name, now) + 0.2 * now
        if step % max(1, steps // 10) == 0 or step == steps - 1:
            shown = ", ".join(f"{name} {value:.3f}" for name, value in totals.items())
            report(f"step {step + 1}/{steps}, {time.monotonic() - started:.0f} s: {shown}")
    trained = averaged.module
    assert isinstance(trained, Reader)
    return trained.eval()


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader says of one example's candidates: the positive first (if there is one), then its negatives."""

    example: int
    relevance: NDArray[np.float32]
    answerable: NDArray[np.float32]
    spans: list[tuple[int, int, float]]
    """Best answer of each candidate, in pieces of the chunk, and its log-likelihood there."""


@torch.no_grad()
def read(reader: Reader, arrays: Arrays, examples: Sequence[int], device: str, most: int = 16) -> Iterator[Reading]:
    """Read the candidates of some examples."""
    reader.to(device).eval()
    for start in range(0, len(examples), 64):
        chosen = examples[start : start + 64]
        pairs, counts = [], []
        for example in chosen:
            numbers = [int(n) for n in arrays.negatives[example][: most - 1] if n >= 0]
            if arrays.positive[example] >= 0:
                numbers = [int(arrays.positive[example]), *numbers]
            pairs += [(example, arrays.chunks[n], int(arrays.text_starts[n])) for n in numbers]
            counts.append(len(numbers))
        judged, spans = _run(reader, arrays, pairs, device)
        ends = np.cumsum(counts)
        for example, low, high in zip(chosen, ends - counts, ends, strict=True):
            yield Reading(example, judged[low:high, 0], judged[low:high, 1], spans[low:high])


def _run(
    reader: Reader, arrays: Arrays, pairs: Sequence[tuple[int, NDArray[np.uint16], int]], device: str
) -> tuple[NDArray[np.float32], list[tuple[int, int, float]]]:
    laid, rows, _, _ = assemble(arrays, pairs, [NO_SPANS] * len(pairs), max(1, len(pairs) // 128))
    judged = np.zeros((len(pairs), 2), np.float32)
    spans = [(0, 0, 0.0)] * len(pairs)
    for (ids, mask, inside), chosen in zip(laid, rows, strict=True):
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            found, marked = reader(ids.to(device), mask.to(device))
        judged[chosen.numpy()] = found.float().cpu().numpy()
        logits = marked.float().masked_fill(~inside.to(device)[:, :, None], -1e4).log_softmax(1)
        best, likelihood = best_spans(logits[:, :, 0], logits[:, :, 1])
        for pair, (first, last), value in zip(chosen.tolist(), best.tolist(), likelihood.tolist(), strict=True):
            offset = len(arrays.questions[pairs[pair][0]]) + 2
            spans[pair] = (first - offset, last - offset, value)
    return judged, spans


LONGEST_ANSWER = 90


def best_spans(start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """Return the likeliest (first, last) of each row (n, 2), at most LONGEST_ANSWER pieces, and its log-likelihood (n,)."""
    width = start.shape[1]
    allowed = torch.ones(width, width, dtype=torch.bool, device=start.device).triu().tril(LONGEST_ANSWER - 1)
    scores = (start[:, :, None] + end[:, None, :]).masked_fill(~allowed, -1e9).flatten(1)
    value, index = scores.max(1)
    return torch.stack([index // width, index % width], 1), value


def measure(reader: Reader, arrays: Arrays, device: str, most: int = 400) -> dict[str, dict[str, float]]:
    """Return figures of the held-out articles by source: ranking, short answers (in pieces), refusal."""
    figures: dict[str, dict[str, float]] = {}
    for source, name in enumerate(SOURCE_NAMES):
        held = np.flatnonzero(arrays.is_dev & (arrays.source == source) & (arrays.negatives[:, 2] >= 0))
        held = np.random.default_rng(0).permutation(held)[:most]
        is_answered = arrays.positive[held] >= 0
        seeming = list(read(reader, arrays, [int(e) for e in held[~is_answered]], device))
        if source == CHANGED:
            figures[name] = {"answerable of the best": float(np.mean([r.answerable.max() for r in seeming]))}
            continue
        readings = list(read(reader, arrays, [int(e) for e in held[is_answered]], device))
        figures[name] = _figures(arrays, readings)
        if seeming:
            right, wrong = (np.array([r.answerable[0] for r in side]) for side in (readings, seeming))
            figures[name]["AUROC, seeming answers"] = float((right[:, None] > wrong[None, :]).mean())
    return figures


def _figures(arrays: Arrays, readings: Sequence[Reading]) -> dict[str, float]:
    ranks = [1 + int((r.relevance[1:] >= r.relevance[0]).sum()) for r in readings]
    with_gold = np.array([r.answerable.max() for r in readings])
    without = np.array([r.answerable[1:].max() for r in readings])
    exact, f1 = [], []
    for reading in readings:
        gold = arrays.spans[reading.example]
        if len(gold):
            first, last, _ = reading.spans[0]
            exact.append(any(first == a and last == b for a, b in gold))
            f1.append(max(overlap(first, last, int(a), int(b)) for a, b in gold))
    return {
        "questions": len(readings),
        "MRR": float(np.mean([1 / rank for rank in ranks])),
        "S@1": float(np.mean([rank == 1 for rank in ranks])),
        "EM": float(np.mean(exact)) if exact else 0.0,
        "F1": float(np.mean(f1)) if f1 else 0.0,
        "AUROC": float((with_gold[:, None] > without[None, :]).mean()),
    }


def overlap(first: int, last: int, a: int, b: int) -> float:
    """Return the F1 of the pieces [first, last] against [a, b], 0 to 1."""
    shared = min(last, b) - max(first, a) + 1
    return max(0.0, 2 * shared / (last - first + 1 + b - a + 1))
