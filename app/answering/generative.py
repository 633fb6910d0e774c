"""Evidence → an answer that a language model writes, of which only what was verified is shown.

The model sees a few numbered sentences. Each sentence of its draft is checked when it is complete (verification.py) and
handed on at once if it stands; those that fail are given back once, with the reasons, then dropped.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from app.answering.choosing import Evidence
from app.answering.citations import make_citation
from app.answering.conversation import parse_parts
from app.answering.drafts import Draft, read_drafts
from app.answering.extractive import Finding
from app.answering.facts import Context, is_chinese, wrong_facts
from app.answering.fitting import fit_of
from app.answering.inquiry import Inquiry
from app.answering.ordering import read
from app.answering.prompting import compose_prompt, repair_prompt, rewrite_prompt
from app.answering.question import DATE, FIGURE, HOW, LIST, OPEN, WHICH, parse_question
from app.answering.replies import broken_note, fallback_note, partly_note
from app.answering.support import THRESHOLD, lacks_focus, lacks_kind
from app.answering.terms import language_of
from app.answering.verification import EMPTY, Checked, clean, verify
from app.loading import fields as keys
from app.text import is_order
from app.types import Answer, ChatModel, Citation, Dropped, Message, Passage, Refusal, Said, Sentence, Turn, Writing

EVIDENCE_SENTENCES, EVIDENCE_CHARS = 3, 200
"""What a question for a fact is answered from: about 130 tokens, 2.5 s of reading on 2 cores."""
MORE_SENTENCES, MORE_CHARS = 6, 360
"""What a question for a list, a way or an overview is answered from."""
TELLING_CHARS = 14
"""A shorter sentence that the rules did not choose is a heading, or says as much (一是完善人才政策。)."""
SENTENCE_CHARS = 500
"""A longer sentence (a table, a text without stops) is not shown to the model."""
ASK_ABOVE = THRESHOLD
"""Evidence less likely than this to answer is not worth asking a model about: in the reply's questions twice as many there
have no answer as have one, and a small model answers them all the same."""
TRUSTED = 0.8
"""Evidence at least so likely to answer, by the rules alone too, is quoted even if nothing stands that the model made of it."""
TRUSTED_IN_SILENCE = 0.7
"""Evidence at least so likely is quoted even if the model says that there is no answer: a small one often overlooks it."""
REWRITTEN_CHARS = 200
"""A question in full is no longer than this."""
REPAIR_SECONDS = 3.0
"""With less time left nothing is repaired."""


def gather(inquiry: Inquiry) -> tuple[Finding, ...]:
    """Return the sentences the model is shown, the likeliest first: those that the rules chose, then the next best."""
    parts, verdict, documents = parse_parts(inquiry.full), inquiry.verdict(), inquiry.store.documents
    is_broad = len(parts) > 1 or parts[0].kind in (LIST, WHICH, HOW, OPEN)
    most, budget = (MORE_SENTENCES, MORE_CHARS) if is_broad else (EVIDENCE_SENTENCES, EVIDENCE_CHARS)
    columns = [read(part, inquiry.search(part.original), inquiry.similarity, documents) for part in parts]
    further = [evidence for row in zip_longest(*columns) for evidence in row if evidence]
    found = [*verdict.findings]
    for evidence in further:
        chunk = evidence.passage.chunk
        if len(evidence.text) < TELLING_CHARS or evidence.text.strip("。") in " ".join(chunk.heading):
            continue
        found.append(Finding(documents[chunk.document_id], evidence.span, chunk, (), verdict.confidence))
    return _within(found, most, budget)


def _within(found: Sequence[Finding], most: int, budget: int) -> tuple[Finding, ...]:
    """Return the first findings that fit, the very first in any case; each place of a document once.

    No sentence that gives orders to a model, and none that is too long to be one.
    """
    chosen: list[Finding] = []
    left = budget
    for finding in found:
        is_known = any(o.document.id == finding.document.id and o.span.overlaps(finding.span) for o in chosen)
        size = len(finding.text)
        fits = size <= SENTENCE_CHARS and len(chosen) < most and (size <= left or not chosen)
        if is_known or not fits or is_order(finding.text):
            continue
        chosen.append(finding)
        left -= size
    return tuple(chosen)


@dataclass(slots=True)
class Composition:
    """An answer as it grows: what was said, what it cites, what was dropped."""

    question: str
    evidence: Sequence[Finding]
    sureness: float
    """How likely the evidence answers, 0 to 1: the rules' word or, if that is less, theirs with the reader's."""
    sentences: list[Sentence] = field(default_factory=list)
    citations: dict[int, Citation] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    says_nothing: bool = False
    """The model said that the passages do not answer, wholly or in part."""
    prompt_tokens: int = 0
    written_tokens: int = 0
    first_ms: float = 0.0
    """From the question to the first sentence that was shown."""

    def write(self, model: ChatModel, seconds: float) -> Generator[Said | Writing]:
        """Yield each sentence that stands while the model is writing, and what it did in between as Writing.

        Raises ModelError; what was said stands.
        """
        if not self.evidence:
            return
        deadline = time.monotonic() + seconds
        messages = compose_prompt(self.question, language_of(self.question), self.evidence)
        written: list[str] = []
        failed: list[Checked] = []
        with closing(self._listen(model, messages, deadline, written)) as heard:
            yield from self._follow(heard, failed)
        if failed:
            yield from self._repair(model, repair_prompt(messages, "".join(written), _faults(failed)), deadline, failed)

    def _repair(
        self, model: ChatModel, messages: list[Message], deadline: float, failed: Sequence[Checked]
    ) -> Iterator[Said | Writing]:
        """Give failed sentences back once; those that fail again are dropped, as is what was wrong before."""
        self.dropped += [Dropped(checked.text, checked.reason) for checked in failed]
        is_silent = self.says_nothing
        if deadline - time.monotonic() < REPAIR_SECONDS:
            return
        again: list[Checked] = []
        with closing(self._listen(model, messages, deadline, [])) as heard:
            yield from self._follow(heard, again)
        known = [checked.text for checked in failed]
        self.dropped += [Dropped(checked.text, checked.reason) for checked in again if checked.text not in known]
        self.says_nothing = is_silent  # To give a sentence up is no word on the question.

    def _follow(self, heard: Iterator[str], failed: list[Checked]) -> Iterator[Said | Writing]:
        """Yield the sentences that stand; those that do not are added to `failed`."""
        for draft in read_drafts(heard):
            checked = self._check(draft) if draft else None
            if checked is None:
                yield Writing()
            elif checked.stands:
                yield self._say(checked)
            else:
                failed.append(checked)

    def _listen(
        self, model: ChatModel, messages: Sequence[Message], deadline: float, written: list[str]
    ) -> Generator[str]:
        """Yield what the model writes, and keep it; closing this closes the model's stream."""
        with closing(model.stream(messages, max(0.1, deadline - time.monotonic()))) as pieces:
            for piece in pieces:
                self.prompt_tokens += piece.prompt_tokens
                self.written_tokens += piece.written_tokens
                written.append(piece.text)
                yield piece.text

    def _check(self, draft: Draft) -> Checked | None:
        """Return what came of a sentence; None where there is nothing to show or to drop."""
        if draft.says_nothing:
            self.says_nothing = True
            return None
        checked = verify(draft.text, draft.cited, [finding.text for finding in self.evidence], self._contexts())
        if checked.stands and self._misses(checked):
            checked = replace(checked, reason="没有回答所问")
        is_said = checked.text in [sentence.text for sentence in self.sentences]
        is_empty = checked.reason == EMPTY and not any(character.isdigit() for character in checked.text)
        is_lead_in = checked.text.endswith(("：", ":")) or is_empty
        return None if is_said or is_lead_in else checked

    def _contexts(self) -> list[Context]:
        """Return what stands around each piece of evidence."""
        contexts = []
        for finding in self.evidence:
            headings = " ".join((finding.document.title, *finding.chunk.heading))
            issuer = finding.document.field(keys.ISSUER)
            contexts.append(Context(headings, finding.chunk.text, issuer.value if issuer else "", self.question))
        return contexts

    def _misses(self, checked: Checked) -> bool:
        """Tell a sentence that is true and yet has nothing of the kind that is asked for: no figure, no list, no name."""
        question, *others = parse_parts(self.question)
        if not is_chinese(checked.text):
            return question.kind in (FIGURE, DATE) and not any(character.isdigit() for character in checked.text)
        cited = [self.evidence[number - 1] for number in checked.cited]
        fit, highlights = fit_of(question, checked.text)
        passage = Passage(cited[0].chunk, 0.0, 1)
        evidence = Evidence(passage, cited[0].span, checked.text, 0.0, 0.0, 0.0, fit, 0.0, 0.0, highlights)
        source = " ".join(part for finding in cited for part in (finding.text, *finding.chunk.heading))
        is_field = any(finding.probability == 1.0 for finding in cited)
        is_elsewhere = question.kind not in (FIGURE, DATE) and not is_field and lacks_focus(question, source)
        return not others and (is_elsewhere or lacks_kind(question, evidence))

    def _say(self, checked: Checked) -> Said:
        for number in checked.cited:
            finding = self.evidence[number - 1]
            self.citations.setdefault(
                number,
                make_citation(
                    len(self.citations) + 1, finding.document, finding.span, finding.chunk, finding.probability
                ),
            )
        numbers = tuple(self.citations[number].number for number in checked.cited)
        _, highlights = fit_of(parse_question(self.question), checked.text)
        short = tuple(checked.text[start:end].strip() for start, end in highlights)
        sentence = Sentence(checked.text, short, numbers, verified=True)
        self.sentences.append(sentence)
        text = (" " if len(self.sentences) > 1 else "") + sentence.marked()
        return Said(text, sentence, tuple(self.citations[number] for number in checked.cited))

    def conclude(self, quoted: Answer, refusal: Refusal, fault: str) -> Answer:
        """Return the answer: what was said, else the extractive one, or a refusal where the model found the documents silent.

        `fault` is the kind of ModelError that ended the writing, or nothing.
        """
        quoted = replace(quoted, dropped=tuple(self.dropped), tokens=(self.prompt_tokens, self.written_tokens))
        if self.sentences:
            return self._written(quoted, fault)
        has_nothing = bool(self.evidence) and not fault  # It was asked, and nothing that it wrote is an answer.
        if has_nothing and self.sureness < (TRUSTED if self.dropped else TRUSTED_IN_SILENCE):
            return _refused(quoted, refusal)
        if any(is_order(sentence.text) for sentence in quoted.sentences):
            return _refused(quoted, refusal)  # Text meant for the model is no answer of the document's.
        if quoted.refusal or not self.evidence:
            return replace(quoted, note=broken_note(fault, quoted.language)) if fault else quoted
        fault = fault or ("unverified" if self.dropped else "silent")
        return replace(quoted, note=fallback_note(fault, quoted.language))

    def _written(self, quoted: Answer, fault: str) -> Answer:
        note = partly_note(quoted.language) if self.says_nothing else ""
        return replace(
            quoted,
            status="answered",
            refusal=None,
            answerer="llm",
            text=" ".join(sentence.marked() for sentence in self.sentences),
            sentences=tuple(self.sentences),
            citations=tuple(self.citations.values()),
            confidence=max(quoted.confidence, THRESHOLD),
            note=broken_note(fault, quoted.language) if fault else note,
            timings_ms={**quoted.timings_ms, "first": round(self.first_ms, 2)},
        )


def _refused(quoted: Answer, refusal: Refusal) -> Answer:
    return replace(
        quoted,
        status="refused",
        refusal=refusal,
        answerer="llm",
        text=refusal.message,
        sentences=(),
        citations=(),
        confidence=min(quoted.confidence, 1 - THRESHOLD),
    )


def compose(inquiry: Inquiry) -> Composition:
    """Return the answer to a question, not yet written; without evidence where the rules see no hope of an answer."""
    verdict = inquiry.verdict()
    evidence = gather(inquiry) if verdict.confidence >= ASK_ABOVE else ()
    return Composition(inquiry.full, evidence, min(verdict.confidence, verdict.by_rules))


def _faults(failed: Sequence[Checked]) -> list[tuple[str, str]]:
    return [(checked.text, checked.reason) for checked in failed]


def full_question(
    question: str, history: Sequence[Turn], model: ChatModel, seconds: float
) -> Generator[Writing, None, str]:
    """Return a follow-up as the model writes it out; nothing if it adds what the conversation does not hold.

    Raises ModelError.
    """
    text = ""
    with closing(model.stream(rewrite_prompt(question, history), seconds)) as pieces:
        for piece in pieces:
            text += piece.text
            yield Writing()
    lines = text.strip().splitlines()
    written = clean(lines[0]).removeprefix("问：").strip('“”"') if lines else ""
    said = [question, *(text for turn in history for text in (turn.question, turn.answer))]
    has_words = any(character.isalnum() for character in written)
    if not has_words or len(written) > REWRITTEN_CHARS or wrong_facts(written, said):
        return ""
    return written
