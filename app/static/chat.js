// Runs once, as the evidence panel's js_on_load (strict.js): Gradio gives `element`, `trigger`, `server` and `watch`.
// The HTML comes escaped from app/markup.py; nothing here makes HTML of text.

function youjuChat({ element, trigger, server, watch }) {
  const KEPT_PANELS = 60;
  const panels = new Map(); // answer id → its evidence as HTML, so that older citations open without asking the server
  const phone = window.matchMedia("(max-width: 860px)");
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const reading = () => document.getElementById("reading");
  const log = () => document.getElementById("log");
  let desk = element.innerHTML; // what lies on the reading side at first
  let opener = null; // what opened the drawer: it gets the focus back

  log().setAttribute("role", "log");
  log().setAttribute("aria-label", "问答");
  reading().setAttribute("aria-label", "原文");

  function redraw(place, html) {
    const drawn = place.cloneNode();
    drawn.innerHTML = html;
    if (place.innerHTML !== drawn.innerHTML) place.innerHTML = html;
    return drawn.innerHTML;
  }

  // The page's own HTML is as old as the server: show what the corpus holds now, but for who has gone on meanwhile.
  async function begin() {
    const fresh = await server.beginning([]);
    if (!fresh) return;
    const [welcome, shelf] = fresh;
    const shown = document.querySelector("#latest .welcome");
    if (shown) redraw(shown.parentElement, welcome);
    desk = element.innerHTML === desk ? redraw(element, shelf) : shelf;
  }
  begin();

  function panelOf(id) {
    const panel = element.querySelector(".panel");
    if (panel && panel.dataset.answer === id) return panel;
    if (!panels.has(id)) return null;
    element.innerHTML = panels.get(id);
    return element.querySelector(".panel");
  }

  function scrollToMark(panel) {
    const mark = panel.querySelector(".sheet:not([hidden]) mark.is-active");
    const paper = mark?.closest(".paper");
    if (!mark || !paper) return;
    const top = mark.getBoundingClientRect().top - paper.getBoundingClientRect().top + paper.scrollTop;
    paper.scrollTo({ top: Math.max(0, top - paper.clientHeight / 3), behavior: calm.matches ? "auto" : "smooth" });
  }

  // Make citation `number` of an answer the active one, here and in the conversation.
  function activate(id, number) {
    const panel = panelOf(id);
    if (!panel) return false;
    all(".cite", panel).forEach((button) => button.classList.toggle("is-active", button.dataset.number === number));
    all(".card", panel).forEach((card) => (card.hidden = card.dataset.number !== number));
    const shown = all(".card", panel).find((card) => !card.hidden)?.dataset.document;
    all(".sheet", panel).forEach((sheet) => (sheet.hidden = sheet.dataset.document !== shown));
    all("mark", panel).forEach((mark) =>
      mark.classList.toggle("is-active", mark.dataset.numbers.split(" ").includes(number)),
    );
    tellConversation();
    scrollToMark(panel);
    return true;
  }

  // Show in the conversation which citation the evidence panel is at.
  function tellConversation() {
    const panel = element.querySelector(".panel");
    const number = panel?.querySelector(".cite.is-active")?.dataset.number;
    all("#log .cite").forEach((button) => {
      const isHere = button.closest(".turn")?.dataset.answer === panel?.dataset.answer;
      button.classList.toggle("is-active", isHere && button.dataset.number === number);
    });
  }

  function openDrawer(from) {
    if (!phone.matches) return;
    opener = from;
    reading().classList.add("is-open");
    document.getElementById("log").inert = true;
    element.querySelector(".close")?.focus({ preventScroll: true });
  }

  function closeDrawer() {
    if (!reading().classList.contains("is-open")) return;
    reading().classList.remove("is-open");
    document.getElementById("log").inert = false;
    opener?.focus({ preventScroll: true });
  }

  // On an intranet without https there is no navigator.clipboard.
  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const field = document.createElement("textarea");
    field.value = text;
    field.style.cssText = "position:fixed;opacity:0";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }

  async function copyFrom(button) {
    await copy(button.dataset.copy);
    const label = button.textContent;
    button.disabled = true;
    button.textContent = "已复制";
    setTimeout(() => Object.assign(button, { disabled: false, textContent: label }), 1400);
  }

  async function showMore(button) {
    button.disabled = true;
    const { document: id, start, end, side } = button.dataset;
    const [from, to, html] = await server.more_text([id, +start, +end, side]);
    const paper = button.closest(".paper");
    const height = paper.scrollHeight;
    button.insertAdjacentHTML(side === "end" ? "afterend" : "beforebegin", html);
    if (side === "end") paper.scrollTop += paper.scrollHeight - height;
    button.dataset[side === "end" ? "end" : "start"] = side === "end" ? from : to;
    const left = button.dataset.end - button.dataset.start;
    button.querySelector("b").textContent = left;
    button.disabled = false;
    if (left <= 0 || html === "") button.remove();
  }

  async function openDocument(button) {
    const { open: id, start = 0, end = 0 } = button.dataset;
    const html = await server.open_document([id, +start, +end]);
    if (!html) return;
    element.innerHTML = html;
    scrollToMark(element);
    openDrawer(button);
  }

  // What the reader thinks of answers, by answer id: Gradio draws every turn anew when the next question is asked.
  const ratings = new Map();
  const turnOf = (id) => all("#log .turn").find((turn) => turn.dataset.answer === id);

  function ratingOf(id) {
    if (!ratings.has(id)) ratings.set(id, { rating: "", comment: "", isOpen: false, isSending: false });
    return ratings.get(id);
  }

  function showRating(turn) {
    const state = ratings.get(turn.dataset.answer);
    const form = turn.querySelector(".comment");
    if (!state || !form) return;
    all("[data-rate]", turn).forEach((button) => button.setAttribute("aria-pressed", button.dataset.rate === state.rating));
    form.hidden = !state.isOpen;
    const field = form.querySelector("textarea");
    if (field.value !== state.comment) field.value = state.comment;
  }

  // Send a rating; say in one line that it was kept, or why not.
  async function rate(id, rating, comment, thanks, isOpen) {
    const state = ratingOf(id);
    if (state.isSending) return;
    state.isSending = true;
    const problem = await server.rate([id, rating, comment]);
    state.isSending = false;
    if (problem === "") Object.assign(state, { rating, isOpen });
    const turn = turnOf(id);
    if (!turn) return;
    showRating(turn);
    turn.querySelector(".thanks").textContent = problem === "" ? thanks : (problem ?? "没有送到服务器，请以后再试。");
    turn.querySelector(".rating").classList.toggle("is-failed", problem !== "");
    if (state.isOpen) turn.querySelector(".comment").scrollIntoView({ block: "nearest" });
  }

  function pressThumb(button) {
    const { answer: id } = button.closest(".turn").dataset;
    const state = ratingOf(id);
    const { rate: rating } = button.dataset;
    if (rating !== state.rating) return rate(id, rating, "", "谢谢，已记下。", rating === "down");
    state.isOpen = rating === "down" && !state.isOpen;
    showRating(button.closest(".turn"));
  }

  async function sendComment(button) {
    const turn = button.closest(".turn");
    const { answer: id } = turn.dataset;
    await rate(id, "down", ratingOf(id).comment, "谢谢，意见已记下。", false);
    if (button.closest(".comment").hidden) turn.querySelector("[data-rate=down]").focus({ preventScroll: true });
  }

  document.addEventListener("input", (event) => {
    const turn = event.target.closest(".comment")?.closest(".turn");
    if (turn) ratingOf(turn.dataset.answer).comment = event.target.value;
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) {
      if (event.target.id === "reading") closeDrawer(); // the dimmed page around the drawer
      return;
    }
    const { dataset } = button;
    if ("ask" in dataset) trigger("select", { question: button.textContent });
    else if ("copy" in dataset) copyFrom(button);
    else if ("open" in dataset) openDocument(button);
    else if ("rate" in dataset) pressThumb(button);
    else if ("comment" in dataset) sendComment(button);
    else if (button.classList.contains("more")) showMore(button);
    else if (button.classList.contains("back")) element.innerHTML = desk;
    else if (button.classList.contains("close")) closeDrawer();
    else if ("number" in dataset) {
      const id = button.closest(".turn, .panel").dataset.answer;
      if (activate(id, dataset.number) && button.closest("#log")) openDrawer(button);
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeDrawer();
  });

  // A new answer brings its evidence: remember it, show its first citation.
  watch("value", () => {
    const panel = element.querySelector(".panel");
    const first = panel?.querySelector(".cite");
    if (!panel?.dataset.answer || !first) return;
    panels.set(panel.dataset.answer, element.innerHTML);
    if (panels.size > KEPT_PANELS) panels.delete(panels.keys().next().value);
    activate(panel.dataset.answer, first.dataset.number);
  });

  // Follow the answer while it grows, unless the reader has scrolled up.
  let follows = true;
  log().addEventListener("scroll", () => {
    follows = log().scrollHeight - log().scrollTop - log().clientHeight < 120;
  });
  let asked = "";
  new MutationObserver(() => {
    const turn = document.querySelector("#latest .turn");
    const isNew = turn?.querySelector("h2")?.textContent !== asked && turn?.classList.contains("is-running");
    if (isNew) asked = turn.querySelector("h2")?.textContent;
    tellConversation();
    all("#log .turn").forEach(showRating);
    if (isNew || follows) log().scrollTop = log().scrollHeight;
  }).observe(log(), { childList: true, subtree: true, characterData: true });
}
