"""What speaks against an answer: another year, another place, a sum, a plan, a missing figure."""

import pytest

from app.answering.choosing import weigh
from app.answering.kinds import FIRM
from app.answering.missing import NO_CAUSE
from app.answering.question import parse_question
from app.answering.support import (
    CONTRARY,
    COUNTS,
    DEED,
    GROUP,
    IN_TITLE,
    LACKS,
    OTHERS,
    THRESHOLD,
    WEIGHTS,
    Support,
    probability,
    support_of,
)
from app.loading import make_document
from app.types import Chunk, Document, Passage, Span

TEXT = """上海市科学技术委员会
沪科〔2024〕1号
关于人才计划的报告
截至 2023 年底，四类计划共资助了 1 万余人，总资助额 26 亿余元。基金拟投项目 500 项。"""


@pytest.fixture
def document() -> Document:
    return make_document("report.txt", TEXT)


def support(question: str, sentence: str, document: Document) -> Support:
    start = document.text.index(sentence)
    span = Span(start, start + len(sentence))
    last_line = Span(document.text.rindex("\n") + 1, len(document.text))
    chunk = Chunk("c", document.id, last_line, last_line.of(document.text))
    parsed = parse_question(question)
    return support_of(parsed, weigh(parsed, Passage(chunk, 2.0, 1), span, document), document)


SUM = "截至 2023 年底，四类计划共资助了 1 万余人，总资助额 26 亿余元。"
PLAN = "基金拟投项目 500 项。"


@pytest.mark.slow
def test_a_supported_answer_lacks_nothing(document: Document) -> None:
    found = support("2023年底四类计划共资助了多少人？", SUM, document)
    against = [name for name, weight in WEIGHTS.items() if weight < 0 and getattr(found, name) > 0.3]
    assert against == []
    assert probability(found) > THRESHOLD


@pytest.mark.parametrize(
    ("question", "sentence", "objection"),
    [
        ("2021年四类计划共资助了多少人？", SUM, "missing_year"),
        ("浙江四类计划共资助了多少人？", SUM, "missing_name"),
        ("计划平均每人资助了多少元？", SUM, "aggregate"),
        ("五类计划共资助了多少人？", SUM, "missing_number"),
        ("四类计划占全国的比例是多少？", SUM, "no_figure"),
        ("基金实际投了多少个项目？", PLAN, "unreal"),
        ("四类计划具体是哪几个？", SUM, "no_list"),
        ("为什么取消四类计划？", SUM, "missing_reason"),
        ("四类计划资助了哪些高校？", SUM, "missing_wanted"),
        ("四类计划的负责人是谁？", SUM, "missing_focus"),
        ("四类计划资助了多少头奶牛？", SUM, "missing_word"),
    ],
)
def test_each_objection_is_seen(question: str, sentence: str, objection: str, document: Document) -> None:
    assert getattr(support(question, sentence, document), objection) > 0.2


def test_the_clause_of_the_answer_gives_the_sum_of_others(document: Document) -> None:
    sentence = "该所发布首单专利贷款，累计授信超 16 亿元。"
    found = support("首单专利贷款的金额是多少？", sentence, Document("d", "通知", f"标题\n{sentence}"))
    assert found.aggregate == 1
    single = "该所发布首单专利贷款，首单授信 300 万元，累计授信超 16 亿元。"
    found = support("首单专利贷款授信多少万元？", single, Document("d", "通知", f"标题\n{single}"))
    assert found.aggregate == 0


@pytest.mark.parametrize(
    ("question", "sentence", "missing"),
    [
        ("教师流动有什么规定？", "严禁到县中抢挖优秀教师。", 0),
        ("依据哪部规定？", "严禁到县中抢挖优秀教师。", 1),
        ("代表来自哪些国家？", "代表来自希腊和挪威。", 0),
        ("代表来自哪些国家？", "代表来自上海市。", 1),
        ("报告给哪些高校看？", "报告交付给委托方。", FIRM),
    ],
)
def test_what_is_asked_for_is_known_by_its_look(question: str, sentence: str, missing: float) -> None:
    found = support(question, sentence, Document("d", "通知", f"标题\n{sentence}"))
    assert found.missing_wanted == missing


def test_a_passage_about_others_is_told(document: Document) -> None:
    sentence = "县中教师定向培养每年招收800名。"
    other = Document("d", "通知", f"标题\n{sentence}")
    assert support("初中教师每年招收多少名？", sentence, other).missing_word == OTHERS
    assert support("县中教师每年招收多少名？", sentence, other).missing_word < 0.4


@pytest.mark.parametrize(
    ("question", "sentence", "objection"),
    [
        ("硕士的安家费是多少？", "（一）博士：安家费40万元。", "missing_name"),
        ("科创贷的不良率是多少？", "科创贷平均利率3.65%。", "missing_focus"),
    ],
)
def test_what_is_told_of_others_is_no_answer(question: str, sentence: str, objection: str) -> None:
    document = Document("d", "通知", f"标题\n（二）硕士：科研经费10万元。\n{sentence}")
    assert getattr(support(question, sentence, document), objection) == 1


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("中山医院招收多少名？", "由中山医院、瑞金医院承担任务，招收800名。"),
        ("禾赛科技有多少项目？", "支持地平线、禾赛科技等企业攻关，累计支持项目67个。"),
        ("聘请的体育教练员有多少人？", "各地聘请退休教师、民间艺人、体育教练员等校外人员4310人。"),
        ("汐川大学一家成交额是多少？", "汐川大学、澜江大学两校成交额合计15.2亿元。"),
    ],
)
def test_a_figure_of_several_is_not_that_of_one(question: str, sentence: str) -> None:
    assert support(question, sentence, Document("d", "通知", f"标题\n{sentence}")).aggregate == GROUP


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("卖到汐川和白圩的合同金额有多大？", "其中输出到汐川、白圩两市的合同成交额为19.3亿元。"),
        ("每个月能领多少补贴？", "补贴标准为新就业职工每户每月400元。"),
        ("每个学徒补多少？", "每个学徒补助6000元。"),
    ],
)
def test_a_figure_of_all_that_are_asked_about_is_theirs(question: str, sentence: str) -> None:
    assert support(question, sentence, Document("d", "通知", f"标题\n{sentence}")).aggregate == 0


@pytest.mark.parametrize(
    ("sentence", "unreal"),
    [
        ("到2026年，力争成交额达到35亿元，技术经理人达到1000人。", 1),
        ("拟新增基地3个，目前已有技术经理人1000人。", 0),
        ("将基地与学校结合，已有技术经理人1000人，拟再招50人。", 0),
    ],
)
def test_a_plan_goes_on_to_the_next_mark(sentence: str, unreal: float) -> None:
    found = support("现在一共有多少技术经理人？", sentence, Document("d", "通知", f"标题\n{sentence}"))
    assert found.unreal == unreal


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("下半年投资多少？", "上半年投资142.7亿元。"),
        ("副高级职称补贴多少？", "正高级职称补贴80万元。"),
        ("应用研究经费增长多少？", "基础研究经费增长15.6%。"),
        ("四居室有多少套？", "一居室840套、两居室360套。"),
        ("基金二期规模多大？", "基金首期规模5亿元。"),
        ("第一污水处理厂日处理能力多大？", "第二污水处理厂日处理能力6万吨。"),
    ],
)
def test_the_contrary_is_no_answer(question: str, sentence: str) -> None:
    assert support(question, sentence, Document("d", "通知", f"标题\n{sentence}")).missing_number == CONTRARY


@pytest.mark.parametrize(
    ("question", "sentence", "lacking"),
    [
        ("撤销的5家实验室叫什么名字？", "新批建23家，撤销5家实验室。", COUNTS),
        ("撤销的2家实验室叫什么名字？", "撤销2家：材料实验室、芯片实验室。", 0),
        ("现代产业学院都有哪些？", "分两批共建设 30 个高校现代产业学院。", 1),
        ("新建的5处服务站叫什么？", "新建服务站5处、托育点2处。", LACKS),
        ("除了汐川大学，还有哪些单位？", "首批确定汐川大学、省农科院等14家单位。", 0),
        ("除了汐川大学和省农科院，还有哪些单位？", "首批确定汐川大学、省农科院等14家单位。", LACKS),
        ("用电量增长多少？", "用电量3.2亿千瓦时。", LACKS),
        ("服务站的地址在哪？", "可到云桥服务站或9家登记站办理。", 1),
        ("服务站的地址在哪？", "服务站在云桥路12号。", 0),
        ("报告里本市排全国第几？", "本市有13个指标超过全国。", LACKS),
        ("报告里本市排全国第几？", "本市综合得分位居全国首位。", 0),
        ("Who is the director of the transfer centre?", "受托机构为技术转移促进中心。", LACKS),
        ("Who is the director of the transfer centre?", "技术转移促进中心主任陆一鸣到会。", 0),
        ("分管的副局长叫什么？", "分管领导：端木清远（副局长）", 0),
        ("有疑问打哪个电话？", "咨询电话：6618-2047（慢行交通处）。", 0),
        ("有疑问打哪个电话？", "规划期为2021-2025年。", LACKS),
    ],
)
def test_an_attribute_that_is_not_told_is_missed(question: str, sentence: str, lacking: float) -> None:
    assert support(question, sentence, Document("d", "通知", f"标题\n{sentence}")).no_list == lacking


@pytest.mark.parametrize(
    ("question", "sentence", "aggregate"),
    [
        ("全市支出总额是多少？", "其中，市本级支出5.92亿元。", GROUP),
        ("市本级支出多少？", "其中，市本级支出5.92亿元。", 0),
        ("创新券补贴金额同比增长多少？", "服务企业2963家，同比增长18.6%。", GROUP),
        ("服务的企业同比增长多少？", "服务企业2963家，同比增长18.6%。", 0),
        ("低空产业产值比前一年涨了多少？", "低空产业企业168家，产值74.6亿元，比2022年增长21.5%。", 0),
    ],
)
def test_a_part_or_the_growth_of_another_is_no_answer(question: str, sentence: str, aggregate: float) -> None:
    document = Document("d", "通知", f"标题\n创新券补贴9260万元。\n{sentence}")
    assert support(question, sentence, document).aggregate == aggregate


@pytest.mark.parametrize(
    ("sentence", "missing"),
    [("公路客运量下降3.7%。", NO_CAUSE), ("公路客运量因高铁分流下降3.7%。", 0)],
)
def test_a_change_alone_is_no_reason(sentence: str, missing: float) -> None:
    found = support("公路客运量为什么下降？", sentence, Document("d", "通知", f"标题\n{sentence}"))
    assert found.missing_reason == missing


@pytest.mark.parametrize(
    ("question", "sentence", "missing"),
    [
        ("独角兽企业减少了几家？", "拥有独角兽企业3家。", DEED),
        ("基金为什么停办？", "基金总规模50亿元。", DEED),
        ("什么情况会取消资格？", "连续两年不合格的，取消资格。", 0),
        ("周期缩短了多少？", "周期压缩至18天。", 0),
        ("Who manages the transfer fund?", "九城市共同组建转化基金。", DEED),
        ("Who manages the transfer fund?", "转化基金由市投资公司管理。", 0),
        ("Who set up the transfer fund?", "九城市共同组建转化基金。", 0),
        ("When was the transfer centre approved?", "2023年4月建成技术转移中心。", DEED),
        ("技术转移中心成立于哪一年？", "2023年4月技术转移中心获奖。", DEED),
        ("技术转移中心成立于哪一年？", "2023年4月成立技术转移中心。", 0),
    ],
)
def test_a_deed_that_nothing_tells_of_is_seen(question: str, sentence: str, missing: float) -> None:
    found = support(question, sentence, Document("d", "通知", f"标题\n{sentence}")).missing_word
    assert (found >= DEED) == (missing == DEED)


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("装机容量比2022年下降了多少？", 0),
        ("2023年装机容量是多少？", 0.2),
        ("2022年装机容量是多少？", 1),
    ],
)
def test_a_clause_is_of_the_year_of_its_own_sentence_and_not_of_the_one_compared_with(
    question: str, missing: float
) -> None:
    sentence = "装机容量为64万千瓦，比2022年下降4.1%"
    document = Document("d", "通知", f"标题\n2023年，供水5200万吨；{sentence}。")
    assert support(question, sentence, document).missing_year == missing


def test_a_rate_may_be_told_by_its_verb() -> None:
    sentence = "科创贷余额增长22.8%。"
    assert support("科创贷的增长率是多少？", sentence, Document("d", "通知", f"标题\n{sentence}")).missing_focus == 0


def test_a_noun_in_the_title_is_half_there() -> None:
    sentence = "每家企业每年最高30万元。"
    document = Document("d", "创新券管理办法", f"创新券管理办法\n{sentence}")
    assert 0 < support("每家企业最多领多少创新券？", sentence, document).missing_wanted == IN_TITLE


def test_a_document_number_is_known_by_its_look() -> None:
    sentence = "《实施细则》（宁科发〔2020〕9号）同时废止。"
    document = Document("d", "通知", f"标题\n{sentence}")
    assert support("实施细则的文号是什么？", sentence, document).missing_focus == 0
    assert (
        support(
            "实施细则的文号是什么？", "《实施细则》同时废止。", Document("d", "通知", "标题\n《实施细则》同时废止。")
        ).missing_focus
        == 1
    )


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("两所医院招收多少名？", "由中山医院、瑞金医院承担任务，招收800名。"),
        ("中山医院按多少补助？", "对中山医院、瑞金医院按投资额的20%给予补助。"),
        ("博士的安家费是多少？", "（一）博士：安家费40万元。"),
    ],
)
def test_what_is_told_of_each_or_all_is_an_answer(question: str, sentence: str) -> None:
    document = Document("d", "通知", f"标题\n（二）硕士：科研经费10万元。\n{sentence}")
    found = support(question, sentence, document)
    assert (found.aggregate, found.missing_name) == (0, 0)


def test_the_place_of_the_issuing_body_is_no_objection(document: Document) -> None:
    assert support("上海四类计划共资助了多少人？", SUM, document).missing_name <= 0.1


def test_every_weight_belongs_to_a_feature_and_has_its_sign() -> None:
    assert set(WEIGHTS) == set(Support.__slots__)
    for name, weight in WEIGHTS.items():
        assert (weight < 0) == (name.startswith(("missing", "no_")) or name in ("aggregate", "unreal"))


@pytest.mark.parametrize(
    ("sentence", "missing"), [("总部设在浦东新区。", 0), ("总部所在的区是上海。", FIRM), ("总部设在各区。", FIRM)]
)
def test_a_district_is_named(sentence: str, missing: float) -> None:
    found = support("总部设在哪个区？", sentence, Document("d", "通知", f"标题\n{sentence}"))
    assert found.missing_wanted == missing
