"""What encoder and reader are trained on: questions, passages that answer them, and such as only look as if they did.

Written questions come from DRCD, CMRC 2018 and XQuAD (CC BY-SA), from official_questions.jsonl (invented official
passages) and lay_questions.jsonl (Shanghai regulations, asked about in everyday words); the others are made by rule from
those passages and regulations: app/models/reader_questions.py. Passages are cut by app/chunking.py, so that both models
see in training what they will see in use.
"""

import gzip
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import rjieba
from tokenizers import Tokenizer

from app.chunking import make_chunks
from app.loading import make_document
from app.models.reader_questions import Draft, cloze_questions, open_questions, pattern_questions, reword
from app.models.reader_rewording import disturb, near_words, reword_freely
from app.models.reader_training import CHANGED, CLOZE, CMRC, CROSSED, DRCD, LAY, OFFICIAL, REGULATION, XQUAD
from app.reader import encode_passage, encode_question
from app.text import search_tokens, split_sentences
from app.types import Encoder

OFFICIAL_QUESTIONS = Path(__file__).parent / "official_questions.jsonl"
LAY_QUESTIONS = Path(__file__).parent / "lay_questions.jsonl"
DOCUMENT_QUESTIONS = Path(__file__).parent / "document_questions.jsonl"
DEV_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of a training passage: `head` (title, headings) stands before its text when it is read."""

    article: str
    passage: str
    head: str
    text: str
    is_regulation: bool


@dataclass(slots=True)
class Example:
    """A question on a chunk (-1: none answers it) with the offsets of its answers there."""

    question: str
    source: int
    positive: int
    spans: list[tuple[int, int]] = field(default_factory=list)
    forbidden: list[int] = field(default_factory=list)
    """Chunks that may answer as well: no negatives."""
    lookalikes: list[int] = field(default_factory=list)
    """Chunks that are negatives whatever BM25 says."""
    is_dev: bool = False


@dataclass(slots=True)
class Corpus:
    """All chunks, and where each passage's are."""

    pieces: list[Piece] = field(default_factory=list)
    of_passage: dict[str, list[int]] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any], is_regulation: bool) -> None:
        document = make_document(row["id"], row["text"], title=row["title"].replace("_", " "))
        numbers = []
        for chunk in make_chunks(document):
            title = "" if chunk.text.startswith(document.title) else document.title
            head = " ".join(part for part in (title, *chunk.heading) if part)
            numbers.append(len(self.pieces))
            self.pieces.append(Piece(row["title"], row["id"], head, chunk.text, is_regulation))
        self.of_passage[row["id"]] = numbers


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a .jsonl.gz file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def is_held_out(article: str) -> bool:
    """Tell the tenth of the articles that only measures; the two XQuAD languages share their titles."""
    return random.Random(f"held out {article}").random() < DEV_SHARE


def make_examples(training: Path, regulations: Path, encoder: Encoder, seed: int = 0) -> tuple[Corpus, list[Example]]:
    """Return the chunks and all examples, written and made, many of them a second and third time in other words."""
    chance = random.Random(seed)
    corpus = Corpus()
    names = ("drcd_train", "cmrc2018_train", "xquad_zh", "xquad_en")
    rows = {name: read_rows(training / f"{name}.passages.jsonl.gz") for name in names}
    for name in names:
        for row in rows[name]:
            corpus.add(row, is_regulation=False)
    seen: dict[str, str] = {}
    for row in read_rows(regulations):
        if row["text"] in seen:
            corpus.of_passage[row["id"]] = corpus.of_passage[seen[row["text"]]]
            continue
        seen[row["text"]] = row["id"]
        corpus.add(row, is_regulation=True)
    by_rule = len(corpus.pieces)
    official = _official(corpus)
    written = []
    for name, source in zip(names, (DRCD, CMRC, XQUAD, XQUAD), strict=True):
        for row in read_rows(training / f"{name}.questions.jsonl.gz"):
            written += _written(corpus, row["question"], row["answers"], row["positive"][0], source)
    asked = [*official, *_lay(corpus)]
    crossed = _crossed(corpus, training)
    made = _made(corpus, by_rule, chance)
    public = corpus.pieces[:by_rule]
    titles = {kind: sorted({p.article for p in public if p.is_regulation == kind}) for kind in (False, True)}
    answered = [example for example in asked if example.positive >= 0]
    changing = [*written, *written, *answered, *(example for example in made if chance.random() < 0.15)]
    changed = [new for example in changing if (new := _changed(corpus, example, titles, chance))]
    near = near_words((piece.text for piece in corpus.pieces), encoder)
    again = [(example, share) for group, share in ((written, 2.0), (changed, 0.4), (made, 0.4)) for example in group]
    reworded = [
        replace(example, question=reword_freely(example.question, near, chance))
        for example, share in again
        for _ in range(int(share) or int(chance.random() < share))
        if re.search(r"[\u4e00-\u9fff]{3}", example.question)
    ]
    examples = [*written, *asked, *crossed, *changed, *made, *reworded]
    examples = [example for example in examples if example.question]
    for example in examples:
        example.is_dev = is_held_out(_article(corpus, example))
        if not example.is_dev:
            example.question = disturb(example.question, chance)
    return corpus, examples


def _article(corpus: Corpus, example: Example) -> str:
    number = example.positive if example.positive >= 0 else example.lookalikes[0]
    return corpus.pieces[number].article


def _written(corpus: Corpus, question: str, answers: Sequence[str], passage: str, source: int) -> list[Example]:
    """Return the question on the chunk that answers it, in a list; an empty one where a cut goes through the answer."""
    chunks = corpus.of_passage[passage]
    holding = [n for n in chunks if any(answer in corpus.pieces[n].text for answer in answers)]
    if not holding:
        return []
    asked = set(search_tokens(question))
    best = max(holding, key=lambda n: len(asked & set(search_tokens(corpus.pieces[n].text))))
    spans = [span for answer in answers[:1] for span in occurrences(answer, corpus.pieces[best].text)]
    spans = spans or [span for answer in answers for span in occurrences(answer, corpus.pieces[best].text)]
    return [Example(question, source, best, spans, [n for n in holding if n != best])]


def occurrences(answer: str, text: str) -> list[tuple[int, int]]:
    """Return the offsets of the first eight places where an answer stands in a text."""
    return [match.span() for match in re.finditer(re.escape(answer), text)][:8]


def _crossed(corpus: Corpus, training: Path) -> list[Example]:
    """Return the XQuAD questions of one language on the passages of the other."""
    sides = {side: read_rows(training / f"xquad_{side}.questions.jsonl.gz") for side in ("zh", "en")}
    by_key = {side: {row["id"].split("-", 1)[1]: row for row in rows} for side, rows in sides.items()}
    examples = []
    for asked, read in (("en", "zh"), ("zh", "en")):
        for key, row in by_key[asked].items():
            other = by_key[read].get(key)
            if other:
                examples += _written(corpus, row["question"], other["answers"], other["positive"][0], CROSSED)
    return examples


_YEAR = re.compile(r"(?:19|20|1[0-8])\d{2}")
_NUMBER = re.compile(r"\d+|[一二三四五六七八九十]+(?=[个家项种届次条世部大])")


def _changed(
    corpus: Corpus, example: Example, titles: Mapping[bool, Sequence[str]], chance: random.Random
) -> Example | None:
    """Return the question with another subject, year, number or name, which its passage no longer answers; None without one."""
    piece = corpus.pieces[example.positive]
    question, said = example.question, f"{piece.head} {piece.text}"
    places = [m.span() for m in _NUMBER.finditer(question) if m.group() in said]
    at = question.find(piece.article)
    if at >= 0:
        places += 2 * [(at, at + len(piece.article))]
    position = 0
    for word, word_class in rjieba.tag(question):
        if len(word) > 1 and word_class in _POOL_CLASSES and word in said:
            places.append((position, position + len(word)))
        position += len(word)
    if not places:
        return None
    start, end = chance.choice(places)
    old = question[start:end]
    other = chance.choice(titles[piece.is_regulation]) if old == piece.article else _other(old, chance)
    if not other or other in said:
        return None
    changed = question[:start] + other + question[end:]
    return Example(changed, CHANGED, -1, lookalikes=[example.positive], forbidden=list(example.forbidden))


_POOL_CLASSES = ("nr", "nrt", "nrfg", "ns", "nt")


def _other(word: str, chance: random.Random) -> str:
    """Return something of a word's kind that is not the same."""
    if _YEAR.fullmatch(word):
        return str(int(word) + chance.choice((-20, -10, -5, -3, -2, -1, 1, 2, 3, 5, 10, 20)))
    if word.isdigit():
        return str(max(1, int(word) + chance.choice((-3, -2, -1, 1, 2, 3, 10))))
    if _NUMBER.fullmatch(word + "个"):
        return chance.choice([n for n in "二三四五六七八九" if n != word])
    pool = _NAMES.get(rjieba.tag(word)[0][1], ())
    return chance.choice(pool) if pool else ""


_NAMES = {
    "nr": ["李明", "张伟", "王芳", "陈建国", "刘洋", "赵敏", "孙志强", "周杰", "吴刚", "郑和平", "林觉民", "梁启超", "胡适", "蔡元培", "鲁迅", "茅盾", "巴金", "曹禺", "徐志摩", "沈从文"],
    "nrt": ["约翰逊", "史密斯", "布朗", "威廉姆斯", "安德森", "马丁", "汤普森", "加西亚", "罗宾逊", "克拉克", "刘易斯", "托马斯", "彼得", "保罗", "亨利", "查理"],
    "nrfg": ["刘备", "曹操", "诸葛亮", "李世民", "赵匡胤", "朱元璋", "康熙", "乾隆", "司马懿", "关羽"],
    "ns": ["上海", "北京", "广州", "南京", "杭州", "武汉", "成都", "西安", "天津", "重庆", "香港", "台湾", "日本", "美国", "英国", "法国", "德国", "俄罗斯", "印度", "韩国", "江苏", "浙江", "广东", "四川", "山东", "福建", "湖北", "湖南", "云南", "欧洲", "非洲"],
    "nt": ["北京大学", "清华大学", "复旦大学", "中央银行", "联合国", "外交部", "教育部", "财政部", "国务院", "中国科学院"],
}  # fmt: skip
"""Common names to put in place of others."""


def _official(corpus: Corpus) -> list[Example]:
    """Add the invented official passages and return what is asked of them, a third of it without an answer."""
    examples = []
    for number, line in enumerate(OFFICIAL_QUESTIONS.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        passage = f"official-{number}"
        corpus.add(
            {"id": passage, "title": row["title"].replace(" — ", " "), "text": row["passage"]}, is_regulation=False
        )
        for item in row["questions"]:
            examples += _asked(corpus, item["question"], item["answer"], passage, OFFICIAL)
    return examples


def _lay(corpus: Corpus) -> list[Example]:
    """Return what laymen ask of the regulations."""
    rows = map(json.loads, LAY_QUESTIONS.read_text(encoding="utf-8").splitlines())
    return [
        example
        for row in rows
        if row["id"] in corpus.of_passage
        for item in row["questions"]
        for example in _asked(corpus, item["question"], item["answer"], row["id"], LAY)
    ]


def _asked(corpus: Corpus, question: str, answer: str | None, passage: str, source: int) -> list[Example]:
    """Return a question that a passage answers, or for no answer one that none of its chunks does, in a list."""
    if answer is not None:
        return _written(corpus, question, [answer], passage, source)
    return [Example(question, source, -1, lookalikes=list(corpus.of_passage[passage]))]


def _made(corpus: Corpus, count: int, chance: random.Random) -> list[Example]:
    """Return the questions made by rule of the first `count` chunks."""
    examples = []
    for number, piece in enumerate(corpus.pieces[:count]):
        if re.search(r"[\u4e00-\u9fff]{4}", piece.text) is None:
            continue
        title = piece.article
        drafts: list[Draft] = []
        if piece.is_regulation:
            drafts += pattern_questions(piece.text, title, chance, 3)
            drafts += cloze_questions(piece.text, title, chance, 1)
            drafts += open_questions(piece.text, title, chance, 1)
        else:
            drafts += pattern_questions(piece.text, title, chance, 2) + cloze_questions(piece.text, title, chance, 7)
            drafts += open_questions(piece.text, title, chance, 1) if chance.random() < 0.3 else []
        source = REGULATION if piece.is_regulation else CLOZE
        for draft in drafts:
            spans = [(draft.start, draft.end)] if draft.end > draft.start else []
            examples.append(Example(reword(draft.question, chance), source, number, spans))
    return examples


_CLAUSE = re.compile(r"[^，,；;。！？]+[，,；;。！？]?")


def encode(corpus: Corpus, examples: Sequence[Example], tokenizer: Tokenizer) -> dict[str, Any]:
    """Return everything as arrays of pieces of the vocabulary, ready to train on without the texts.

    `chunks` and `questions`: uint16, one after another, with `…_ends`; `text_starts`: where a chunk's own text begins;
    `spans` int16 (n, 3): example, first and last piece of an answer in the chunk; `cuts` int32 (n, 4): chunk, first and
    last piece of each of its sentences (0) and clauses (1); `forbidden` and `lookalikes` int32 (n, 2): example, chunk.
    """
    chunks, text_starts, offsets, cuts = [], [], [], []
    for number, piece in enumerate(corpus.pieces):
        ids, text_start, places = encode_passage(tokenizer, piece.head, piece.text)
        chunks.append(ids)
        text_starts.append(text_start)
        offsets.append(places)
        sentences = [(span.start, span.end) for span in split_sentences(piece.text)]
        clauses = [match.span() for match in _CLAUSE.finditer(piece.text)]
        for kind, spans_of in enumerate((sentences, clauses)):
            for start, end in spans_of:
                if (found := covering(places, text_start, start, end)) is not None:
                    cuts.append((number, *found, kind))
    questions = [encode_question(tokenizer, example.question) for example in examples]
    spans = []
    for number, example in enumerate(examples):
        for start, end in example.spans:
            at = example.positive
            if (found := covering(offsets[at], text_starts[at], start, end)) is not None:
                spans.append((number, *found))
    flat_forbidden = [(n, f) for n, example in enumerate(examples) for f in example.forbidden]
    flat_lookalikes = [(n, f) for n, example in enumerate(examples) for f in example.lookalikes]
    return {
        "chunks": np.concatenate(chunks).astype(np.uint16),
        "chunk_ends": np.cumsum([len(ids) for ids in chunks]).astype(np.int32),
        "text_starts": np.array(text_starts, np.int16),
        "cuts": np.array(cuts, np.int32),
        "questions": np.concatenate(questions).astype(np.uint16),
        "question_ends": np.cumsum([len(ids) for ids in questions]).astype(np.int32),
        "source": np.array([example.source for example in examples], np.int8),
        "positive": np.array([example.positive for example in examples], np.int32),
        "is_dev": np.array([example.is_dev for example in examples]),
        "spans": np.array(spans, np.int32),
        "forbidden": np.array(flat_forbidden, np.int32).reshape(-1, 2),
        "lookalikes": np.array(flat_lookalikes, np.int32).reshape(-1, 2),
    }


def covering(places: Sequence[tuple[int, int]], text_start: int, start: int, end: int) -> tuple[int, int] | None:
    """Return the first and last piece that cover [start, end) of a text; None if it was cut off."""
    inside = [i for i in range(text_start, len(places)) if places[i][1] > start and places[i][0] < end]
    return (inside[0], inside[-1]) if inside and places[inside[-1]][1] >= end else None
