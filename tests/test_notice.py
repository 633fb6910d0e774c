"""Asking another kind of document, end to end: a notice with conditions, lists, rates, deadlines and changes."""

import pytest

from app.assistant import Assistant
from tests.conftest import assistant_of

pytestmark = pytest.mark.model

NOTICE = """江海市科学技术局
关于组织申报2025年度技术改造专项资金的通知
江科〔2025〕17号
各有关单位：
根据《江海市技术改造行动方案》，现将申报有关事项通知如下：
一、支持对象
在本市依法登记注册、成立满两年的制造业企业，上年度研发费用占比不低于3%。
二、支持标准
（一）首台套：按照合同金额的30%给予补助，单个企业每年最高80万元。
（二）智能工厂：给予一次性奖励150万元。
三、申报材料
申报单位须提交下列材料：
1.专项资金申请表；
2.上年度审计报告；
3.信用承诺书。
四、时间安排
申报单位应于2025年4月1日至4月30日在线填报。评审结果公示5个工作日。
五、管理要求
各单位每半年报送一次资金使用情况。对骗取资金的，追回全部资金，三年内不得申报。
2024年度共支持项目426个，项目平均投资由310万元增至480万元，滨江、云湖、新城三个片区共获资金2.3亿元，比上年增长12.5%。
联系人：陈晓岚
电话：88012207
监督电话：88015519
江海市科学技术局
2025年3月12日
"""


@pytest.fixture(scope="module")
def notice(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    return assistant_of(tmp_path_factory.mktemp("notice"), NOTICE)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("首台套补助比例是多少？", "30%"),
        ("研发费用占比有什么要求？", "不低于3%"),
        ("申报截止到几号？", "4月30日"),
        ("评审结果公示多长时间？", "5个工作日"),
        ("资金使用情况多久报一次？", "每半年"),
        ("项目平均投资增加到多少？", "480万元"),
        ("三个片区的资金增长了多少？", "12.5%"),
        ("监督电话是多少？", "88015519"),
    ],
)
def test_a_fact_is_found_and_highlighted(question: str, answer: str, notice: Assistant) -> None:
    asked = notice.ask(question)
    assert answer in " ".join(highlight for sentence in asked.sentences for highlight in sentence.highlights)


def test_a_list_is_given_whole_each_item_with_its_own_citation(notice: Assistant) -> None:
    answer = notice.ask("申报要提交哪些材料？")
    texts = [sentence.text for sentence in answer.sentences]
    assert texts[-3:] == ["1.专项资金申请表", "2.上年度审计报告", "3.信用承诺书。"]
    assert [citation.quote for citation in answer.citations] == texts


@pytest.mark.parametrize(
    "question",
    [
        "智能工厂的补助比例是多少？",
        "滨江片区获得了多少资金？",
        "农业企业可以获得多少奖励？",
        "评审专家有几位？",
    ],
)
def test_what_the_notice_does_not_say_is_refused(question: str, notice: Assistant) -> None:
    assert notice.ask(question).status == "refused"
