"use strict";

/* The list of questions. Every text becomes a text node; nothing here parses HTML. */

const BATCH = 40;
const STATES = { answered: "已答 answered", refused: "拒答 refused", error: "出错 error" };
const STAGES = { retrieve: "检索 retrieve", answer: "作答 answer", total: "合计 total" };
const REFINEMENTS = ["q", "kind", "fault", "state", "sort", "wrong"];

const content = JSON.parse(document.getElementById("content").textContent);
const form = document.getElementById("filters");
const list = document.getElementById("list");
const more = document.getElementById("more");
const rows = content.rows.map((row, place) => ({ ...row, place }));
let shown = [];
let drawn = 0;

/* --- making elements --- */

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

const small = (text) => make("small", "", text);
const kindName = (kind) => content.kinds[kind] ?? kind;
const faultName = (fault) => content.faults[fault]?.[0] ?? fault;
const fold = (text) => text.normalize("NFKC").toLowerCase();
const decimals = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const duration = (value) => (value === null ? "–" : `${value.toFixed(value < 100 ? 1 : 0)} ms`);

function block(title, english, ...children) {
  return make("section", "block", make("h4", "", `${title} `, small(english)), ...children);
}

function numbers(list) {
  return list.map((number) => make("sup", "cite", String(number)));
}

/* --- one question --- */

function rowOf(row) {
  const details = make("details", `row ${row.right ? "is-right" : "is-wrong"}`, make("summary", "", ...headOf(row)));
  details.dataset.id = row.id;
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(bodyOf(row));
  });
  return details;
}

function headOf(row) {
  const verdict = make("span", "verdict-sign", row.right ? "✓" : "✗");
  verdict.setAttribute("aria-label", row.right ? "对" : "错");
  const fault = row.right || row.state === "error" ? null : make("span", "tag fault", faultName(row.fault));
  return [
    verdict,
    make("span", "question", row.history.length ? make("span", "turns", `接 ${row.history.length} 问`) : null, row.question),
    make("span", "tags", make("span", "tag", kindName(row.kind)), make("span", `tag ${row.state === "error" ? "fault" : ""}`, STATES[row.state].split(" ")[0]), fault),
    make("span", "number", small("把握 "), decimals(row.score, 2)),
    make("span", "number", duration(row.ms)),
  ];
}

function bodyOf(row) {
  const told = make("div", "told", historyOf(row), goldOf(row), answerOf(row));
  return make("div", "body", faultOf(row), told, evidenceOf(row), passagesOf(row), footOf(row));
}

function faultOf(row) {
  if (row.right) return null;
  const [chinese, english, meaning] = content.faults[row.fault] ?? [row.fault || "出错", "", ""];
  const best = row.passages.find((passage) => passage.gold);
  const rank = best ? `标准证据排在第 ${best.rank} 位。` : `前 ${row.passages.length} 段里没有标准证据。`;
  return make("p", "amiss", make("b", "", chinese), " ", small(english), meaning ? `：${meaning}。` : "。", row.answerable && row.passages.length ? rank : "");
}

function historyOf(row) {
  if (!row.history.length) return null;
  return block("此前的提问", "history", make("ol", "history", ...row.history.map((turn) => make("li", "", turn))));
}

function goldOf(row) {
  if (!row.answerable) return block("标准答案", "gold", make("p", "none", "文件里没有答案，应当拒答。"));
  const parts = row.gold.map((alternatives) => {
    const shownFirst = alternatives.flatMap((text, place) => [place ? make("i", "", " 或 ") : null, make("span", "wanted", text)]);
    return make("li", "", ...shownFirst);
  });
  return block("标准答案", row.gold.length > 1 ? "gold, all parts" : "gold", parts.length ? make("ul", "gold-answers", ...parts) : make("p", "none", "未给出"));
}

function answerOf(row) {
  if (row.state === "error") return block("报错", "error", make("p", "problem", row.message));
  if (row.state === "refused") return block("系统拒答", "refused", make("p", "refusal", row.message));
  return block("系统回答", "answer", ...row.sentences.map(sentenceOf));
}

function sentenceOf(sentence) {
  const parts = sentence.parts.map(([text, isHighlight]) => (isHighlight ? make("strong", "", text) : text));
  const doubt = sentence.verified ? null : make("em", "doubt", " 未核实 unverified");
  return make("p", "sentence", ...parts, ...numbers(sentence.numbers), doubt);
}

function evidenceOf(row) {
  if (!row.excerpts.length) return null;
  return block("证据与上下文", "evidence in context", ...row.excerpts.map(excerptOf));
}

function excerptOf(excerpt) {
  const isMissed = !excerpt.numbers.length;
  const where = make("figcaption", "", ...numbers(excerpt.numbers), isMissed ? make("b", "", "未被引用 not cited ") : null, excerpt.where.join("；"));
  const ends = excerpt.parts.map(([, cited], place) => cited.filter((number) => !excerpt.parts[place + 1]?.[1].includes(number)));
  const text = make("blockquote", "", ...excerpt.parts.flatMap((part, place) => [partOf(part), ...numbers(ends[place])]));
  return make("figure", "excerpt", where, text, excerpt.note ? make("p", "problem", excerpt.note) : null);
}

function partOf([text, cited, isGold]) {
  if (!cited.length && !isGold) return text;
  return make("mark", [cited.length ? "cited" : "", isGold ? "gold" : ""].join(" ").trim(), text);
}

function passagesOf(row) {
  if (!row.passages.length) return null;
  const entries = row.passages.map((ranked) => {
    const passage = content.passages[ranked.text];
    const head = make("span", "rank", `${ranked.rank}`);
    const signs = make("span", "signs", ...numbers(ranked.numbers), ranked.gold ? make("mark", "gold", "标准证据") : null);
    const heading = make("span", "heading", passage.heading || passage.document);
    const summary = make("summary", "", head, make("span", "number", decimals(ranked.score, 3)), heading, signs, make("span", "opening", passage.text.slice(0, 90)));
    return make("details", "", summary, make("p", "", passage.text));
  });
  const ranking = block("检索到的段落", "passages: rank, score", make("div", "passages", ...entries));
  ranking.classList.add("wide");
  return ranking;
}

function footOf(row) {
  const figures = row.figures.map(([name, value]) => {
    const [label, meaning] = content.terms[name];
    const entry = make("div", "", make("dt", "", label.trim() || name), make("dd", "", value));
    entry.title = meaning;
    return entry;
  });
  const timings = Object.entries(row.timings).map(([name, value]) => make("div", "", make("dt", "", STAGES[name] ?? name), make("dd", "", duration(value))));
  const link = make("a", "", row.id);
  link.href = `#${new URLSearchParams({ id: row.id })}`;
  return make("footer", "", make("dl", "", make("div", "", make("dt", "", "编号 id"), make("dd", "", link)), ...timings, ...figures));
}

/* --- filtering --- */

function haystackOf(row) {
  row.haystack ??= fold([
    row.id, row.question, ...row.history, ...row.gold.flat(), row.message,
    ...row.sentences.flatMap((sentence) => sentence.parts.map(([text]) => text)).concat("\n"),
    row.sentences.map((sentence) => sentence.parts.map(([text]) => text).join("")).join("\n"),
    row.excerpts.map((excerpt) => excerpt.parts.map(([text]) => text).join("")).join("\n"),
  ].join("\n"));
  return row.haystack;
}

function readFilters() {
  const values = new FormData(form);
  return Object.fromEntries(REFINEMENTS.map((name) => [name, String(values.get(name) ?? "")]));
}

function matches(row, filters, words) {
  if (filters.kind && row.kind !== filters.kind) return false;
  if (filters.state && row.state !== filters.state) return false;
  if (filters.fault && filters.fault !== (row.right ? "right" : row.fault || "error")) return false;
  if (filters.wrong && row.right) return false;
  return words.every((word) => haystackOf(row).includes(word));
}

const ORDERS = {
  sure: (one, other) => one.right - other.right || (other.score ?? -1) - (one.score ?? -1) || one.place - other.place,
  slow: (one, other) => (other.ms ?? -1) - (one.ms ?? -1) || one.place - other.place,
};

function refresh() {
  const filters = readFilters();
  const words = fold(filters.q).split(/\s+/).filter(Boolean);
  shown = rows.filter((row) => matches(row, filters, words));
  if (ORDERS[filters.sort]) shown.sort(ORDERS[filters.sort]);
  drawn = 0;
  list.replaceChildren();
  drawMore();
  document.getElementById("shown").textContent = `${shown.length} / ${rows.length} 题`;
  document.getElementById("empty").hidden = shown.length > 0;
  for (const button of document.querySelectorAll("button[data-kind], button[data-fault]")) {
    const { kind, fault } = button.dataset;
    button.setAttribute("aria-pressed", String(kind === undefined ? filters.fault === fault : filters.kind === kind));
  }
}

function drawMore() {
  list.append(...shown.slice(drawn, drawn + BATCH).map(rowOf));
  drawn = Math.min(shown.length, drawn + BATCH);
  more.hidden = drawn >= shown.length;
}

/* --- the address keeps the filters, so that a view can be sent to someone --- */

function remember(filters) {
  const kept = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
  const address = kept.size ? `#${kept}` : location.pathname + location.search;
  try {
    history.replaceState(null, "", address);
  } catch {
    /* Some browsers do not let a page that is a file change its address: the view is then not kept. */
  }
}

function update() {
  refresh();
  remember(readFilters());
}

function fill(kept) {
  for (const name of REFINEMENTS) {
    const control = form.elements[name];
    if (control.type === "checkbox") control.checked = kept.has(name);
    else control.value = kept.get(name) ?? "";
  }
  refresh();
}

function recall() {
  const kept = new URLSearchParams(location.hash.slice(1));
  fill(kept);
  if (kept.has("id")) openQuestion(kept.get("id"));
}

function openQuestion(id) {
  let place = shown.findIndex((row) => row.id === id);
  if (place < 0) {
    fill(new URLSearchParams());
    place = shown.findIndex((row) => row.id === id);
  }
  if (place < 0) return;
  while (drawn <= place) drawMore();
  const details = list.children[place];
  details.open = true;
  details.scrollIntoView({ block: "start" });
}

/* --- controls --- */

function offer(name, counts, label) {
  const options = [...counts].map(([value, count]) => {
    const option = make("option", "", `${label(value)}（${count}）`);
    option.value = value;
    return option;
  });
  form.elements[name].append(...options);
}

function countBy(valueOf) {
  const counts = new Map();
  for (const row of rows) counts.set(valueOf(row), (counts.get(valueOf(row)) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1]);
}

offer("kind", countBy((row) => row.kind), kindName);
offer("fault", countBy((row) => (row.right ? "right" : row.fault || "error")), (fault) => (fault === "right" ? "没有差错" : faultName(fault)));
offer("state", countBy((row) => row.state), (state) => STATES[state]);

let waiting = 0;
form.addEventListener("input", (event) => {
  clearTimeout(waiting);
  waiting = setTimeout(update, event.target.name === "q" ? 150 : 0);
});
form.addEventListener("reset", () => setTimeout(update));
form.addEventListener("submit", (event) => event.preventDefault());
more.addEventListener("click", drawMore);
new IntersectionObserver((entries) => entries[0].isIntersecting && !more.hidden && drawMore(), { rootMargin: "600px" }).observe(more);
window.addEventListener("hashchange", () => document.getElementById(location.hash.slice(1)) || recall());

for (const button of document.querySelectorAll("button[data-kind], button[data-fault]")) {
  button.addEventListener("click", () => {
    const [name, value] = Object.entries(button.dataset)[0];
    const isOn = form.elements[name].value === value;
    fill(new URLSearchParams(isOn ? {} : { [name]: value }));
    remember(readFilters());
    if (!isOn) document.getElementById("questions").scrollIntoView({ behavior: "smooth" });
  });
}

recall();
