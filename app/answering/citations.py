"""Evidence → citations that stand alone: exact quote, official reference, offsets."""

from collections.abc import Sequence

from app.loading import fields as keys
from app.types import Chunk, Citation, Document, Span


def make_citation(number: int, document: Document, span: Span, chunk: Chunk, probability: float) -> Citation:
    """Cite a span of a document, which lies in `chunk`; `probability` is how likely it answers, 0 to 1."""
    quote = span.of(document.text)
    assert document.text[span.start : span.end] == quote
    return Citation(
        number=number,
        document_id=document.id,
        title=document.title,
        reference=reference(document, document.heading_at(span.start)),
        page=None,
        start=span.start,
        end=span.end,
        quote=quote,
        chunk_id=chunk.id,
        score=round(probability, 4),
    )


def reference(document: Document, heading: Sequence[str]) -> str:
    """Return the official reference: 文号 (else the title) and the heading path."""
    number = document.field(keys.NUMBER)
    return "，".join((number.value if number else document.title, *heading))
