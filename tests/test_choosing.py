"""What speaks for a sentence: whether it tells plans where plans are asked for, and what stands in front of it."""

import numpy as np
import pytest

from app.answering.choosing import Evidence, sentences_of, telling, told, weigh
from app.answering.fitting import fit_of
from app.answering.question import parse_question
from app.loading.fields import ISSUER
from app.types import Chunk, Document, Field, Passage, Reading, Span

DONE, PLAN, LATER = "市教委开展校企联合培养。", "市教委将开展校企联合培养。", "开展校企联合培养。"
DOCUMENT = Document("d", "答复", f"{DONE}\n{PLAN}\n下阶段\n{LATER}")


def time_of(question: str, sentence: str, *heading: str) -> float:
    start = DOCUMENT.text.rindex(sentence)
    span = Span(start, start + len(sentence))
    passage = Passage(Chunk("c", "d", span, sentence, heading), 1.0, 1)
    return weigh(parse_question(question), passage, span, DOCUMENT).time


@pytest.mark.parametrize("question", ["下一步怎么开展校企培养？", "校企培养今后有什么安排", "What are the next steps?"])
def test_plans_are_preferred_where_plans_are_asked_for(question: str) -> None:
    assert time_of(question, PLAN) == time_of(question, LATER, "下阶段") == 1
    assert time_of(question, DONE) == -1


def test_plans_count_less_where_what_was_done_is_asked_for() -> None:
    assert time_of("校企培养目前取得了哪些进展？", PLAN) == time_of("校企培养已经做了什么？", LATER, "下阶段") == -0.5
    assert time_of("校企培养目前取得了哪些进展？", DONE) == 0


def test_time_does_not_matter_where_it_is_not_asked_for() -> None:
    assert time_of("谁开展校企培养？", PLAN) == time_of("谁开展校企培养？", DONE) == 0


def test_a_question_in_the_text_is_no_answer_and_lends_its_words_to_what_follows() -> None:
    asked, answer, other = "逾期申报怎么办？", "可以在线申请延期。", "办税厅周日休息。"
    document = Document("d", "问答", asked + answer + other)
    passage = Passage(Chunk("c", "d", Span(0, len(document.text)), document.text, ()), 1.0, 1)
    spans = sentences_of(passage, document)
    assert [span.of(document.text) for span in spans] == [answer, other]
    question = told(parse_question("逾期申报怎么办？"), document)
    best, worst = (weigh(question, passage, span, document).lexical for span in spans)
    assert best > 0.9
    assert worst < 0.3


def test_a_numbered_topic_is_a_heading_of_what_follows() -> None:
    document = Document("d", "通知", "一是优化检验服务。开通绿色通道。办公室负责落实。")
    passage = Passage(Chunk("c", "d", Span(0, len(document.text)), document.text, ()), 1.0, 1)
    _, second, third = (
        weigh(told(parse_question("怎样优化检验服务？"), document), passage, span, document)
        for span in sentences_of(passage, document)
    )
    assert second.lexical > third.lexical


@pytest.mark.parametrize(
    ("question", "sentence", "answer"),
    [
        ("方案什么时候印发的？", "方案有效期至2027年12月31日，经审议于2024年8月20日印发。", "2024年8月20日"),
        ("考试占几分？", "考试分值15分，合格率90%。", "15分"),
        ("平均班额降到了多少人？", "平均班额由 52 人降至 46 人。", "46 人"),
        ("平均班额原来是多少人？", "平均班额由 52 人降至 46 人。", "52 人"),
        ("情况多久报一次？", "各区每半年报送一次情况，三年内不得申报。", "每半年"),
        ("企业利润下降了多少？", "企业利润286.5亿元，下降2.4%。", "2.4%"),
        ("三级医院设置率目前是多少？", "设置率由目前的21%提高到50%。", "21%"),
        ("三级医院设置率要提高到多少？", "设置率由目前的21%提高到50%。", "50%"),
        ("开放了多少公里道路？", "开放测试道路1003条、2030公里。", "2030公里"),
        ("第二产业增加值是多少？", "第二产业增加值1654.8亿元。", "1654.8亿元"),
        ("申请截止到几号？", "一年内不得申请，9月2日至9月20日提交申请。", "9月2日至9月20日"),
        ("绿道总共多长？", "建成绿道1762公里，三年完工。", "1762公里"),
        ("改造要多长时间？", "建成绿道1762公里，三年完工。", "三年"),
        ("2023年建成多少座？", "2021年至2023年建成192座，其中2023年建成62座。", "62座"),
        ("全流程多长时间？", "全流程压缩至半个工作日。", "半个工作日"),
        ("初中有多少课时？", "小学、初中、高中课时分别不少于4课时、6课时、8课时。", "6课时"),
        ("上半年投资多少？", "上半年，86个项目完成投资142亿元。", "142亿元"),
        ("学校有多少人？", "1000人以上的学校共有3186人。", "3186人"),
        ("多少人以上的学校要配备？", "1000人以上的学校配备2人。", "1000人"),
        ("计划什么时候印发的？", "2023年4月印发《行动计划（2023—2025年）》。", "2023年4月"),
        ("延时开放到几点？", "86家博物馆延时开放至晚上9点。", "晚上9点"),
        ("塔在哪一年动工？", "它于1863年开始建造，三年完工。", "1863年"),
        ("运河在哪一年开工？", "至元二十六年正月开工。", "二十六年"),
        ("How much waste is produced per day?", "全县日均产生生活垃圾412吨。", "412吨"),
        ("三年内能申报几次？", "每半年报送一次情况，三年内申报不超过2次。", "不超过2次"),
        ("市和区各出几成？", "所需资金由市、区财政按6∶4的比例承担。", "6∶4"),
        ("县里有几个牙医？", "全市牙医87名，县里3名。", "3名"),
        ("产值比前一年涨了多少？", "产值企业168家，产值74.6亿元，比2022年增长21.5%。", "21.5%"),
    ],
)
def test_the_figure_that_is_asked_for(question: str, sentence: str, answer: str) -> None:
    fit, ((start, end),) = fit_of(parse_question(question), sentence)
    assert fit > 0
    assert sentence[start:end] == answer


def test_a_place_that_begins_a_longer_name_tells_as_much_as_another_word() -> None:
    issuer = Field(ISSUER, "平川省教育厅", Span(0, 6))
    document = Document("d", "答复", "平川省教育厅\n平川科技园托管3所。\n" + "各校按时上报情况。" * 60, (), (issuer,))
    (of_name, _, _), (of_issuer, _) = (
        telling(parse_question(question).terms, document) for question in ("平川科技园托管", "平川增长")
    )
    assert of_name.weight > 2 * of_issuer.weight


def test_a_document_of_the_year_speaks_of_it_where_a_sentence_gives_none() -> None:
    text = "全年生产总值3865亿元。2023年为3600亿元。"
    document = Document("d", "2024年统计公报", text)
    passage = Passage(Chunk("c", "d", Span(0, len(text)), text, ()), 1.0, 1)
    question = parse_question("2024年生产总值是多少？")
    this, other = (weigh(question, passage, span, document).year for span in sentences_of(passage, document))
    assert this > 0 > other


def test_what_leads_in_no_list_is_no_answer() -> None:
    text = "现将申请条件通知如下：\n申请人须符合下列条件：\n（一）有学历；\n（二）有社保。"
    document = Document("d", "通知", text)
    passage = Passage(Chunk("c", "d", Span(0, len(text)), text, ()), 1.0, 1)
    assert sentences_of(passage, document)[0].of(text) == "申请人须符合下列条件："


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("绿地的面积是多少？", "绿地等12处公园与商圈融合。"),
        ("母婴室每间造价多少？", "新增母婴室96间。"),
        ("夜间出租车有多少辆？", "增设出租车候客点63处。"),
        ("黄浦区建了多少座公园？", "黄浦、静安、虹口三个城区覆盖率超过90%。"),
        ("平台总投资多少？", "平台提供优惠不低于20%的服务。"),
    ],
)
def test_a_figure_of_another_kind_is_no_answer(question: str, sentence: str) -> None:
    assert fit_of(parse_question(question), sentence) == (0.0, ())


def evidence(question: str, sentence: str, text: str = "") -> Evidence:
    text = text or sentence
    start = text.index(sentence)
    passage = Passage(Chunk("c", "d", Span(0, len(text)), text, ()), 1.0, 1)
    span = Span(start, start + len(sentence))
    document = Document("d", "通知", text)
    return weigh(told(parse_question(question), document), passage, span, document)


def test_plans_count_less_where_a_figure_of_today_is_asked_for() -> None:
    plan, now = "到2027年，将起降点增加到200个。", "全市共有起降点17个。"
    assert evidence("起降点有多少个？", plan).time < evidence("起降点有多少个？", now).time == 0
    assert evidence("2027年起降点有多少个？", plan).time == 0


@pytest.mark.parametrize("question", ["运营机构是哪家？", "谁是运营机构？"])
def test_who_is_called_so_is_known(question: str) -> None:
    sentence = "市生产力促进中心（以下简称“运营机构”）受托承担日常运营。"
    found = evidence(question, sentence)
    assert found.defines == 1
    assert [sentence[start:end] for start, end in found.highlights] == ["市生产力促进中心"]
    assert evidence(question, "运营机构每季度受理一次。").defines == 0


def test_a_definition_is_known() -> None:
    assert evidence("创新券是什么？", "本办法所称创新券，是指购买服务的电子凭证。").defines == 1
    assert evidence("创新券是什么？", "创新券不得转让。").defines == 0


@pytest.mark.parametrize("question", ["机制里的“三联通”是指哪三项？", "“三联通”指什么？", "三联通是哪三样"])
def test_the_list_in_front_of_a_quoted_name_is_what_it_means(question: str) -> None:
    one = evidence(question, "建立“挂帅”机制，实现任务、资金、管理“三联通”，发布任务48项。")
    assert one.defines == 1
    ((start, end),) = one.highlights
    assert one.text[start:end] == "任务、资金、管理"


def test_the_items_of_a_list_stand_under_what_leads_it_in() -> None:
    text = "申领企业应当符合下列条件：\n（一）在本市注册；\n（二）人数不超过300人。"
    item = "（二）人数不超过300人。"
    alone = evidence("申领企业的人数上限是多少？", item)
    assert evidence("申领企业的人数上限是多少？", item, text).lexical > alone.lexical + 0.1


def test_what_has_the_noun_that_is_asked_for_counts_more() -> None:
    assert evidence("目前有什么短板？", "也存在人才不足的问题。").of_kind > 0.8
    assert evidence("目前有什么短板？", "产业链条长。").of_kind == 0


def test_the_site_where_one_applies_is_an_answer() -> None:
    sentence = "企业通过“惠企通”平台提交申请。"
    fit, places = fit_of(parse_question("在哪里申请？"), sentence)
    assert (fit, [sentence[start:end] for start, end in places]) == (1.0, ["“惠企通”平台"])
    assert fit_of(parse_question("在哪里申请？"), "企业应当入驻孵化器。")[0] < 0.3


@pytest.mark.parametrize(
    ("question", "sentence", "answer"),
    [
        ("报名费多少钱？", "报名不收取费用。", "不收取费用"),
        ("公租房租金可提取多少？", "公租房租金可全额提取。", "全额"),
    ],
)
def test_a_sum_may_be_told_without_a_figure(question: str, sentence: str, answer: str) -> None:
    _, ((start, end),) = fit_of(parse_question(question), sentence)
    assert sentence[start:end] == answer


def test_what_leads_in_and_says_something_is_read() -> None:
    text = "为支持住房需求，经市住房公积金管理委员会第四届第九次会议审议通过，现就调整有关事项通知如下："
    document = Document("d", "通知", text)
    passage = Passage(Chunk("c", "d", Span(0, len(text)), text, ()), 1.0, 1)
    assert [span.of(text) for span in sentences_of(passage, document)] == [text]


def test_a_share_is_not_read_where_a_sum_is_asked_for() -> None:
    sentence = "经费支出所占比重为81.2%。"
    marks = np.full((len(sentence), 2), -20.0, np.float32)
    start = sentence.index("81.2%")
    marks[start, 0] = marks[start + 4, 1] = 0.0
    places = np.array([(i, i + 1) for i in range(len(sentence))], np.int32)
    span = Span(0, len(sentence))
    passage = Passage(Chunk("c", "d", span, sentence, ()), 1.0, 1, reading=Reading(1.0, 1.0, places, marks))
    document = Document("d", "通知", sentence)
    share, total = (weigh(parse_question(q), passage, span, document).located for q in ("比重多大？", "支出多少钱？"))
    assert total < share / 5


@pytest.mark.parametrize(
    ("question", "sentence", "read", "shown"),
    [
        ("提供哪几种语言服务？", "提供英语、日语、韩语三种语言服务。", "三种语言", "英语、日语、韩语"),
        ("四大联盟是哪四个？", "建立芯片、医药、汽车、智能四大联盟。", "智能", "芯片、医药、汽车、智能"),
        ("首套公章有几枚？", "首套公章（5枚）由财政承担。", "（5枚）", "5枚"),
        ("设置率是多少？", "设置率由21%提高到50%。", "21%提高到50%", "50%"),
        ("资金有多少？", "资金100亿元人民币。", "100亿元人民币", "100亿元人民币"),
    ],
)
def test_what_the_reader_finds_is_set_right_by_the_rules(question: str, sentence: str, read: str, shown: str) -> None:
    start = sentence.index(read)
    marks = np.full((len(sentence), 2), -20.0, np.float32)
    marks[start, 0] = marks[start + len(read) - 1, 1] = 0.0
    places = np.array([(i, i + 1) for i in range(len(sentence))], np.int32)
    span = Span(0, len(sentence))
    passage = Passage(Chunk("c", "d", span, sentence, ()), 1.0, 1, reading=Reading(1.0, 1.0, places, marks))
    ((first, last),) = weigh(parse_question(question), passage, span, Document("d", "通知", sentence)).highlights
    assert sentence[first:last] == shown
