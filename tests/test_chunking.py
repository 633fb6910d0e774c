"""Documents to chunks: exact spans that cover the text."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.chunking import HARD_MAX_CHARS, MAX_CHARS, make_chunks
from app.loading import make_document
from app.types import Chunk, Document
from tests.test_loading import NOTICE, RAW, REGULATION

LONG = st.text(alphabet="上海科技，、；。（） a\n一是", min_size=400, max_size=1500)


def headed(document: Document) -> list[tuple[tuple[str, ...], str]]:
    return [(chunk.heading, chunk.text) for chunk in make_chunks(document)]


def found(document: Document, words: str) -> Chunk:
    (chunk,) = [chunk for chunk in make_chunks(document) if words in chunk.text]
    return chunk


@settings(deadline=None, max_examples=300)
@given(st.one_of(RAW, LONG))
def test_chunks_cover_any_text_once_in_order(raw: str) -> None:
    document = make_document("文件", raw)
    end = 0
    for chunk in make_chunks(document):
        assert end <= chunk.span.start < chunk.span.end
        assert not document.text[end : chunk.span.start].strip()
        assert chunk.text == document.text[chunk.span.start : chunk.span.end]
        assert chunk.text == chunk.text.strip()
        assert len(chunk.text) <= HARD_MAX_CHARS
        end = chunk.span.end
    assert not document.text[end:].strip()


@settings(deadline=None, max_examples=100)
@given(RAW)
def test_chunks_know_the_heading_that_all_of_them_stands_under(raw: str) -> None:
    document = make_document("文件", raw)
    for chunk in make_chunks(document):
        last = document.heading_at(chunk.span.end - 1)
        assert chunk.heading == last[: len(chunk.heading)]


def test_the_chunks_of_the_reply(reply: Document) -> None:
    chunks = make_chunks(reply)
    assert len(chunks) == 21
    assert all(len(chunk.text) <= MAX_CHARS for chunk in chunks)
    by_heading: dict[tuple[str, ...], int] = {}
    for chunk in chunks:
        by_heading[chunk.heading] = by_heading.get(chunk.heading, 0) + 1
    first, second, third = (
        "1. 关于“加大人才培养引进力度”的建议",
        "2. 关于“完善科技成果转化机制”的建议",
        "3. 关于“促进产业集群协调发展”的建议",
    )
    assert by_heading == {
        ("版头",): 1,
        (): 3,
        (first, "一是"): 1,
        (first, "二是"): 1,
        (first, "三是"): 1,
        (second, "一是"): 2,
        (second, "二是"): 2,
        (second, "三是"): 1,
        (third, "一是"): 2,
        (third, "二是"): 1,
        (third, "三是"): 1,
        ("下阶段",): 1,
        ("下阶段", "一是"): 1,
        ("下阶段", "二是"): 1,
        ("下阶段", "三是"): 1,
        ("落款",): 1,
    }


def test_a_point_is_a_chunk_of_its_own(reply: Document) -> None:
    chunk = found(reply, "五年累计突破 38 万人次")
    assert chunk.text == "三是增加人才交流。长三角 G60 科创走廊人才流动五年累计突破 38 万人次，连续 5 年举办人才峰会。"
    assert chunk.heading == ("1. 关于“加大人才培养引进力度”的建议", "三是")


def test_a_heading_at_the_start_of_a_paragraph_stays_with_its_first_point(reply: Document) -> None:
    chunk = found(reply, "分两批共建设 30 个")
    assert chunk.text.startswith("1. 关于“加大人才培养引进力度”的建议。一是强化创新人才培养，")
    assert chunk.text.endswith("现代产业学院。")


def test_the_lines_of_the_signature_share_a_chunk(reply: Document) -> None:
    chunk = found(reply, "23112495")
    assert chunk.text.startswith("上海市科学技术委员会\n2024 年 5 月 27 日\n联系人姓名：李 畅\n")
    assert chunk.text.endswith("\n上海市科委办公室\n2024 年 5 月 27 日印发")


def test_ids_name_the_document_and_the_span(reply: Document) -> None:
    first, *_, last = make_chunks(reply)
    assert (first.id, last.id) == ("沪科提复〔2024〕38号.txt#0-88", "沪科提复〔2024〕38号.txt#3050-3178")
    assert make_chunks(reply) == make_chunks(reply)


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    sentence = "本市建立集成电路、生物医药、新能源汽车、人工智能四大产业链联盟，推动区域产业链深度融合。"
    document = make_document("x", sentence * 20)
    texts = [chunk.text for chunk in make_chunks(document)]
    per_chunk = MAX_CHARS // len(sentence)
    assert texts == [sentence * per_chunk] * (20 // per_chunk) + [sentence * (20 % per_chunk)] * (20 % per_chunk > 0)


def test_a_sentence_that_is_too_long_is_cut_at_its_last_clause() -> None:
    clause = "支持企业在绍兴、宁波、无锡、嘉善等地开展重大项目建设；"
    document = make_document("x", clause * 40)
    texts = [chunk.text for chunk in make_chunks(document)]
    assert "".join(texts) == clause * 40
    assert all(text == clause * (len(text) // len(clause)) for text in texts)


def test_a_sentence_without_any_clause_is_cut_where_it_must() -> None:
    texts = [chunk.text for chunk in make_chunks(make_document("x", "科" * 1000))]
    assert [len(text) for text in texts] == [480, 480, 40]


def test_a_line_of_hardly_anything_but_spaces_leaves_no_empty_chunk() -> None:
    texts = [chunk.text for chunk in make_chunks(make_document("x", "甲" + " " * 2000 + "乙"))]
    assert texts == ["甲", "乙"]


def test_articles_are_chunks_and_their_chapter_leads_the_first() -> None:
    assert headed(make_document("x", REGULATION)) == [
        (
            ("版头",),
            "上海口岸服务条例\n（2020年5月14日上海市第十五届人民代表大会常务委员会第二十一次会议通过）",
        ),
        (("第一章　总则", "第一条"), "第一章　总则\n第一条　为了规范口岸开放，制定本条例。"),
        (("第一章　总则", "第二条"), "第二条　本市口岸开放工作，适用本条例。有下列情形之一的除外："),
        (("第一章　总则", "第二条"), "（一）军用口岸；\n（二）其他口岸。"),
        (
            ("第二章　口岸开放", "第一节　一般规定", "第三条"),
            "第二章　口岸开放\n第一节　一般规定\n第三条　本条例自2020年7月1日起施行。",
        ),
    ]


def test_items_of_a_list_share_a_chunk_under_their_heading_and_no_other() -> None:
    general = "一、总体要求，提高认识，加强组织领导，切实抓好落实"
    notice = headed(make_document("x", NOTICE))
    assert (
        (general, "（一）申请条件"),
        "（一）申请条件\n1. 在本市注册的中小企业；\n2. 与服务机构无投资关系；",
    ) in notice
    assert ((general, "（二）支持标准"), "（二）支持标准。每家企业每年不超过30万元。") in notice
    assert ((), "特此通知。") in notice


def test_an_empty_document_has_no_chunk() -> None:
    assert make_chunks(make_document("x", " \n---\n")) == []


def test_a_topic_or_a_question_stands_in_one_chunk_with_what_it_leads_to() -> None:
    before = "各部门要及时掌握企业情况，切实加强指导和服务，保证各项政策落实到位，并按月上报进展。" * 6
    for topic in ("三是推广网上办理。", "逾期申报怎么办？"):
        document = make_document("文件", f"{before}{topic}纳税人可以在线申请延期。税务部门应当在三日内答复。")
        assert found(document, topic).text.startswith(topic)
        assert "可以在线申请延期" in found(document, topic).text
