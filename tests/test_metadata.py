"""Questions about the document itself are answered from its own lines, and only where they mean this document."""

import pytest

from app.answering.metadata import answer_from_fields, cited_by_number
from app.answering.question import parse_question
from app.loading import make_document
from app.types import Document


def answers(question: str, document: Document) -> list[str]:
    return [answer.field.value for answer in answer_from_fields(parse_question(question), [document])]


@pytest.mark.parametrize(
    ("question", "values"),
    [
        ("联系电话？", ["23112495"]),
        ("这份答复的文号和日期？", ["沪科提复〔2024〕38号", "2024 年 5 月 27 日"]),
        ("邮编", ["200003"]),
        ("谁写的这个答复", ["上海市科学技术委员会"]),
        ("想打个电话问问，找谁啊", ["23112495", "李 畅"]),
        ("我想给承办单位寄一封信，地址和邮编怎么写？", ["人民大道 200 号", "200003"]),
        ("李畅的电话是多少", ["23112495"]),
        ("主办单位联系电话多少", ["23112495"]),
        ("贵委的电话是多少", ["23112495"]),
        ("上海市科委的地址在哪？", ["人民大道 200 号"]),
        ("抄送给谁了？", ["市政府办公厅建议提案处，市政协提案办。"]),
        ("除了提案人，答复还发给了哪些单位？", ["市政府办公厅建议提案处，市政协提案办。"]),
        ("主送和抄送分别是谁？", ["民盟界别、市政协科学技术界", "市政府办公厅建议提案处，市政协提案办。"]),
        ("Which office printed it?", ["上海市科委办公室"]),
        ("When was it printed?", ["2024 年 5 月 27 日"]),
        ("这个答复能全文公开吗？", ["主动公开·全文"]),
        ("答复的是第几号提案？", ["0608"]),
        ("我们那件提案是第几号来着", ["0608"]),
        ("是市政协第几届第几次会议的提案？", ["0608"]),
        ("这份文件是由哪个部门印出来的？", ["上海市科委办公室"]),
        ("Who will pick up the phone?", ["李 畅", "23112495"]),
        ("落款是哪一天", ["2024 年 5 月 27 日"]),
        ("回信落款的日子", ["2024 年 5 月 27 日"]),
        ("这封信是回给谁的？", ["民盟界别、市政协科学技术界"]),
        ("提意见的是哪两个界别", ["民盟界别、市政协科学技术界"]),
        ("政协的这个提议到底被接受了没有？", ["解决采纳"]),
        ("Is the full text of this reply open to the public?", ["主动公开·全文"]),
        ("When was this reply issued?", ["2024 年 5 月 27 日"]),
        ("Who is the contact person?", ["李 畅"]),
    ],
)
def test_answers_from_the_line_that_says_it(question: str, values: list[str], reply: Document) -> None:
    assert answers(question, reply) == values


@pytest.mark.parametrize(
    "question",
    [
        "浙江省科技厅的电话是多少？",
        "市教委的联系电话是多少？",
        "复旦大学的地址在哪里",
        "张三的电话",
        "2023年的答复文号是什么",
        "这份提案为什么没有被采纳？",
        "What is the e-mail address of the contact person?",
        "基金的规模多大？",
    ],
)
def test_leaves_questions_about_something_else_alone(question: str, reply: Document) -> None:
    assert answers(question, reply) == []


NOTICE = make_document(
    "notice.txt",
    """江海市经济和信息化局
关于组织申报专项资金的通知
江经信企〔2025〕17号
各有关单位：
现将有关事项通知如下。
联系人：陈晓岚
电话：88012207
监督电话：88015519
江海市经济和信息化局
2025年3月12日""",
)


@pytest.mark.parametrize(
    ("question", "values"),
    [
        ("这份通知的文号", ["江经信企〔2025〕17号"]),
        ("该答复的文号是什么？", ["沪科提复〔2024〕38号"]),
        ("联系人是谁？", ["李 畅", "陈晓岚"]),
        ("江海市经信局的联系人是谁？", ["陈晓岚"]),
        ("提案是谁提的？", ["民盟界别、市政协科学技术界"]),
        ("监督电话是多少？", ["88015519"]),
        ("江经信企〔2025〕18号的联系人是谁？", []),
        ("江经信企〔2025〕17号的联系人是谁？", ["陈晓岚"]),
        ("举报电话是多少？", []),
        ("有人乱收钱，打哪个电话告？", ["88015519"]),
        ("专项资金通知的文号", ["江经信企〔2025〕17号"]),
    ],
)
def test_of_several_documents_the_one_that_is_meant_answers(question: str, values: list[str], reply: Document) -> None:
    answered = answer_from_fields(parse_question(question), [reply, NOTICE])
    assert [answer.field.value for answer in answered] == values


def test_a_reply_is_known_by_what_it_answers() -> None:
    text = """平川省教育厅
平教提复〔2025〕6号
对省政协第0215号提案的答复
九三学社平川省委：
您提出的“关于加强县域普通高中建设的提案”收悉。经会同市财政局研究，答复如下。
联系电话：8826170"""
    document = make_document("reply.txt", text)
    assert answers("县域普通高中建设提案的联系电话", document) == ["8826170"]
    assert answers("市财政局的联系电话", document) == []
    assert answers("跟哪些部门一起研究的？", document) == answers("会商了哪些部门？", document) == ["市财政局"]
    assert answers("谁负责发放助学金？", document) == []
    assert answers("写建议的代表叫什么", document) == ["九三学社平川省委"]
    for who in ("提这件提案的委员叫什么名字？", "提出建议的那位代表是谁", "Who submitted this proposal?"):
        assert answers(who, document) == ["九三学社平川省委"]


def test_what_stands_beside_the_number_and_who_answers_with() -> None:
    text = """平川省科学技术厅文件
平科函〔2025〕86号　　　　办理结果：B类
平川省科学技术厅关于第0427号建议的答复
何其芳代表：
您提出的《关于共享仪器的建议》收悉。该建议由我厅主办，省财政厅、省教育厅会办。现答复如下：
监督举报：机关纪委　88236180"""
    document = make_document("reply.txt", text)
    assert answers("这份答复的文号是什么？", document) == ["平科函〔2025〕86号"]
    assert answers("办理结果是什么", document) == ["B类"]
    assert answers("会办单位有哪些？", document) == ["省财政厅、省教育厅"]
    assert answers("想举报有人造假打哪个电话？", document) == ["机关纪委　88236180"]


def test_how_long_and_being_called_ask_for_no_label() -> None:
    text = """临澜港新闻发布会实录
时间：2024年10月23日上午10:00
台风期间，港口累计停工86小时。
联系电话：8826170"""
    document = make_document("briefing.txt", text)
    assert answers("时间是？", document) == ["2024年10月23日上午10:00"]
    assert answers("耽误了多长时间？", document) == []
    assert answers("多少天内打电话告诉我？", document) == []
    assert answers("联系电话是多少？", document) == ["8826170"]


def test_a_document_is_cited_by_its_number_however_it_is_written(reply: Document) -> None:
    asked = "请问[2024] 38号里扬帆专项面向多少岁的人？"
    assert cited_by_number("请问沪科提复〔2024〕38号里扬帆专项面向多少岁的人？", [reply]) == (
        reply,
        "请问里扬帆专项面向多少岁的人？",
    )
    assert cited_by_number(asked.replace("[", "沪科提复["), [reply]) == (reply, "请问里扬帆专项面向多少岁的人？")
    assert cited_by_number("沪科提复〔2024〕39号里扬帆专项面向多少岁的人？", [reply]) is None
    assert cited_by_number("沪科提复〔2024〕38号？", [reply]) is None
