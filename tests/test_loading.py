"""Files to documents: canonical text, metadata, sections."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.loading import make_document
from app.loading.fields import ISSUER
from app.loading.paragraphs import canonical_lines
from app.types import Document
from tests.conftest import CORPUS

SEED = next(CORPUS.glob("*.txt")).read_text(encoding="utf-8")

NOTICE = """上海市科学技术委员会文件

沪科规〔2024〕5号

关于印发《上海市科技创新券管理办法》的通知

各区科委（科经委），各有关单位：

　　为进一步优化科技创新券的使用，根据《上海市科技创新条例》，制定本办法。现将有关事项通知如下：

一、总体要求，提高认识，加强组织领导，切实抓好落实

　　各单位应当高度重视科技创新券工作。

（一）申请条件

1. 在本市注册的中小企业；
2. 与服务机构无投资关系；

（二）支持标准。每家企业每年不超过30万元。

二、时间安排

　　自2024年6月1日起受理，至2024年12月31日截止。

　　特此通知。

附件：1. 上海市科技创新券管理办法
      2. 申请表

上海市科学技术委员会
二〇二四年五月二十日

（此件公开发布）

附件1

上海市科技创新券管理办法

第一章　总则

第一条　为规范科技创新券管理，制定本办法。

第二章　附则

第二条　本办法自2024年6月1日起施行。

上海市科学技术委员会办公室　　2024年5月20日印发
"""

REGULATION = """上海口岸服务条例

（2020年5月14日上海市第十五届人民代表大会常务委员会第二十一次会议通过）

第一章　总则

第一条　为了规范口岸开放，制定本条例。

第二条　本市口岸开放工作，适用本条例。有下列情形之一的除外：
（一）军用口岸；
（二）其他口岸。

第二章　口岸开放

第一节　一般规定

第三条　本条例自2020年7月1日起施行。
"""

MARKDOWN = """# 使用手册

<!-- 给编辑看的
两行注释 -->

## 一、申请条件

申请人应当是**在沪注册**的企业，详见[办事指南](https://zwdt.sh.gov.cn/guide "指南")和![流程图](a.png)。

- 注册满一年，信用良好，无重大违法违规记录的企业
- *年收入*不超过2亿元

### 背景

> 引用的一段话，~~已废止~~，说明 `youju build` 如何使用。

下面是表格：

| 项目 | 金额 |
|------|-----:|
| 扬帆 | 20万元，分两次拨付，第二次在验收之后 |

表后的一段。

```python
# 不是标题
print("**x**")
```

## 使用说明

电话138****1234，2**10=1024。
"""


def text_of(raw: str) -> str:
    return make_document("x", raw).text


def lines_of(raw: str) -> list[str]:
    return text_of(raw).split("\n")


def paths_of(document: Document) -> list[tuple[str, ...]]:
    return [section.path for section in document.sections]


def section(document: Document, *path: str) -> str:
    (found,) = [section.span.of(document.text) for section in document.sections if section.path == path]
    return found


def field_lines(document: Document) -> dict[str, tuple[str, str]]:
    return {field.key: (field.value, field.span.of(document.text)) for field in document.fields}


# --- the reply ------------------------------------------------------------------------------------------------------


def test_the_reply_reads_without_marks_and_rules(reply: Document) -> None:
    assert not set("*#`|") & set(reply.text)
    assert "---" not in reply.text
    assert "\n\n" not in reply.text
    assert reply.text == reply.text.strip()


def test_the_three_page_breaks_of_the_reply_are_joined(reply: Document) -> None:
    assert "根据《中国区域科技创新评价报告 2023》，13 个指标占全国比重超过 30%。" in reply.text
    assert "市教委积极推进复旦大学、上海交通大学等高校与地方政府部门联合成立科创母基金" in reply.text
    assert "聚焦关键技术协同研发突破。推动长三角开发区协同发展联盟建立园区专业服务体系" in reply.text


def test_nothing_else_of_the_reply_is_joined(reply: Document) -> None:
    """The file has 28 blocks of text besides its rules; joining the three cuts leaves 25."""
    blocks = [block for block in SEED.split("\n\n") if block.strip() and block.strip() != "---"]
    lines = reply.text.split("\n")
    assert (len(blocks), len(lines)) == (28, 25)
    assert lines[:6] == [
        "办理结果：解决采纳",
        "公开属性：主动公开·全文",
        "上海市科学技术委员会",
        "沪科提复〔2024〕38号",
        "对市政协十四届二次会议 第 0608 号提案的答复",
        "民盟界别、市政协科学技术界：",
    ]
    assert lines[-10:] == [
        "感谢你们对本市科技工作的关心与支持。",
        "上海市科学技术委员会",
        "2024 年 5 月 27 日",
        "联系人姓名：李 畅",
        "联系电话：23112495",
        "联系地址：人民大道 200 号",
        "邮政编码：200003",
        "抄送：市政府办公厅建议提案处，市政协提案办。",
        "上海市科委办公室",
        "2024 年 5 月 27 日印发",
    ]


def test_every_word_of_the_reply_is_kept(reply: Document) -> None:
    def words(text: str) -> str:
        return "".join(character for character in text if character not in "*#- \n")

    assert words(reply.text) == words(SEED)


def test_what_the_reply_says_about_itself(reply: Document) -> None:
    assert field_lines(reply) == {
        "办理结果": ("解决采纳", "办理结果：解决采纳"),
        "公开属性": ("主动公开·全文", "公开属性：主动公开·全文"),
        "发文机关": ("上海市科学技术委员会", "上海市科学技术委员会"),
        "文号": ("沪科提复〔2024〕38号", "沪科提复〔2024〕38号"),
        "标题": ("对市政协十四届二次会议 第 0608 号提案的答复",) * 2,
        "提案编号": ("0608", "对市政协十四届二次会议 第 0608 号提案的答复"),
        "主送": ("民盟界别、市政协科学技术界", "民盟界别、市政协科学技术界："),
        "成文日期": ("2024 年 5 月 27 日", "2024 年 5 月 27 日"),
        "联系人": ("李 畅", "联系人姓名：李 畅"),
        "联系电话": ("23112495", "联系电话：23112495"),
        "联系地址": ("人民大道 200 号", "联系地址：人民大道 200 号"),
        "邮政编码": ("200003", "邮政编码：200003"),
        "抄送": ("市政府办公厅建议提案处，市政协提案办。", "抄送：市政府办公厅建议提案处，市政协提案办。"),
        "印发机关": ("上海市科委办公室", "上海市科委办公室"),
        "印发日期": ("2024 年 5 月 27 日", "2024 年 5 月 27 日印发"),
    }
    assert reply.title == "对市政协十四届二次会议 第 0608 号提案的答复"
    assert reply.id == "沪科提复〔2024〕38号.txt"


def test_the_sections_of_the_reply(reply: Document) -> None:
    first, second, third = (
        "1. 关于“加大人才培养引进力度”的建议",
        "2. 关于“完善科技成果转化机制”的建议",
        "3. 关于“促进产业集群协调发展”的建议",
    )
    numbered = [
        (heading, *point) for heading in (first, second, third) for point in ((), ("一是",), ("二是",), ("三是",))
    ]
    later = [("下阶段", *point) for point in ((), ("一是",), ("二是",), ("三是",))]
    assert paths_of(reply) == [("版头",), *numbered, *later, ("落款",)]
    assert section(reply, first, "三是") == (
        "三是增加人才交流。长三角 G60 科创走廊人才流动五年累计突破 38 万人次，连续 5 年举办人才峰会。"
    )
    assert section(reply, "下阶段", "一是").startswith("一是强化科技人才工作统筹。优化政策牵引")
    assert section(reply, "下阶段", "三是").endswith("打造一批各具特色的产业集群。")
    assert section(reply, "落款").startswith("上海市科学技术委员会\n2024 年 5 月 27 日\n联系人姓名")


@pytest.mark.parametrize(
    ("quote", "path"),
    [
        ("沪科提复〔2024〕38号", ("版头",)),
        ("自 2018 年长三角一体化", ()),
        ("四类计划共资助了", ("1. 关于“加大人才培养引进力度”的建议", "二是")),
        ("基金总规模 100 亿元", ("2. 关于“完善科技成果转化机制”的建议", "二是")),
        ("四大产业链联盟", ("3. 关于“促进产业集群协调发展”的建议", "二是")),
        ("促进科技人才跨区域协同", ("下阶段", "一是")),
        ("感谢你们", ()),
        ("23112495", ("落款",)),
    ],
)
def test_where_a_sentence_of_the_reply_stands(reply: Document, quote: str, path: tuple[str, ...]) -> None:
    assert reply.heading_at(reply.text.index(quote)) == path


# --- other kinds of documents ---------------------------------------------------------------------------------------


def test_a_notice_with_an_attachment() -> None:
    notice = make_document("notice.txt", NOTICE)
    fields = {key: value for key, (value, _) in field_lines(notice).items()}
    assert fields == {
        "发文机关": "上海市科学技术委员会",
        "文号": "沪科规〔2024〕5号",
        "标题": "关于印发《上海市科技创新券管理办法》的通知",
        "主送": "各区科委（科经委），各有关单位",
        "附件": "1. 上海市科技创新券管理办法",
        "成文日期": "二〇二四年五月二十日",
        "印发机关": "上海市科学技术委员会办公室",
        "印发日期": "2024年5月20日",
    }
    general = "一、总体要求，提高认识，加强组织领导，切实抓好落实"
    assert paths_of(notice) == [
        ("版头",),
        (general,),
        (general, "（一）申请条件"),
        (general, "（一）申请条件", "1"),
        (general, "（一）申请条件", "2"),
        (general, "（二）支持标准"),
        ("二、时间安排",),
        ("附件：1. 上海市科技创新券管理办法",),
        ("附件：1. 上海市科技创新券管理办法", "2. 申请表"),
        ("落款",),
        ("附件1",),
        ("附件1", "第一章　总则"),
        ("附件1", "第一章　总则", "第一条"),
        ("附件1", "第二章　附则"),
        ("附件1", "第二章　附则", "第二条"),
        ("落款",),
    ]
    assert notice.heading_at(notice.text.index("特此通知")) == ()
    assert notice.heading_at(notice.text.index("此件公开发布")) == ("落款",)
    assert notice.heading_at(notice.text.index("办公室　　2024")) == ("落款",)


@pytest.mark.parametrize(
    ("text", "issuer"),
    [
        ("稷安市消防救援支队\n稷消〔2025〕6号\n\n火灾情况的通报\n\n全年火灾下降。", "稷安市消防救援支队"),
        ("稷安市博物馆\n稷博〔2025〕6号\n\n开放时间的通告\n\n周一闭馆。", "稷安市博物馆"),
        ("开放时间的通告\n\n周一闭馆。\n节日照常开放。\n\n稷安市博物馆\n2025年1月6日", "稷安市博物馆"),
        ("稷安市博物馆简介\n2025年1月6日\n\n本馆建于1952年。\n周一闭馆。\n节日照常开放。", None),
        ("馆藏目录\n稷博〔2025〕6号\n\n本馆建于1952年。\n开放时间的通告\n2025年1月6日", None),
    ],
)
def test_the_issuer_is_above_the_number_or_the_date_whatever_its_name_ends_with(text: str, issuer: str | None) -> None:
    field = make_document("a.txt", text).field(ISSUER)
    assert (field.value if field else None) == issuer


def test_an_item_that_ends_with_a_semicolon_is_no_heading_and_a_question_is_one() -> None:
    text = "政策解读\n一、有什么条件？\n申请人应当：\n（一）具有本科学历；\n（二）已在本市就业。"
    assert paths_of(make_document("a.txt", text))[-3:] == [
        ("一、有什么条件？",),
        ("一、有什么条件？", "（一）"),
        ("一、有什么条件？", "（二）"),
    ]


@pytest.mark.parametrize(
    ("opening", "consulted"),
    [
        ("提案收悉。经会同市文化旅游局、市规划局研究，现答复如下：", "市文化旅游局、市规划局"),
        ("提案收悉，经商市科委、市科协，现答复如下：", "市科委、市科协"),
        ("提案收悉。经与市财政局共同研究，现将办理情况答复如下：", "市财政局"),
        ("提案收悉，经研究，现将办理情况答复如下：", None),
    ],
)
def test_a_reply_names_who_was_consulted(opening: str, consulted: str | None) -> None:
    document = make_document("a.txt", f"市教育局\n对第0345号提案的答复\n民进市委：\n贵委提出的{opening}\n一、情况")
    field = document.field("会办单位")
    assert (field and field.value) == consulted
    assert field is None or (consulted or "") in field.span.of(document.text)


def test_a_numbered_heading_without_an_end_mark_is_not_joined_to_its_text() -> None:
    lines = lines_of(NOTICE)
    assert "一、总体要求，提高认识，加强组织领导，切实抓好落实" in lines
    assert "各单位应当高度重视科技创新券工作。" in lines


def test_a_regulation_with_chapters_and_articles() -> None:
    regulation = make_document("regulation.txt", REGULATION)
    assert regulation.title == "上海口岸服务条例"
    assert paths_of(regulation) == [
        ("版头",),
        ("第一章　总则",),
        ("第一章　总则", "第一条"),
        ("第一章　总则", "第二条"),
        ("第一章　总则", "第二条", "（一）"),
        ("第一章　总则", "第二条", "（二）"),
        ("第二章　口岸开放",),
        ("第二章　口岸开放", "第一节　一般规定"),
        ("第二章　口岸开放", "第一节　一般规定", "第三条"),
    ]


def test_a_markdown_file_reads_without_its_marks() -> None:
    manual = make_document("manual.md", MARKDOWN)
    assert manual.text.split("\n") == [
        "使用手册",
        "一、申请条件",
        "申请人应当是在沪注册的企业，详见办事指南和流程图。",
        "注册满一年，信用良好，无重大违法违规记录的企业",
        "年收入不超过2亿元",
        "背景",
        "引用的一段话，已废止，说明 youju build 如何使用。",
        "下面是表格：",
        "| 项目 | 金额 |",
        "| 扬帆 | 20万元，分两次拨付，第二次在验收之后 |",
        "表后的一段。",
        "# 不是标题",
        'print("**x**")',
        "使用说明",
        "电话138****1234，2**10=1024。",
    ]


def test_markdown_headings_are_sections() -> None:
    manual = make_document("manual.md", MARKDOWN)
    assert manual.title == "使用手册"
    assert paths_of(manual) == [("版头",), ("一、申请条件",), ("一、申请条件", "背景"), ("使用说明",)]
    assert section(manual, "一、申请条件", "背景").startswith("背景\n引用的一段话")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            "**1. 关于“人才”的建议。**一是**强化培养**，由市教委推动。",
            "1. 关于“人才”的建议。一是强化培养，由市教委推动。",
        ),
        ("**一是****强化**人才。", "一是强化人才。"),
        ("**未闭合的粗体。", "未闭合的粗体。"),
        ("__重点__，_snake_case_名。", "重点，_snake_case_名。"),
        ("第__条，____年__月（__）。", "第__条，____年__月（__）。"),
        ("见[1](二)款和[附件](/files/a.pdf)。", "见[1](二)款和附件。"),
        ("标*为必填，5*3*2=30。", "标*为必填，5*3*2=30。"),
        ("# 标题 ##", "标题"),
        ("# C#", "C#"),
        ("<!-- 没有结尾的注释", "<!-- 没有结尾的注释"),
        ("a<!-- 甲 -->b<!-- 乙 -->c", "abc"),
        ("文\x00字\u200b\ufeff。", "文字。"),
    ],
)
def test_markdown_marks_are_removed_one_by_one(raw: str, expected: str) -> None:
    assert text_of(raw) == expected


@pytest.mark.parametrize(
    "mark",
    [
        "\n\n",
        "\n\n---\n\n",
        "\n\n— 3 —\n\n",
        "\n- 3 -\n",
        "\n第 3 页 共 10 页\n",
        "\n\f\n",
        "\r\n\r\n",
        "\n<!-- 页 -->\n",
    ],
)
def test_a_page_break_inside_a_paragraph_is_joined(mark: str) -> None:
    raw = f"根据《长三角科技创新评价报告》，13个指标占全国比重超过{mark}30%，协同日益紧密。\n\n下一段。"
    assert lines_of(raw) == ["根据《长三角科技创新评价报告》，13个指标占全国比重超过30%，协同日益紧密。", "下一段。"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("本市将进一步优化营商环境。", "下一段从这里开始，另起一行。"),
        ("关于进一步加强科技创新工作的若干意见", "各区人民政府："),
        ("一、提高思想认识，切实加强对科技创新工作的组织领导", "各单位应当高度重视。"),
        ("各区人民政府，市政府各委、办、局：", "现将有关事项通知如下。"),
        ("联系地址：上海市黄浦区人民大道200号，市政府大厦", "邮政编码：200003"),
        ("感谢你们对本市科技工作的关心，欢迎继续监督", "2024年5月27日"),
        ("支持企业在绍兴、宁波，无锡等地开展重大项目建设", "（二）强化协同"),
        ("| 扬帆 | 面向32周岁以下，资助20万元 |", "启明星计划面向35周岁以下青年"),
        ("- 支持企业在绍兴，宁波，无锡，嘉善等地开展建设", "上述项目由市科委组织实施，按年度推进。"),
        ("Shanghai, a plan for science and technology", "The city covers nine districts."),
        ("It covers nine cities, and the total is rising.", "Another paragraph, which stands alone."),
        ("第一条　为了规范管理，制定本条例。", "……"),
    ],
)
def test_lines_that_were_not_cut_stay_apart(first: str, second: str) -> None:
    assert lines_of(f"{first}\n\n{second}") == [first.removeprefix("- "), second]


def without_spaces(text: str) -> str:
    return text.replace(" ", "")


def test_a_file_wrapped_at_30_characters_reads_through(reply: Document) -> None:
    paragraphs = reply.text.split("\n")
    wrapped = "\n".join(line[i : i + 30] for line in paragraphs for i in range(0, len(line), 30))
    assert without_spaces(text_of(wrapped)) == without_spaces(reply.text)


def test_an_indented_line_begins_a_paragraph() -> None:
    raw = "　　加快推动长三角科技成果转化，累计汇聚创新需求\n　　达成对接意向2396项，实现交易额29.11亿。"
    assert lines_of(raw) == ["加快推动长三角科技成果转化，累计汇聚创新需求", "达成对接意向2396项，实现交易额29.11亿。"]
    assert len(lines_of(raw.replace("　　", ""))) == 1


def test_a_file_wrapped_at_60_columns_reads_through() -> None:
    raw = (
        "加快推动长三角科技成果转化一体化协同，构建集成 InnoMatch 全\n"
        "球技术供需对接平台、全球技术转移大会，累计汇聚长三角企业创新\n"
        "需求 10311 项，达成对接意向 2396 项，需求解决并实现交易额 29.\n"
        "11 亿。一方面，科技部与三省一市建立长三角科技创新共同体联合攻\n"
        "关合作机制，组织实施引领性、颠覆性技术创新项目。\n"
    )
    assert lines_of(raw) == [raw.replace("\n", "")]


def test_a_wrapped_english_text_reads_through() -> None:
    raw = (
        "The Shanghai Technology Exchange, which was established in\n"
        "2020, has worked with Dr. Smith and 32 appraisal bodies. It has\n"
        "promoted the screening of more than 20,000 patents, and will go\n"
        "on doing so.\n\n"
        "The fund has 10 billion yuan.\n"
    )
    assert lines_of(raw) == [
        "The Shanghai Technology Exchange, which was established in 2020, has worked with Dr. Smith and 32 appraisal "
        "bodies. It has promoted the screening of more than 20,000 patents, and will go on doing so.",
        "The fund has 10 billion yuan.",
    ]


@pytest.mark.parametrize(("raw", "title"), [("上海市科技创新条例", "上海市科技创新条例"), ("# 只有标题\n", "只有标题")])
def test_a_file_that_is_only_a_title(raw: str, title: str) -> None:
    document = make_document("x", raw, name="文件名")
    assert (document.title, document.text) == (title, title)


def test_a_text_without_a_title_is_named_after_its_file() -> None:
    document = make_document("a/甲.txt", "第一段说了一些事情，没有标题。\n\n第二段也是。", name="甲")
    assert document.title == "甲"
    assert document.field("标题") is not None


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        ("# 科技手册\n\n## 使用说明\n\n正文在这里，有一句话。", "科技手册"),
        ("# 上海市科学技术委员会\n\n## 关于促进转化的通知\n\n正文在这里，有一句话。", "关于促进转化的通知"),
        (
            "上海市人民政府办公厅文件\n\n沪府办〔2024〕1号\n\n关于促进转化的实施意见（试行）\n\n正文。",
            "关于促进转化的实施意见（试行）",
        ),
        ("标题：科技创新情况\n发布机构：上海市科委\n\n正文在这里，有一句话而已。", "科技创新情况"),
        ("正文在前，说明了有关情况和要求。\n\n## 附录使用说明", "文件名"),
    ],
)
def test_which_line_is_the_title(raw: str, title: str) -> None:
    assert make_document("x", raw, name="文件名").title == title


def test_an_announcement_is_not_the_addressee() -> None:
    document = make_document("x", "关于开展申报的通知\n\n为做好工作，现将有关事项通知如下：\n\n一、时间\n\n5月。")
    assert document.field("主送") is None


# --- any text -------------------------------------------------------------------------------------------------------

RAW = st.one_of(
    st.text(max_size=300),
    st.lists(
        st.sampled_from(
            [
                "一是强化人才", "二是完善机制。", "第一章 总则", "第一条　为了规范，", "（一）条件；", "1. 材料", "# 标题",
                "## 关于人才的通知", "附件1", "下阶段，", "2024年5月27日", "联系人：李 畅", "上海市科学技术委员会",
                "沪科〔2024〕5号", "| 甲 | 乙 |", "- 项目", "```", "---", "　　正文从这里开始，共有二十多个字，没有结束", "", "感谢你们。",
                "各区科委：", "**粗", "“引", "”完。", "<!--", "-->", "抄送：市政府。", "上海市科委办公室 2024年5月27日印发",
            ]
        ),
        max_size=25,
    ).map("\n".join),
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(RAW, st.sampled_from(["", "标题", "1. 材料"]))
@example("：", "")
@example("\x1f\n\u2028\n。", "")
@example("2024年5月27日\n附件1\n2024年5月27日印发", "")
def test_any_text_gives_sections_and_fields_inside_it(raw: str, title: str) -> None:
    document = make_document("x", raw, title=title)
    assert document.title
    assert all(0 <= field.span.start <= field.span.end <= len(document.text) for field in document.fields)
    assert all(field.value in field.span.of(document.text) or field.span.end == 0 for field in document.fields)
    assert len({field.key for field in document.fields}) == len(document.fields)
    open_sections: list[tuple[int, tuple[str, ...]]] = []
    for found in document.sections:
        assert 0 <= found.span.start < found.span.end <= len(document.text)
        while open_sections and open_sections[-1][0] <= found.span.start:
            open_sections.pop()
        if open_sections:
            end, path = open_sections[-1]
            assert found.span.end <= end
            assert found.path[: len(path)] == path
        open_sections.append((found.span.end, found.path))


@settings(deadline=None, max_examples=200)
@given(RAW)
def test_canonical_lines_hold_text_and_no_line_ends(raw: str) -> None:
    for line in canonical_lines(raw):
        assert line.text == line.text.strip()
        assert line.text
        assert "\n" not in line.text
        line.text.encode("utf-8")


@settings(deadline=None, max_examples=100)
@given(RAW)
def test_reading_a_canonical_text_again_loses_nothing(raw: str) -> None:
    text = text_of(raw)
    assert make_document("x", raw) == make_document("x", raw)
    assert len(without_spaces(text)) <= len(without_spaces(raw))


@pytest.mark.parametrize(
    "raw",
    [
        "（" * 30 + "\n" + ("（" * 30 + "\n") * 5000,
        "本市建立产业链联盟，推动区域产业链的补链强链固链和深度融\n" * 20_000,
        "<!--" * 100_000,
        "# a" + " " * 100_000 + "b",
        " " * 100_000 + "a" + " " * 100_000 + "b",
        "[a](/" * 50_000,
        "![" * 100_000,
        "|--" * 50_000 + "x",
        "- " * 100_000 + "x",
    ],
    ids=range(9),
)
def test_no_text_takes_quadratic_time(raw: str) -> None:
    # Each took minutes to days with one careless pattern or with joining a paragraph line by line.
    assert make_document("x", raw).text


@pytest.mark.parametrize(
    "line",
    [
        "（联系单位：江苏省教育厅；联系人：陈强；联系电话：025-83335566）",
        "联系人：陈强，联系电话：025-83335566",
        "联系人：陈强　　联系电话：025-83335566",
        "联系人: 陈强 电话: 025-83335566",
        "解读人：李明　　联系人：陈强　　联系电话：025-83335566",
    ],
)
def test_a_line_may_give_several_fields(line: str) -> None:
    document = make_document("a.txt", f"江苏省教育厅\n对第0345号提案的答复\n我们将继续努力，做好工作。\n{line}")
    for key, value in (("联系人", "陈强"), ("联系电话", "025-83335566")):
        field = document.field(key)
        assert field is not None
        assert (field.value, field.span.of(document.text)) == (value, line)
