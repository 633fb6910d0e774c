"""A stand-in for the assistant: a short document and a few prepared answers, no index and no model."""

from collections.abc import Generator, Mapping, Sequence

from app.assistant import Assistant, said
from app.config import Settings
from app.errors import NoQuestionError, NotFoundError
from app.types import (
    Answer,
    Chunk,
    Citation,
    Document,
    Field,
    Passage,
    Refusal,
    Retrieved,
    Section,
    Sentence,
    Span,
    Step,
    Turn,
)

TALENT, FUND = "截至 2023 年底，四类计划共资助了 1 万余人，总资助额 26 亿余元。", "基金总规模 100 亿元，首批 500 多项。"
TEXT = f"""上海市科学技术委员会
沪科提复〔2024〕38号
对市政协十四届二次会议 第 0608 号提案的答复
民盟界别、市政协科学技术界：
1. 关于“加大人才培养引进力度”的建议。二是完善人才政策。{TALENT}三是增加人才交流。
2. 关于“完善科技成果转化机制”的建议。{FUND}
联系电话：23112495"""
REFERENCE = "沪科提复〔2024〕38号，1. 关于“加大人才培养引进力度”的建议，二是"
NEAR = ("四类计划共资助了多少人？", "基金多大？")


def span_of(quote: str, text: str = TEXT) -> Span:
    start = text.index(quote)
    return Span(start, start + len(quote))


def make_document(document_id: str = "reply", text: str = TEXT) -> Document:
    heading = "1. 关于“加大人才培养引进力度”的建议"
    has_heading = heading in text
    start = text.index(heading) if has_heading else 0
    fields = [
        Field(key, value, span_of(value, text))
        for key, value in (
            ("发文机关", "上海市科学技术委员会"),
            ("文号", "沪科提复〔2024〕38号"),
            ("标题", "对市政协十四届二次会议 第 0608 号提案的答复"),
        )
        if value in text
    ]
    sections = (Section((heading,), Span(start, text.index("\n", start) + 1)),) if has_heading else ()
    return Document(document_id, "对第 0608 号提案的答复", text, sections, tuple(fields))


def make_citation(document: Document, quote: str, number: int = 1, reference: str = REFERENCE) -> Citation:
    span = span_of(quote, document.text)
    return Citation(number, document.id, document.title, reference, None, span.start, span.end, quote, "c1", 0.8)


def make_answer(question: str, document: Document, *quotes: str, highlights: tuple[str, ...] = ()) -> Answer:
    """Return an answer of whole quotes, one citation each."""
    sentences = tuple(Sentence(quote, highlights, (number,), True) for number, quote in enumerate(quotes, 1))
    citations = tuple(make_citation(document, quote, number) for number, quote in enumerate(quotes, 1))
    text = " ".join(f"{quote} [{number}]" for number, quote in enumerate(quotes, 1))
    passages = make_passages(document)
    timings = {"retrieve": 1.0, "answer": 1.0, "total": 2.0}
    return Answer(
        "a-" + question[:8],
        question,
        "answered",
        None,
        "extractive",
        text,
        "zh",
        sentences,
        citations,
        passages,
        timings,
    )


def make_refusal(question: str, kind: str, message: str, passages: tuple[Passage, ...] = ()) -> Answer:
    refusal = Refusal(kind, message, NEAR)
    timings = {"retrieve": 1.0, "answer": 1.0, "total": 2.0}
    return Answer(
        "r-" + question[:8], question, "refused", refusal, "extractive", message, "zh", (), (), passages, timings
    )


def make_passages(document: Document) -> tuple[Passage, ...]:
    span = span_of(TALENT, document.text) if TALENT in document.text else Span(0, min(20, len(document.text)))
    return (Passage(Chunk("c1", document.id, span, span.of(document.text), ("1.",)), 1.5, 1),)


class FakeAssistant(Assistant):
    """Answers what holds 资助 or 基金, greets, and refuses the rest. Remembers the history it was given."""

    def __init__(self, documents: Sequence[Document] = (), settings: Settings | None = None) -> None:
        self.settings = settings or Settings(max_question_chars=200)
        self.model = None
        self._held = {document.id: document for document in documents or [make_document()]}
        self.histories: list[tuple[Turn, ...]] = []

    @property
    def documents(self) -> Mapping[str, Document]:
        return self._held

    def check(self) -> None: ...

    def add(self, document: Document) -> None:
        """Hold one document more, as an index that was updated under a running server does."""
        self._held = {**self._held, document.id: document}

    def document(self, document_id: str) -> Document:
        if document_id not in self._held:
            raise NotFoundError(f"没有文件 {document_id}")
        return self._held[document_id]

    def search(
        self, query: str, passages: int | None = None, document_ids: Sequence[str] | None = None
    ) -> tuple[Passage, ...]:
        if not query.strip():
            raise NoQuestionError("the question is empty; type a question")
        return make_passages(self.first_documents(1)[0])[:passages]

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        document_ids: Sequence[str] | None = None,
        answerer: str | None = None,
        passages: int | None = None,
    ) -> Answer:
        *_, answer = self.stream(question, history, document_ids, answerer, passages)
        assert isinstance(answer, Answer)
        return answer

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        document_ids: Sequence[str] | None = None,
        answerer: str | None = None,
        passages: int | None = None,
    ) -> Generator[Step]:
        self.histories.append(tuple(history))
        answer = self._answer(question, document_ids)
        yield Retrieved(answer.passages)
        yield from said(answer)
        yield answer

    def _answer(self, question: str, document_ids: Sequence[str] | None) -> Answer:
        question = question.strip()[: self.settings.max_question_chars].encode("utf-8", "replace").decode()
        for document_id in document_ids or ():
            self.document(document_id)
        if not any(map(str.isalnum, question)):
            raise NoQuestionError("the question is empty; type a question")
        if question == "你好":
            return make_refusal(question, "greeting", "您好，可以问我文件里写了什么。")
        (document,) = self.first_documents(1)
        if "资助" in question:
            return make_answer(question, document, TALENT, highlights=("1 万余人", "26 亿余元"))
        if "基金" in question:
            return make_answer(question, document, FUND, TALENT, highlights=("100 亿元",))
        return make_refusal(question, "not_found", "文件里没有写到这件事。", make_passages(document))
