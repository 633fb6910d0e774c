"""What a language model wrote, sentence by sentence: kept with what it cites, dropped with the reason, for a person to judge."""

import random
from collections.abc import Iterator, Sequence

from evals.records import Record


def list_drafts(records: Sequence[Record], sample: int, seed: int = 0) -> Iterator[str]:
    """Yield lines: how many sentences were kept and dropped, then up to `sample` of each, drawn by chance."""
    written = [record for record in records if record.answer and record.answer.get("tokens", {}).get("read")]
    kept = [line for record in written for line in _kept(record)]
    dropped = [line for record in written for line in _dropped(record)]
    yield f"questions put to the model: {len(written)}; sentences kept: {len(kept)}, dropped: {len(dropped)}"
    for name, lines in (("kept", kept), ("dropped", dropped)):
        drawn = random.Random(seed).sample(lines, min(sample, len(lines)))
        yield f"\n{name} ({len(drawn)} of {len(lines)})"
        yield from drawn


def _kept(record: Record) -> Iterator[str]:
    answer = record.answer or {}
    if answer["answerer"] != "llm":
        return
    quotes = {citation["number"]: citation["quote"] for citation in answer["citations"]}
    for sentence in answer["sentences"]:
        cited = " / ".join(quotes[number] for number in sentence["citations"])
        yield f"{record.gold.id}  {record.gold.question}\n    {sentence['text']}\n    「{cited}」"


def _dropped(record: Record) -> Iterator[str]:
    for dropped in (record.answer or {})["dropped"]:
        yield f"{record.gold.id}  {record.gold.question}\n    {dropped['text']}\n    {dropped['reason']}"
