// The demo page: the form writes its choices into the address, the address into the widget's attributes and the snippet.
// It runs before widget.js (both are deferred, in order), so that the widget finds its attributes.
(() => {
  "use strict";
  const form = document.querySelector("form");
  const script = document.getElementById("widget");
  const place = document.getElementById("place");
  const base = new URL(".", location.href).href;
  const RULES = {
    form: /^(launcher|inline|iframe)$/,
    title: /^[^\p{C}]{0,40}$/u,
    lang: /^(zh-CN|zh-TW|en)$/,
    theme: /^(auto|light|dark)$/,
    accent: /^#[0-9a-f]{6}$/i,
    position: /^(left|right)$/,
    size: /^(small|medium|large)$/,
    suggest: /^[^\p{C}]{0,400}$/u,
  };
  const DEFAULTS = {
    form: "launcher",
    title: "",
    lang: "zh-CN",
    theme: "auto",
    accent: "#9f1d20",
    position: "right",
    size: "medium",
    suggest: "",
  };
  const IN_FRAME = ["title", "lang", "theme", "accent", "suggest"];

  const given = new URLSearchParams(location.search);
  const chosen = { ...DEFAULTS };
  for (const [name, value] of given) if (Object.hasOwn(RULES, name) && RULES[name].test(value)) chosen[name] = value;
  const { form: kind, ...options } = chosen;
  const changed = Object.entries(options).filter(([name, value]) => value !== DEFAULTS[name]);

  const quoted = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
  const attributes = changed.map(([name, value]) => ` data-${name}="${quoted(value)}"`).join("");
  const frame = new URL("embed", base);
  for (const [name, value] of changed) if (IN_FRAME.includes(name)) frame.searchParams.set(name, value);
  const tag = `<script src="${base}widget.js" defer${kind === "launcher" ? attributes : ""}></` + "script>";
  const snippets = {
    launcher: tag,
    inline: `${tag}\n<youju-chat${attributes}></youju-chat>`,
    iframe: `<iframe src="${quoted(frame.href)}" title="${quoted(options.title || "问政策")}" allow="clipboard-write" width="100%" height="680"></iframe>`,
  };

  function show() {
    for (const [name, value] of Object.entries(chosen)) form.elements[name].value = value;
    document.getElementById("snippet").textContent = snippets[kind];
    for (const [name, value] of changed) script.setAttribute(`data-${name}`, value);
    if (kind === "launcher") return;
    script.setAttribute("data-launcher", "never");
    const node = document.createElement(kind === "iframe" ? "iframe" : "youju-chat");
    if (kind === "iframe")
      Object.assign(node, { src: frame.href, title: options.title || "问政策", allow: "clipboard-write" });
    place.hidden = false;
    place.append(node);
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => {
    const next = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value !== DEFAULTS[name]) next.set(name, value);
    location.search = next.toString();
  });
  document.getElementById("copy").addEventListener("click", async () => {
    const code = document.getElementById("snippet");
    const copied = document.getElementById("copied");
    try {
      await navigator.clipboard.writeText(code.textContent);
      copied.textContent = "已复制";
    } catch (error) {
      getSelection().selectAllChildren(code);
      copied.textContent = "已选中，请按 Ctrl+C 复制";
    }
  });
  show();
})();
