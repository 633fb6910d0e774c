"""The places that documents begin with, which no dictionary need have: 沅平 of 沅平市科学技术局."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from app.answering.matching import squeeze
from app.answering.question import Question
from app.answering.terms import PLACE_KINDS, chinese_terms
from app.loading import fields as keys
from app.types import Document

_ENDS = "".join(PLACE_KINDS)
_PLACE = re.compile(rf"([\u3400-\u9fff]{{2,3}}?)[{_ENDS}]")


def with_places(question: Question, documents: Iterable[Document]) -> Question:
    """Return a question with the place of the documents as a term by itself, where the tagger took it for a part of other
    words: 沅平 of 「在沅平买技术」, not 沅 and 平买."""
    places = [place for place in places_of(documents) if place in question.text]
    known = {term.text.rstrip(_ENDS) for term in question.terms}
    if question.language == "en" or not places or not known.isdisjoint(places):
        return question
    return replace(question, terms=chinese_terms(question.text, places[0]))


def places_of(documents: Iterable[Document]) -> Iterator[str]:
    """Yield the place that each title and issuer begins with, without what kind of place it is: 沅平, not 沅平市."""
    for document in documents:
        issuer = document.field(keys.ISSUER)
        for text in (document.title, issuer.value if issuer else ""):
            if match := _PLACE.match(squeeze(text)):
                yield match.group(1)
