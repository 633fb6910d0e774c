"""What a document nearly says, and what it says in other words: asked end to end of an invented reply."""

import pytest

from app.assistant import Assistant
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
工业领域推广循环冷却、废水回用等6项技术。
三、关于未采纳的建议
关于全面更换智能水表的建议，暂不采纳：一是单只水表成本约420元，财政难以承受；二是国家尚未出台统一标准。
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
        pytest.param("节水技术中心主任是谁？", id="a post"),
        pytest.param("陆一鸣的邮箱是多少？", id="a means of contact"),
        pytest.param("农业领域推广了哪些技术？", id="another field"),
        pytest.param("“碧泉”计划是什么意思？", id="a meaning that is not given"),
        pytest.param("为什么停办了节水技术中心？", id="a deed that was not done"),
    ],
)
def test_what_is_told_of_something_else_is_refused(question: str, reply: Assistant) -> None:
    answer = reply.ask(question)
    assert answer.status == "refused", answer.text


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("2023年工业用水多少吨？", "0.9亿吨"),
        ("2023年再生水用了多少？", "再生水利用量为5200万吨"),
        ("青禾市2023年换了多少公里旧管网？", "412公里"),
        ("南浦区改造了多少公里？", "64公里"),
        ("节水技术中心是哪个单位牵头建的？", "青禾理工大学"),
        ("节水技术中心哪年成立的？", "2023年4月"),
        ("我今年40岁，能申请“清源”计划吗？", "45周岁以下"),
        ("三类计划加起来资助了多少人？", "640人"),
        ("三类计划资助640人是截至什么时候？", "2024年5月底"),
        ("工业领域推广了哪些技术？", "循环冷却、废水回用"),
        ("这份答复谁签发的？", "沈知远"),
        ("青水提复〔2024〕12号是哪天印发的？", "2024年6月3日"),
        ("对答复有不清楚的地方找谁？", "陆一鸣"),
        ("提案是哪位委员提的？", "何其芳"),
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
