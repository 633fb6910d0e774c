"""What the figures, faults and kinds of question are called and mean, for someone who did not write them."""

import math
import re
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
        return f"{value:.3f}" if self.unit == "index" else f"{value:,.1f}"


TERMS = {
    "accuracy": Term("answers", "答对", "right", "没有任何差错的题所占比例：该答的答对了，该拒的拒了"),
    "contains": Term("answers", "含标准答案", "contains gold", "答案里写出了标准答案全部要点的题所占比例"),
    "exact_match": Term("answers", "完全一致", "exact match", "短答案与标准答案一字不差（全半角、数字写法归一后）的题所占比例"),
    "char_f1": Term("answers", "字符 F1", "character F1", "短答案与标准答案共有的字，0 为全不同，1 为全相同", "index"),
    "rouge_l": Term("answers", "ROUGE-L", "ROUGE-L", "与标准答案顺序一致的最长公共部分，0 到 1", "index"),
    "figure_accuracy": Term("answers", "数字正确", "figure accuracy", "标准答案里的数字在答案中写对了的比例"),
    "citation_precision": Term("evidence", "引用查准", "citation precision", "所引用的内容中，确是标准证据的比例"),
    "citation_recall": Term("evidence", "引用查全", "citation recall", "标准证据中，被引用到的比例"),
    "citation_f1": Term("evidence", "引用 F1", "citation F1", "引用查准与查全的调和平均，0 到 1", "index"),
    "support": Term("evidence", "句句有据", "supported", "数字、日期、专名都能在所引原文里找到的句子或答案所占比例"),
    "exact_quotes": Term("evidence", "引文逐字", "exact quotes", "引文与原文所标位置一字不差的比例；低于 100% 就是缺陷"),
    "success": Term("retrieval", "前 {k} 命中", "success@{k}", "前 {k} 个段落里有标准证据的题所占比例"),
    "recall": Term("retrieval", "前 {k} 查全", "recall@{k}", "标准证据中，出现在前 {k} 个段落里的比例"),
    "precision": Term("retrieval", "前 {k} 查准", "precision@{k}", "前 {k} 个段落中，含标准证据的比例"),
    "mrr": Term("retrieval", "MRR", "mean reciprocal rank", "标准证据首次出现名次的倒数的平均：总排第一为 1", "index"),
    "ndcg": Term("retrieval", "nDCG@{k}", "nDCG@{k}", "前 {k} 名的排序质量：证据越靠前越接近 1", "index"),
    "map": Term("retrieval", "MAP", "mean average precision", "每条证据所在名次处查准率的平均，0 到 1", "index"),
    "coverage": Term("refusals", "作答率", "coverage", "作答（而非拒答）的题所占比例", "share", None),
    "refusal_accuracy": Term("refusals", "答拒判断", "answer or refuse", "该答的答了、该拒的拒了（不论答得对不对）的比例"),
    "refusal_precision": Term("refusals", "拒答查准", "refusal precision", "拒答的题中，确实没有答案的比例"),
    "refusal_recall": Term("refusals", "拒答查全", "refusal recall", "没有答案的题中，被拒答的比例"),
    "refusal_f1": Term("refusals", "拒答 F1", "refusal F1", "拒答查准与查全的调和平均，0 到 1", "index"),
    "auroc": Term("refusals", "AUROC", "AUROC", "分数能否分开该答与该拒的题：0.5 如同掷币，1 为全能分开", "index"),
    "false_refusal": Term("refusals", "误拒", "false refusals", "有答案却拒答的题所占比例", "share", False),
    "false_answer": Term("refusals", "误答", "false answers", "没有答案却作答的题所占比例", "share", False),
    "p50": Term("speed", "耗时中位数", "latency p50", "一半的题不超过这个时间", "milliseconds", False),
    "p95": Term("speed", "耗时 p95", "latency p95", "95% 的题不超过这个时间", "milliseconds", False),
    "p99": Term("speed", "耗时 p99", "latency p99", "99% 的题不超过这个时间", "milliseconds", False),
    "latency": Term("speed", "平均耗时", "mean latency", "一题从提问到答完的平均时间", "milliseconds", False),
    "answers_per_second": Term("speed", "每秒答题", "answers a second", "一秒能答几题", "rate"),
    "length": Term("speed", "答案字数", "length", "答案平均多少字；够用就好，无所谓高低", "count", None),
    "errors": Term("speed", "出错", "errors", "抛出错误、没有得到回答的题所占比例", "share", False),
}

ALIASES = {
    "s": "success", "hit": "success", "r": "recall", "p": "precision", "right": "accuracy", "correct": "accuracy",
    "em": "exact_match", "exact": "exact_match", "f1": "char_f1", "character_f1": "char_f1", "rouge": "rouge_l",
    "figures": "figure_accuracy", "figure": "figure_accuracy", "supported": "support", "p2": "support",
    "verified": "support", "grounded": "support", "p1": "exact_quotes", "quotes": "exact_quotes",
    "cite_precision": "citation_precision", "cite_recall": "citation_recall", "answered": "coverage",
    "refusal": "refusal_accuracy", "abstention": "refusal_accuracy", "false_refusals": "false_refusal",
    "false_answers": "false_answer", "total": "latency", "mean": "latency", "qps": "answers_per_second",
    "throughput": "answers_per_second", "per_second": "answers_per_second", "characters": "length", "error": "errors",
}  # fmt: skip

FAULTS = {
    "retrieval miss": ("漏检", "retrieval miss", "检索到的段落里没有证据，后面无从答起"),
    "wrong sentence": ("选错句", "wrong sentence", "证据检索到了，答案却取自别的句子"),
    "wrong figure": ("数字错", "wrong figure", "句子找对了，给出的数字、名称或日期不对"),
    "false refusal": ("误拒", "false refusal", "文件里有答案，却说没有"),
    "false answer": ("误答", "false answer", "文件里没有答案，却答了"),
    "error": ("出错", "error", "回答时抛出错误，没有得到答案"),
}

KINDS = {
    "figure": "数字", "paraphrase": "换说法", "list": "列举", "metadata": "文件信息", "name": "名称", "how": "做法",
    "follow_up": "追问", "english": "英文", "plan": "下一步计划", "two_part": "一题两问", "colloquial": "口语",
    "typo": "错别字", "date": "日期", "traditional": "繁体", "near_miss": "似有实无", "neighbour": "相邻年份地区",
    "off_topic": "离题", "false_premise": "前提有误", "injection": "提示注入", "greeting": "问候",
}  # fmt: skip

MANIFEST = {
    "date": "日期", "encoder": "编码器", "weights": "权重", "answerer": "回答方式", "documents": "文件数",
    "chunks": "段落数", "passages": "检索段数", "seconds": "用时（秒）", "cores": "处理器核数", "version": "版本",
    "commit": "提交", "url": "地址", "seed": "随机种子", "command": "命令",
}  # fmt: skip


def term_of(name: str) -> Term:
    """Return what is known of a metric; one that is not known keeps its name."""
    base, k = _base(name)
    term = TERMS.get(base)
    if term is None:
        return Term("others", "", name, "", "index", None)
    filled = [text.replace("{k}", k or "k") for text in (term.chinese, term.english, term.meaning)]
    if k and "{k}" not in term.chinese:
        filled[0] += f"@{k}"
    return replace(term, chinese=filled[0], english=filled[1], meaning=filled[2])


def sort_names(names: Iterable[str]) -> list[str]:
    """Return metrics' names in the order they are best read in; unknown ones last."""
    order = list(TERMS)

    def place(name: str) -> tuple[int, int, str]:
        base, k = _base(name)
        group = list(GROUPS).index(term_of(name).group)
        return group * 100 + (order.index(base) if base in order else 0), int(k or 0), name

    return sorted(names, key=place)


def _base(name: str) -> tuple[str, str]:
    """Return the key of a metric in TERMS and its cut-off k: `S@10` → (`success`, `10`)."""
    base, _, k = re.sub(r"[\s\-.]+", "_", name.lower()).partition("@")
    if base not in TERMS and base not in ALIASES:
        base = re.sub(r"^(latency|time|ms)_(?=.)|_(latency|ms|rate|share)$", "", base)
    return ALIASES.get(base, base), k if k.isdecimal() else ""
