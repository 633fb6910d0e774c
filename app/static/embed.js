// The iframe page takes its options from its address: /embed?lang=en&theme=dark&title=…
// This runs before widget.js (both are deferred, in order); what does not fit a rule is left out.
(() => {
  "use strict";
  const RULES = {
    title: /^[^\p{C}]{1,40}$/u,
    lang: /^(zh-CN|zh-TW|en)$/,
    theme: /^(light|dark|auto)$/,
    accent: /^#[0-9a-f]{6}$/i,
    suggest: /^[^\p{C}]{1,800}$/u,
  };
  const chat = document.querySelector("youju-chat");
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (Object.hasOwn(RULES, name) && RULES[name].test(value)) chat.setAttribute(`data-${name}`, value);
    else console.warn(`YouJu: the parameter ${name} is unknown or its value does not fit; it is ignored`);
  }
  document.documentElement.lang = chat.dataset.lang || "zh-CN";
  if (chat.dataset.title) document.title = chat.dataset.title;
})();
