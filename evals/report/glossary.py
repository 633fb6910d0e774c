"""What the figures, faults and kinds of question are called and mean, for someone who did not write them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Unit = Literal["share", "index", "milliseconds", "rate", "count"]

GROUPS = {
    "answers": ("答案", "Answers"),
    "evidence": ("证据", "Evidence"),
    "retrieval": ("检索", "Retrieval"),
    "refusals": ("拒答", "Refusals"),
    "speed": ("速度与篇幅", "Speed and length"),
    "others": ("其他", "Others"),
}


@dataclass(frozen=True, slots=True)
class Term:
    """A metric's Chinese and English name, one line that says what it means, its unit and which way is better."""

    group: str
    chinese: str
    english: str
    meaning: str
    unit: Unit = "share"
    is_higher_better: bool | None = True
    """None where neither is."""

    def show(self, value: float, bare: bool = False) -> str:
        """Return a value as it is read; `bare` leaves the unit out."""
        if not math.isfinite(value):
            return "-"
        if self.unit == "share":
            return f"{value:.1%}".rstrip("%") if bare else f"{value:.1%}"
        if self.unit == "milliseconds":
            number = f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
            return number if bare else f"{number} ms"
        if self.unit == "rate":
            return f"{value:,.1f}" if bare else f"{value:,.1f}/s"
        if self.unit == "count":
            return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
        return f"{value:.3f}"

    def show_one(self, value: float) -> str:
        """Return the value of a single question, where a share is mostly 0 or 1."""
        return f"{value:.3g}" if self.unit in ("share", "index") and math.isfinite(value) else self.show(value)


TERMS = {
    "correct": Term("answers", "答对", "correct", "有答案的题中，答案写出了标准答案、并引到标准证据的比例"),
    "contains": Term("answers", "含标准答案", "contains gold", "有答案的题中，答案写出了标准答案全部要点的比例"),
    "figures": Term("answers", "数字正确", "figures", "标准答案里的数字，在答案中写对了的比例"),
    "exact match": Term("answers", "完全一致", "exact match", "短答案（加重的部分）与标准答案归一后一字不差的比例"),
    "short f1": Term(
        "answers", "短答案 F1", "short-answer F1", "短答案与标准答案共有多少字：0 全不同，1 全相同", "index"
    ),
    "f1": Term("answers", "全文 F1", "character F1", "整个答案与标准答案共有多少字；整句作答，天然不高", "index"),
    "rouge-l": Term("answers", "ROUGE-L", "longest common part", "整个答案与标准答案顺序一致的最长公共部分", "index"),
    "cited": Term("evidence", "引到证据", "evidence cited", "有答案的题中，引用碰到标准证据的比例"),
    "citation precision": Term("evidence", "引用查准", "citation precision", "所引用的内容中，确是标准证据的比例"),
    "citation recall": Term("evidence", "引用查全", "citation recall", "标准证据中，被引用到的比例"),
    "p2": Term("evidence", "句句有据", "supported (P2)", "答案每句的数字、日期、专名都能在该句所引原文中找到的比例"),
    "quotes": Term(
        "evidence", "引文逐字", "exact quotes (P1)", "引文与原文标明的位置一字不差的比例；不到 100% 就是缺陷"
    ),
    "s@": Term("retrieval", "前 {k} 命中", "success@{k}", "前 {k} 个段落里有标准证据的题所占比例"),
    "r@": Term("retrieval", "前 {k} 查全", "recall@{k}", "标准证据中，出现在前 {k} 个段落里的比例"),
    "mrr": Term("retrieval", "MRR", "mean reciprocal rank", "标准证据首次出现名次的倒数的平均；总排第一为 1", "index"),
    "ndcg@": Term("retrieval", "nDCG@{k}", "ranking quality", "前 {k} 名的排序质量；证据越靠前越接近 1", "index"),
    "answered": Term("refusals", "该答的答了", "answered", "有答案的题中，作答（不论对错）的比例"),
    "refused": Term("refusals", "该拒的拒了", "refusal recall", "没有答案的题中，被拒答的比例"),
    "refusal precision": Term("refusals", "拒答查准", "refusal precision", "拒答的题中，确实没有答案的比例"),
    "refusal recall": Term("refusals", "拒答查全", "refusal recall", "没有答案的题中，被拒答的比例"),
    "refusal f1": Term("refusals", "拒答 F1", "refusal F1", "拒答查准与查全的调和平均，0 到 1", "index"),
    "refusal accuracy": Term(
        "refusals", "答拒判断", "answer or refuse", "该答的答了、该拒的拒了（不论答得对不对）的比例"
    ),
    "auroc": Term(
        "refusals", "AUROC", "area under ROC", "把握能否分开有无答案的题：0.5 如同掷币，1 为全能分开", "index"
    ),
    "confidence": Term("refusals", "把握", "confidence", "系统对自己能答对的估计", "index", None),
    "p50 ms": Term("speed", "耗时中位数", "latency p50", "一半的题不超过这个时间", "milliseconds", False),
    "p95 ms": Term("speed", "耗时 p95", "latency p95", "95% 的题不超过这个时间", "milliseconds", False),
    "p99 ms": Term("speed", "耗时 p99", "latency p99", "99% 的题不超过这个时间", "milliseconds", False),
    "milliseconds": Term("speed", "耗时", "latency", "从提问到答完的时间", "milliseconds", False),
    "answers/s": Term("speed", "每秒答题", "answers a second", "一题接一题地问，一秒能答几题", "rate"),
    "written": Term(
        "answers", "模型成文", "written by the model", "问过语言模型的题中，答案由模型写成（而不是退回引用原文）的比例"
    ),
    "kept": Term(
        "evidence",
        "通过核对",
        "sentences kept",
        "语言模型写的句子中，通过核对、显示出来的比例；高低要看模型",
        "share",
        None,
    ),
    "tokens read": Term("speed", "读入词元", "tokens read", "每题语言模型平均读入多少词元", "count", False),
    "tokens written": Term("speed", "写出词元", "tokens written", "每题语言模型平均写出多少词元", "count", None),
    "first p50 ms": Term(
        "speed", "首句 p50", "first sentence p50", "一半的题，第一句在这么久之内显示", "milliseconds", False
    ),
    "first p95 ms": Term(
        "speed", "首句 p95", "first sentence p95", "95 % 的题，第一句在这么久之内显示", "milliseconds", False
    ),
    "characters": Term("speed", "答案字数", "length", "答案平均多少字；够用就好，无所谓高低", "count", None),
    "errors": Term("speed", "出错", "errors", "抛出错误、没有得到回答的题数", "count", False),
}
"""By name; `s@` stands for every cut-off: `s@1`, `s@5`."""

FAULTS = {
    "retrieval miss": ("漏检", "retrieval miss", "检索到的段落里没有证据，后面无从答起"),
    "wrong sentence": ("选错句", "wrong sentence", "证据检索到了，答案却没有取到该取的句子，或没有取全"),
    "wrong figure": ("数字错", "wrong figure", "引到了证据，给出的数字却不对"),
    "false refusal": ("误拒", "false refusal", "文件里有答案，却说没有"),
    "false answer": ("误答", "false answer", "文件里没有答案，却答了"),
    "error": ("出错", "error", "回答时抛出错误，没有得到答案"),
}

KINDS = {
    "figure": "数字", "paraphrase": "换说法", "list": "列举", "metadata": "文件信息", "name": "名称", "how": "做法",
    "follow_up": "追问", "english": "英文", "plan": "下一步计划", "two_part": "一题两问", "colloquial": "口语",
    "typo": "错别字", "date": "日期", "traditional": "繁体", "near_miss": "似有实无", "neighbour": "相邻年份地区",
    "off_topic": "离题", "false_premise": "前提有误", "injection": "提示注入", "greeting": "问候",
    "question": "问答", "unanswerable": "无答案",
}  # fmt: skip

MANIFEST = {
    "date": "日期", "questions": "题数", "encoder": "编码器", "weights": "权重", "answerer": "回答方式", "passages": "检索段数",
    "dense_weight": "向量权重", "max_question_chars": "提问字数上限", "seconds": "用时（秒）", "cores": "处理器核数",
    "engine": "引擎指纹", "corpus": "语料指纹", "command": "命令",
}  # fmt: skip


def term_of(name: str) -> Term:
    """Return what is known of a metric; one that is not known keeps its name."""
    key, k = _split(name)
    term = TERMS.get(key) or Term("others", "", name, "", "index", None)
    if not k:
        return term
    chinese, english, meaning = (text.replace("{k}", k) for text in (term.chinese, term.english, term.meaning))
    return replace(term, chinese=chinese, english=english, meaning=meaning)


def sort_names(names: Iterable[str]) -> list[str]:
    """Return metrics' names in the order they are best read in; unknown ones last."""
    order = list(TERMS)

    def place(name: str) -> tuple[int, int, str]:
        key, k = _split(name)
        return order.index(key) if key in TERMS else len(order), int(k or 0), name

    return sorted(names, key=place)


def _split(name: str) -> tuple[str, str]:
    """Return the key of a metric in TERMS and its cut-off: `nDCG@10` → (`ndcg@`, `10`)."""
    base, at, k = name.lower().partition("@")
    return (f"{base}@", k) if at and k.isdecimal() else (name.lower(), "")
