// The demo page: the form writes the snippet, and by its button the address; the address the widget's attributes.
// It runs before widget.js (both are deferred, in order), so that the widget finds its attributes.
(() => {
  "use strict";
  const form = document.querySelector("form");
  const widget = document.getElementById("widget");
  const snippet = document.getElementById("snippet");
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

  const quoted = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
  const changes = (choice) => Object.entries(choice).filter(([name, value]) => value !== DEFAULTS[name]);
  const fits = (name, value) => Object.hasOwn(RULES, name) && RULES[name].test(value);
  const chosen = { ...DEFAULTS };
  for (const [name, value] of new URLSearchParams(location.search)) if (fits(name, value)) chosen[name] = value;

  function frameAddress({ form: kind, ...options }) {
    const address = new URL("embed", base);
    for (const [name, value] of changes(options)) if (IN_FRAME.includes(name)) address.searchParams.set(name, value);
    return address.href;
  }

  function snippetOf(choice) {
    const { form: kind, ...options } = choice;
    const title = quoted(options.title || "问政策");
    const size = 'allow="clipboard-write" width="100%" height="680"';
    if (kind === "iframe") return `<iframe src="${quoted(frameAddress(choice))}" title="${title}" ${size}></iframe>`;
    const attributes = changes(options).map(([name, value]) => ` data-${name}="${quoted(value)}"`);
    const script = (inside) => `<script src="${base}widget.js" defer${inside}></` + "script>";
    if (kind === "launcher") return script(attributes.join(""));
    return `${script("")}\n<youju-chat${attributes.join("")}></youju-chat>`;
  }

  // Give the widget of this page what was chosen; it reads that when it starts.
  function place(choice) {
    const { form: kind, ...options } = choice;
    for (const [name, value] of changes(options)) widget.setAttribute(`data-${name}`, value);
    if (kind === "launcher") return;
    widget.setAttribute("data-launcher", "never");
    const node = document.createElement(kind === "iframe" ? "iframe" : "youju-chat");
    const frame = { src: frameAddress(choice), title: options.title || "问政策", allow: "clipboard-write" };
    if (kind === "iframe") Object.assign(node, frame);
    const section = document.getElementById("place");
    section.hidden = false;
    section.append(node);
  }

  const typed = () => Object.fromEntries([...new FormData(form)].filter(([name, value]) => fits(name, value)));
  const show = () => (snippet.textContent = snippetOf({ ...DEFAULTS, ...typed() }));

  for (const [name, value] of Object.entries(chosen)) form.elements[name].value = value;
  place(chosen);
  show();
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.search = new URLSearchParams(changes(typed())).toString();
  });
  document.getElementById("copy").addEventListener("click", async () => {
    const copied = document.getElementById("copied");
    try {
      await navigator.clipboard.writeText(snippet.textContent);
      copied.textContent = "已复制";
    } catch {
      getSelection().selectAllChildren(snippet);
      copied.textContent = "已选中，请按 Ctrl+C 复制";
    }
  });
})();
