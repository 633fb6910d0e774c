"""What a document nearly says, and what it says in other words: asked end to end of an invented reply."""

import pytest

from app.assistant import Assistant
from app.types import Turn
from tests.conftest import assistant_of

pytestmark = pytest.mark.model

REPLY = """青禾市水务局
青水提复〔2024〕12号
签发人：沈知远
对市政协五届三次会议第0158号提案的答复
何其芳委员：
您提出的《关于加快节水型城市建设的提案》收悉，现答复如下：
一、关于管网改造
2023年，全市供水总量为3.6亿吨，比2022年增长2.4%，其中工业用水0.9亿吨；再生水利用量为5200万吨。2023年全市改造老旧管网412公里，东川区改造86公里，南浦区改造64公里。
二、关于节水补贴
设立“清源”计划，面向45周岁以下的节水技术人员，每人资助20万元；“碧泉”计划面向高校团队，每年遴选12个。对安装节水器具的小区，每个小区补助3万元。
2023年4月成立节水技术中心，由青禾理工大学牵头建设，总投资1.8亿元。截至2024年5月底，三类计划共资助了640人，总资助额9000万元。
对购置节水器具的住户，每户最高补助1500元，委托第三方机构核查；东川、南浦、北洲三个区累计安装节水器具2.6万套。节水器具按八折供应。
年用水量不超过50万吨的企业可申领节水券。将取水许可审批由20个工作日压缩至9个工作日。
单价500万元以上的检测仪器，对外服务每年不低于300小时。拟补助小区名单在局网站公示7日。节水监测员招录13名：水文4名、化学3名、电气6名。
布局海水淡化、矿井水2个中试基地，其中海水淡化中试基地总投资1.2亿元。2024年8月举办首届节水宣传周。
2023年全市有节水服务企业142家，产值86亿元，同比增长17.4%；其中国有11家、民营131家，职工3200人。节水行业规模居全省第3位。
工业领域推广循环冷却、废水回用等6项技术。
三、关于未采纳的建议
关于全面更换智能水表的建议，暂不采纳：一是单只水表成本约420元，财政难以承受；二是国家尚未出台统一标准。
节水券申领平台技术支持：0512-8830966
联系人：陆一鸣
联系电话：0512-8830127
青禾市水务局
2024年6月3日
"""


@pytest.fixture(scope="module")
def reply(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    return assistant_of(tmp_path_factory.mktemp("reply"), REPLY)


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("2023年工业用水比2022年增长了多少？", id="the growth of the whole for a part"),
        pytest.param("“碧泉”计划每人资助多少？", id="another plan"),
        pytest.param("每个家庭补助多少钱？", id="for each of others"),
        pytest.param("“清源”计划一共资助了多少人？", id="the sum of three for one"),
        pytest.param("西岭区改造了多少公里老旧管网？", id="a district that is not told of"),
        pytest.param("节水技术中心由谁验收？", id="a deed whose doer is not told"),
        pytest.param("节水技术中心哪年签的建设协议？", id="a deed whose date is not told"),
        pytest.param("三类计划从哪年开始资助的？", id="the date of a count for a beginning"),
        pytest.param("2022年再生水利用量是多少？", id="another year than the clause before has"),
        pytest.param("节水技术中心主任是谁？", id="a post"),
        pytest.param("陆一鸣的邮箱是多少？", id="a means of contact"),
        pytest.param("节水技术中心挂牌是在哪一年？", id="a deed before when"),
        pytest.param("青禾市老旧管网改造里数在全省排第几？", id="a rank that is not told"),
        pytest.param("农业领域推广了哪些技术？", id="another field"),
        pytest.param("三类计划人均资助多少钱？", id="a mean of which only the sum is told"),
        pytest.param("“碧泉”计划是什么意思？", id="a meaning that is not given"),
        pytest.param("南浦区累计安装节水器具多少套？", id="one of three districts"),
        pytest.param("购置节水器具的住户总共补助了多少钱？", id="what each gets for the sum"),
        pytest.param("核查请的是哪家第三方机构？", id="a body without a name"),
        pytest.param("节水宣传周是哪家公司承办的？", id="a doer where nobody is named"),
        pytest.param("首届节水宣传周在哪儿办？", id="a place where none is told"),
        pytest.param("矿井水中试基地总投资多少？", id="another one of a long sort"),
        pytest.param("何其芳委员的联系电话是多少？", id="the phone of the addressee"),
        pytest.param("市财政局的电话", id="the phone of another body"),
        pytest.param("节水服务企业数量同比增长多少？", id="the growth of the thing before"),
        pytest.param("再生水利用量是哪家公司公布的？", id="who made a figure known"),
        pytest.param("640人里女的有几个？", id="a part that is not told"),
        pytest.param("民营节水服务企业的职工有多少？", id="the sum behind a list for one of it"),
        pytest.param("为什么停办了节水技术中心？", id="a deed that was not done"),
        pytest.param("2023年再生水利用量为什么这么大？", id="a figure without its reason"),
        pytest.param("142家节水服务企业具体都是哪些，列一下", id="the names of what is counted"),
        pytest.param("光南浦一个区累计安装了多少套节水器具？", id="one place for several"),
        pytest.param("节水服务企业是哪家银行贷的款？", id="a bank that is not named"),
        pytest.param("接入节水服务的有哪些企业？", id="bodies where none is named"),
        pytest.param("何其芳委员对答复满意吗？", id="what nobody says of the document"),
        pytest.param("节水监测员平均每月挣多少？", id="a sum of money that is not told"),
        pytest.param("What is the e-mail address of the contact person?", id="a mailbox for an address"),
    ],
)
def test_what_is_told_of_something_else_is_refused(question: str, reply: Assistant) -> None:
    answer = reply.ask(question)
    assert answer.status == "refused", answer.text


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("申领平台打不开，该打哪个电话？", "0512-8830966"),
        ("我家小区没装节水器具，手里只有旧水表，装了每户最高能补多少？", "1500元"),
        ("23年底为止一共改造了多少公里老旧管网？", "412公里"),
        ("2023年工业用水多少吨？", "0.9亿吨"),
        ("2023年再生水用了多少？", "再生水利用量为5200万吨"),
        ("青禾市2023年换了多少公里旧管网？", "412公里"),
        ("南浦区改造了多少公里？", "64公里"),
        ("节水技术中心是哪个单位牵头建的？", "青禾理工大学"),
        ("节水技术中心哪年成立的？", "2023年4月"),
        ("节水技术中心成立于哪一年？", "2023年4月"),
        ("青水提复〔2024〕12号说2023年改造了多少公里老旧管网？", "412公里"),
        ("2023年东川区改造了多少公里老旧管网？", "86公里"),
        ("我今年40岁，能申请“清源”计划吗？", "45周岁以下"),
        ("三类计划加起来资助了多少人？", "640人"),
        ("三类计划资助640人是截至什么时候？", "2024年5月底"),
        ("工业领域推广了哪些技术？", "循环冷却、废水回用"),
        ("这份答复谁签发的？", "沈知远"),
        ("青水提复〔2024〕12号是哪天印发的？", "2024年6月3日"),
        ("节水器具打几折？", "八折"),
        ("我们厂一年用水30万吨，能领节水券吗？", "不超过50万吨"),
        ("节水行业规模在全省排名第几？", "第3位"),
        ("哪些地方布局了中试基地？海水淡化中试基地投了多少钱？", "1.2亿元"),
        ("在青禾买节水器具，一户最多补多少？", "1500元"),
        ("对答复有不清楚的地方找谁？", "陆一鸣"),
        ("提案是哪位委员提的？", "何其芳"),
        ("单价500万元以上的检测仪器对外服务机时不得低于多少？", "300小时"),
        ("节水监测员 化学 名额", "化学3名"),
        ("取水许可审批现在要几个工作日？", "9个工作日"),
        ("补助名单公示几日？", "公示7日"),
        ("装节水器具的小区每个给多少钱？", "每个小区补助3万元"),
        ("How large is the total investment of the water-saving technology centre?", "1.8亿元"),
    ],
)
def test_what_is_told_is_found_in_other_words(question: str, part: str, reply: Assistant) -> None:
    answer = reply.ask(question)
    assert answer.status == "answered"
    assert part in answer.text


def test_all_reasons_are_given(reply: Assistant) -> None:
    answer = reply.ask("为什么不采纳更换智能水表的建议？")
    assert "财政难以承受" in answer.text
    assert "尚未出台统一标准" in answer.text


def test_a_follow_up_may_ask_for_another_time(reply: Assistant) -> None:
    first = "取水许可审批现在要多久？"
    answer = reply.ask("以前呢？", [Turn(first, reply.ask(first).text)])
    assert answer.sentences[0].highlights == ("20个工作日",)


@pytest.mark.parametrize("mark", ["(", ")", "[", "*", "\\"])
def test_a_mark_in_a_question_is_no_expression(mark: str, reply: Assistant) -> None:
    for question in (f"矿井水中试{mark}基地总投资多少", f"“清源{mark}”计划每人资助多少", f"技术交易所{mark}的电话"):
        assert reply.ask(question).status in ("answered", "refused")
