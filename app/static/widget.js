/* YouJu 有据, the widget: <script src="https://qa.example.gov.cn/widget.js" defer></script>, <youju-chat> for inline.
 * Shipped as written; WIDGET.md says why it is as it is. Text enters the page as text only: `el` makes every node. */
(() => {
  "use strict";

  const VERSION = "1";
  const doc = document;
  const script = doc.currentScript || doc.querySelector('script[src*="/widget.js"]');
  if (!script?.src) return console.error("YouJu: load widget.js by a script tag with src");
  if (window.YouJu) return console.warn("YouJu: the widget is on this page already");
  const BASE = new URL(".", script.src).href;

  // Taken before other scripts replace them. An async function returns the real Promise; old sites have their own.
  const { XMLHttpRequest, setTimeout, clearTimeout, matchMedia } = window;
  const OwnPromise = (async () => {})().constructor;

  const KEPT_TURNS = 20; // in the tab's memory and on the panel
  const HISTORY_TURNS = 6; // sent along with a follow-up question
  const MEMORY_CHARS = 200000;
  const QUESTION_CHARS = 2000;
  const QUIET_SECONDS = 90; // a stream that says nothing for so long is given up
  const REPLY_SECONDS = 20;
  const CONTEXT_CHARS = 600; // shown before and after a quote
  const WIDE = 760; // from here on the evidence stands beside the conversation

  // --- words ---

  const WORDS = {
    "zh-CN": {
      title: "问政策", close: "关闭", clear: "新对话", log: "问答", asked: "问", said: "答",
      welcome: "想了解什么？", about: "回答逐句引自收录的文件，点编号可看原文；文件里没有的，会直接说明。",
      placeholder: "输入问题，回车发送", question: "问题", send: "发送", stop: "停止", retry: "重试",
      footnote: "每句都有出处，正式引用请以原文件为准。", waiting: "正在查找原文", done: "回答完毕，引证 {n} 处",
      cite: "引证 {n}：", evidence: "引证", back: "返回", copyQuote: "复制引文", copyAnswer: "复制答案与出处", copied: "已复制",
      source: "查看原文件", newWindow: "（新窗口打开）", page: "第 {n} 页", refused: "文件中没有", near: "可以这样问：", looked: "查阅过的 {n} 段原文",
      rate: "这个回答", up: "有帮助", down: "没帮助", thanks: "谢谢反馈", comment: "哪里不好？（可不填）", submit: "提交", unrated: "反馈没有送到，请稍后再试",
      stopped: "已停止。", unfinished: "回答没有说完，以上内容仍有原文依据。", offlineNow: "网络已断开，恢复后可继续提问。",
      errors: {
        offline: "网络已断开，请检查网络后重试。", unreachable: "暂时连不上问答服务，请稍后重试。",
        not_allowed: "本网站还没有获准使用这项问答服务。", rate_limited: "提问有些频繁，请{wait}再试。",
        overloaded: "现在提问的人较多，请{wait}再试。",
        interrupted: "连接中断了，请重试。", server: "服务出错了，这个问题没有答成，请重试。",
      },
    },
    "zh-TW": {
      title: "問政策", close: "關閉", clear: "新對話", log: "問答", asked: "問", said: "答",
      welcome: "想了解什麼？", about: "回答逐句引自收錄的文件，點編號可看原文；文件裡沒有的，會直接說明。",
      placeholder: "輸入問題，按 Enter 送出", question: "問題", send: "送出", stop: "停止", retry: "重試",
      footnote: "每句都有出處，正式引用請以原文件為準。", waiting: "正在查找原文", done: "回答完畢，引證 {n} 處",
      cite: "引證 {n}：", evidence: "引證", back: "返回", copyQuote: "複製引文", copyAnswer: "複製答案與出處", copied: "已複製",
      source: "檢視原文件", newWindow: "（開新視窗）", page: "第 {n} 頁", refused: "文件中沒有", near: "可以這樣問：", looked: "查閱過的 {n} 段原文",
      rate: "這個回答", up: "有幫助", down: "沒幫助", thanks: "謝謝回饋", comment: "哪裡不好？（可不填）", submit: "提交", unrated: "回饋沒有送達，請稍後再試",
      stopped: "已停止。", unfinished: "回答沒有說完，以上內容仍有原文依據。", offlineNow: "網路已中斷，恢復後可繼續提問。",
      errors: {
        offline: "網路已中斷，請檢查網路後重試。", unreachable: "暫時連不上問答服務，請稍後重試。",
        not_allowed: "本網站尚未獲准使用這項問答服務。", rate_limited: "提問有些頻繁，請{wait}再試。",
        overloaded: "現在提問的人較多，請{wait}再試。",
        interrupted: "連線中斷了，請重試。", server: "服務出錯了，這個問題沒有答成，請重試。",
      },
    },
    en: {
      title: "Ask", close: "Close", clear: "New conversation", log: "Conversation", asked: "Q", said: "A",
      welcome: "What would you like to know?", about: "Every sentence is quoted from the documents; its number opens the passage. What they do not say is not answered.",
      placeholder: "Type a question", question: "Question", send: "Send", stop: "Stop", retry: "Try again",
      footnote: "Every sentence has its source. Cite the original document.", waiting: "Looking in the documents", done: "Answer complete, {n} citations",
      cite: "Citation {n}: ", evidence: "Citation", back: "Back", copyQuote: "Copy quote", copyAnswer: "Copy answer and sources", copied: "Copied",
      source: "Open the document", newWindow: " (opens in a new window)", page: "page {n}", refused: "Not in the documents", near: "You could ask:", looked: "{n} passages looked at",
      rate: "This answer", up: "Helpful", down: "Not helpful", thanks: "Thank you", comment: "What was wrong? (optional)", submit: "Submit", unrated: "Your rating was not delivered; please try again later",
      stopped: "Stopped.", unfinished: "The answer is incomplete; what stands above has its source.", offlineNow: "You are offline. Ask again once you are connected.",
      errors: {
        offline: "You are offline. Please check the connection and try again.", unreachable: "The service cannot be reached at the moment. Please try again later.",
        not_allowed: "This web site has not been allowed to use the service.", rate_limited: "Too many questions in a short time. Please try again {wait}.",
        overloaded: "The service is busy. Please try again {wait}.",
        interrupted: "The connection was interrupted. Please try again.", server: "The service failed on this question. Please try again.",
      },
    },
  };
  const fill = (template, values) => template.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  // --- options: attributes of the script tag, or of <youju-chat> ---

  const ONE_OF =
    (...names) =>
    (text) =>
      names.includes(text) ? text : null;
  const OPTIONS = {
    title: { fallback: "", read: (text) => text.slice(0, 40) },
    lang: { fallback: "zh-CN", read: readLanguage },
    theme: { fallback: "auto", read: ONE_OF("light", "dark", "auto") },
    accent: { fallback: "#9f1d20", read: (text) => (/^#[0-9a-f]{6}$/i.test(text) ? text : null) },
    position: { fallback: "right", read: ONE_OF("left", "right") },
    size: { fallback: "medium", read: ONE_OF("small", "medium", "large") },
    launcher: { fallback: "auto", read: ONE_OF("auto", "always", "never") },
    suggest: {
      fallback: [],
      read: (text) =>
        text
          .split("|")
          .map((part) => part.trim().slice(0, 100))
          .filter(Boolean)
          .slice(0, 8),
    },
  };

  function readLanguage(text) {
    const tag = text.toLowerCase();
    if (/^zh-(tw|hk|mo|hant)/.test(tag)) return "zh-TW";
    return /^zh\b/.test(tag) ? "zh-CN" : /^en\b/.test(tag) ? "en" : null;
  }

  // What an element does not say, or says wrongly, comes from `inherited`.
  function readOptions(element, inherited) {
    const options = {};
    for (const [name, { fallback, read }] of Object.entries(OPTIONS)) {
      const given = element.getAttribute("data-" + name);
      const value = given === null ? null : read(given.trim());
      if (given !== null && value === null)
        console.warn(`YouJu: data-${name}="${given}" is not understood and ignored`);
      options[name] = value ?? (inherited ? inherited[name] : fallback);
    }
    return options;
  }

  // --- colours: any accent is made readable (WCAG 2.2) ---

  const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const toHex = (rgb) => "#" + rgb.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("");
  const mix = (from, to, share) => toHex(channels(from).map((value, i) => value + (channels(to)[i] - value) * share));

  function luminance(hex) {
    const linear = channels(hex).map((value) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  }

  function contrast(one, other) {
    const [dark, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  }

  // Move a colour towards another until it contrasts with every ground by `ratio` : 1.
  function standOut(colour, towards, grounds, ratio) {
    for (let share = 0; share < 1; share += 0.04) {
      const moved = mix(colour, towards, share);
      if (grounds.every((ground) => contrast(moved, ground) >= ratio)) return moved;
    }
    return towards;
  }

  const PALETTES = {
    light: {
      ground: "#f4f1ea",
      sheet: "#fffdf8",
      paper: "#fffefb",
      ink: "#1f1b17",
      soft: "#625a50",
      rule: "#ded6c9",
      edge: "#8f8473",
      mark: "#ffdf7a",
      under: "#b98a00",
      glow: "rgba(255,223,122,.55)",
    },
    dark: {
      ground: "#161412",
      sheet: "#1e1b18",
      paper: "#211e1a",
      ink: "#efe8dc",
      soft: "#b3a999",
      rule: "#38332c",
      edge: "#83776a",
      mark: "#6f5a16",
      under: "#e0b84a",
      glow: "rgba(111,90,22,.6)",
    },
  };

  // Text on the accent is white or black, whichever contrasts more: at least 4.58 : 1.
  function themeRule(theme, accent) {
    const palette = PALETTES[theme];
    const far = theme === "dark" ? "#ffffff" : "#000000";
    const wash = mix(palette.sheet, accent, 0.08);
    const solid = theme === "dark" ? standOut(accent, far, [palette.sheet], 3) : accent;
    const colours = {
      ...palette,
      wash,
      accent: solid,
      on: contrast(solid, "#ffffff") >= contrast(solid, "#000000") ? "#ffffff" : "#000000",
      accentink: standOut(
        accent,
        far,
        [palette.sheet, palette.ground, wash, mix(palette.ground, palette.mark, 0.6)],
        5,
      ),
    };
    const properties = Object.entries(colours).map(([name, value]) => `--${name}:${value}`);
    return `.root[data-theme=${theme}]{color-scheme:${theme};${properties.join(";")}}`;
  }

  // --- style: a sibling of the chat page ---

  // `!important` in a shadow root beats the page's. What stands inline can be sized and placed by the page, not hidden.
  const HOSTS = {
    floating: () =>
      ":host{all:initial!important;display:block!important;position:fixed!important;bottom:0!important;right:0!important;width:0!important;height:0!important;z-index:2147483000!important}@media print{:host{display:none!important}}",
    inline: ({ size }) =>
      `:host{all:initial;display:block!important;visibility:visible!important;opacity:1!important;min-height:400px!important;height:${{ small: 500, medium: 640, large: 800 }[size]}px}`,
  };

  const STYLE = `
.root{all:initial;direction:ltr;
  --song:"Songti SC","Noto Serif CJK SC","Source Han Serif SC",SimSun,serif;
  --hei:"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Source Han Sans SC",system-ui,sans-serif;
  font:400 16px/1.75 var(--hei);color:var(--ink);-webkit-text-size-adjust:100%}
.root:lang(zh-TW){--song:"Songti TC","Noto Serif CJK TC","Source Han Serif TC",PMingLiU,serif;--hei:"PingFang TC","Microsoft JhengHei","Noto Sans CJK TC","Source Han Sans TC",system-ui,sans-serif}
.inline{display:block;height:100%}
*,*::before{box-sizing:border-box}
h2,h3,p,ul,ol{margin:0;padding:0;font:inherit}
ul,ol{list-style:none}
button,textarea,a{font:inherit;color:inherit}
button{margin:0;padding:0;border:0;background:none;text-align:inherit;cursor:pointer}
button:disabled{cursor:default;opacity:.65}
:focus-visible{outline:2px solid var(--accentink);outline-offset:2px}
[hidden]{display:none!important}
svg{display:block;width:20px;height:20px;fill:none;stroke:currentColor;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}
.quiet{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}

.launcher{position:fixed;bottom:max(20px,env(safe-area-inset-bottom));right:max(20px,env(safe-area-inset-right));display:flex;align-items:center;gap:10px;min-height:52px;max-width:min(280px,calc(100vw - 40px));padding:7px 20px 7px 8px;border-radius:12px;border:1px solid var(--on);background:var(--accent);color:var(--on);font:600 16px/1.4 var(--hei);box-shadow:0 2px 6px rgba(40,25,10,.22),0 10px 30px rgba(40,25,10,.2)}
.launcher:hover{filter:brightness(1.08)}
.launcher:focus-visible{outline:3px solid var(--on);outline-offset:-6px}
.left .launcher{right:auto;left:max(20px,env(safe-area-inset-left))}
.launcher .seal{width:36px;height:36px;font-size:21px;background:var(--on);color:var(--accent)}
.launcher b{font-weight:600}
.launcher b,h2{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.seal,.who{flex:none;display:grid;place-items:center;width:30px;height:30px;border-radius:6px;background:var(--accent);color:var(--on);font:700 18px/1 var(--song)}

.panel{position:relative;display:flex;flex-direction:column;overflow:hidden;background:var(--ground);color:var(--ink);border:1px solid var(--edge)}
.inline .panel{height:100%;border-radius:10px}
.floating .panel{position:fixed;bottom:max(16px,env(safe-area-inset-bottom));right:max(16px,env(safe-area-inset-right));width:min(420px,calc(100vw - 32px));height:min(680px,calc(100vh - 32px));border-radius:14px;box-shadow:0 4px 14px rgba(40,25,10,.16),0 18px 60px rgba(40,25,10,.26);animation:rise .18s ease-out}
.floating.left .panel{right:auto;left:max(16px,env(safe-area-inset-left))}
.floating .small{width:min(360px,calc(100vw - 32px));height:min(560px,calc(100vh - 32px))}
.floating .large{width:min(520px,calc(100vw - 32px));height:min(820px,calc(100vh - 32px))}
@keyframes rise{from{opacity:0;transform:translateY(10px)}}
.head{flex:none;display:flex;align-items:center;gap:10px;padding:10px 10px 9px 16px;background:var(--sheet);border-bottom:2px solid var(--accent);box-shadow:0 2px 0 var(--ground),0 3px 0 var(--accent);position:relative;z-index:2}
h2{flex:1;font:700 18px/1.4 var(--song);letter-spacing:.06em;color:var(--accentink)}
.tool{flex:none;display:grid;place-items:center;min-width:36px;height:36px;border-radius:7px;color:var(--soft)}
.tool:hover{background:var(--wash);color:var(--accentink)}
.body{flex:1;min-height:0;position:relative;display:flex}
.talk{flex:1;min-width:0;display:flex;flex-direction:column}
.log,.paper{position:relative;flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain;padding:20px 18px 16px;scrollbar-width:thin;scrollbar-color:var(--edge) transparent}
.log:focus-visible,.paper:focus-visible{outline-offset:-3px}

.welcome h3{font:700 22px/1.45 var(--song)}
.welcome p{margin-top:8px;font-size:15px;color:var(--soft)}
.chips{display:grid;justify-items:start;gap:8px;margin-top:16px}
.chips button{padding:8px 14px;border:1px solid var(--edge);border-radius:8px;background:var(--sheet);font-size:15px;line-height:1.55}
.chips button:hover{border-color:var(--accentink);color:var(--accentink)}
.turn{padding-bottom:20px;overflow-wrap:anywhere}
.turn+.turn{padding-top:20px;border-top:1px solid var(--rule)}
.asked,.reply{display:grid;grid-template-columns:24px minmax(0,1fr);column-gap:10px;align-items:start}
.asked{margin-bottom:12px}
.asked h3{font:700 17px/1.5 var(--song);white-space:pre-wrap}
.who{width:24px;height:24px;margin-top:2px;border:1px solid var(--accent);border-radius:5px;font-size:13px}
.asked .who,.refused .who{background:none;border-color:var(--edge);color:var(--soft)}
.sentence{line-height:1.85;white-space:pre-wrap}
.sentence+.sentence{margin-top:8px}
strong{font-weight:700;color:var(--accentink);background:linear-gradient(transparent 62%,var(--glow) 62%)}
.tail{white-space:nowrap}
.cite{display:inline-grid;place-items:center;min-width:24px;height:24px;padding:0 5px;margin:0 1px 0 6px;border:1px solid var(--accentink);border-radius:5px;background:var(--sheet);color:var(--accentink);font:600 13px/1 var(--hei);vertical-align:1px}
.cite:hover{background:var(--wash)}
.cite.is-open{background:var(--accent);border-color:var(--accent);color:var(--on)}
.sources{display:grid;gap:6px;margin-top:14px;padding-top:10px;border-top:1px dashed var(--edge);font-size:13.5px;line-height:1.6}
.sources li{display:grid;grid-template-columns:auto minmax(0,1fr);gap:8px;align-items:start}
.sources .cite,.bar .cite{margin:0}
.source{min-height:24px;color:var(--soft)}
.source:hover{color:var(--accentink);text-decoration:underline}
.tools{display:flex;flex-wrap:wrap;align-items:center;gap:4px 6px;margin-top:10px;font-size:13px;color:var(--soft)}
.plain{padding:2px 10px;line-height:22px;border:1px solid var(--edge);border-radius:6px;font-size:13px;color:var(--soft);text-decoration:none}
.plain:hover{color:var(--accentink);border-color:var(--accentink)}
.thumbs{display:flex}
.thumb{display:grid;place-items:center;width:34px;height:30px;border-radius:6px}
.thumb:hover{background:var(--wash);color:var(--accentink)}
.thumb[aria-pressed=true]{color:var(--accentink)}
.thumb[aria-pressed=true] svg{fill:var(--glow);stroke-width:2.2}
.comment{display:grid;gap:8px;margin-top:8px;justify-items:start}
.comment label{width:100%;font-size:13px;color:var(--soft)}
textarea{display:block;width:100%;margin:0;padding:8px 10px;border:1px solid var(--edge);border-radius:7px;background:var(--sheet);font:400 16px/1.6 var(--hei);color:var(--ink);resize:none}
textarea::placeholder{color:var(--soft);opacity:1}
.waiting,.near,.note,summary{color:var(--soft)}
.waiting i{display:inline-block;width:7px;height:7px;margin-left:8px;border-radius:50%;background:var(--accentink);animation:pulse .7s infinite alternate}
@keyframes pulse{from{opacity:.15}}
.refused .box{padding:12px 14px 14px;background:var(--sheet);border:1px solid var(--rule);border-left:4px solid var(--soft);border-radius:4px}
.verdict{font:700 16px/1.6 var(--song);color:var(--soft);margin-bottom:4px}
.near{margin-top:12px;font-size:14px}
.near+.chips{margin-top:8px}
details{margin-top:12px;font-size:14px}
summary{width:fit-content;min-height:24px;cursor:pointer}
summary:hover{color:var(--accentink)}
.passages{display:grid;gap:8px;margin-top:8px}
.passages button{max-height:8.4em;overflow:hidden;width:100%;padding:8px 10px;border-left:2px solid var(--edge);background:var(--ground);line-height:1.65}
.passages button:hover{border-color:var(--accentink)}
small{display:block;font-size:13px;color:var(--soft)}
.problem,.offline{margin-top:8px;padding:9px 12px;border:1px solid var(--accentink);border-radius:7px;background:var(--wash);font-size:15px}
.note{margin-top:8px;font-size:14px}

.offline{flex:none;margin:0 14px 8px}
.composer{flex:none;display:flex;align-items:flex-end;gap:8px;margin:0 14px;padding:6px;background:var(--sheet);border:1px solid var(--edge);border-radius:11px}
.composer:focus-within{border-color:var(--accentink);box-shadow:0 0 0 1px var(--accentink)}
.composer textarea{flex:1;min-width:0;height:40px;padding:7px 8px;border:0;background:none;outline:0}
.go{flex:none;min-width:64px;height:40px;padding:0 14px;border-radius:8px;text-align:center;font:600 15px/1 var(--hei);background:var(--accent);color:var(--on);border:1px solid var(--accent)}
.stop{background:none;color:var(--accentink);border-color:var(--accentink)}
.footnote{flex:none;padding:6px 14px max(9px,env(safe-area-inset-bottom));text-align:center;font-size:12.5px;line-height:1.5;color:var(--soft)}

.evidence{position:absolute;inset:0;display:flex;flex-direction:column;background:var(--sheet);z-index:1;animation:rise .18s ease-out}
.bar{flex:none;display:flex;flex-wrap:wrap;align-items:center;gap:6px;padding:8px 14px 5px 8px;font:700 15px/1.5 var(--song);color:var(--soft)}
.bar .tool{display:flex;gap:2px;padding-right:10px;font:500 14px/1 var(--hei)}
.bar .cite{min-width:28px;height:28px}
.card{flex:none;padding:10px 16px;background:var(--wash);border:solid var(--rule);border-width:1px 0;font-size:14px;line-height:1.65;max-height:40%;overflow-y:auto;overflow-wrap:anywhere}
.card p+p{font-weight:700;font-family:var(--song)}
.card div{display:flex;flex-wrap:wrap;gap:8px;margin-top:8px}
.card .plain{background:var(--sheet);color:var(--ink)}
.paper{background:var(--paper)}
.paper p{font:400 16px/2 var(--song);white-space:pre-wrap;overflow-wrap:anywhere;text-indent:2em;margin-bottom:6px}
mark{color:inherit;background:var(--mark);border-radius:2px;padding:2px 0;box-shadow:0 2px 0 var(--under);-webkit-box-decoration-break:clone;box-decoration-break:clone}
.is-wide .evidence{position:static;flex:1;min-width:0;border-left:1px solid var(--rule)}

@media (max-width:600px),(max-height:480px){
.floating .panel{inset:0;width:auto;height:auto;border:0;border-radius:0;padding:env(safe-area-inset-top) env(safe-area-inset-right) 0 env(safe-area-inset-left);background:var(--sheet)}
.floating .body{background:var(--ground)}
}
@media (max-height:480px){
.head{padding-top:4px;padding-bottom:3px}
.footnote{display:none}
.composer{margin-bottom:6px}
}
@media (prefers-reduced-motion:reduce){*{animation:none!important}}
@media (forced-colors:active){
.cite.is-open,.thumb[aria-pressed=true]{outline:2px solid Highlight}
mark{forced-color-adjust:none;background:Mark;color:MarkText}
}`;

  // Constructed sheets pass a strict style-src; browsers that lack them get an element.
  function dress(root, kind, options) {
    const css = HOSTS[kind](options) + STYLE + themeRule("light", options.accent) + themeRule("dark", options.accent);
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      root.adoptedStyleSheets = [sheet];
    } catch {
      root.append(el("style", {}, css));
    }
  }

  // --- making nodes ---

  // Attributes that are false or null are left out, on… are listeners, children are nodes or text.
  function el(tag, attributes, ...children) {
    const node = doc.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child != null && child !== false));
    return node;
  }

  const named = (name) => ({ "aria-label": name, title: name });
  const button = (kind, attributes, ...children) =>
    el("button", { type: "button", class: kind, ...attributes }, ...children);

  const ICONS = {
    close: "M6 6l12 12M18 6L6 18",
    clear: "M12 20h8M15.5 4.5l4 4L8 20H4v-4z",
    back: "M14.5 5.5L8 12l6.5 6.5",
    up: "M7.5 20.5V10.8l4-7.3c1.5 0 2.6 1 2.6 2.6v3.6h4.5c1.3 0 2.2 1.1 2 2.4l-1 6.4a2.4 2.4 0 0 1-2.4 2zM7.5 10.8H3.8v9.7h3.7",
    down: "M7.5 3.5v9.7l4 7.3c1.5 0 2.6-1 2.6-2.6v-3.6h4.5c1.3 0 2.2-1.1 2-2.4l-1-6.4a2.4 2.4 0 0 0-2.4-2zM7.5 13.2H3.8V3.5h3.7",
  };

  function icon(name) {
    const space = "http://www.w3.org/2000/svg";
    const svg = doc.createElementNS(space, "svg");
    const path = doc.createElementNS(space, "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
  }

  const seal = () => el("span", { class: "seal", "aria-hidden": "true" }, "据");

  // Return text as nodes, each highlight emphasised once.
  function emphasised(text, highlights) {
    const spans = [];
    for (const highlight of highlights || []) {
      const start = highlight ? text.indexOf(highlight) : -1;
      const end = start + highlight.length;
      if (start >= 0 && spans.every((span) => end <= span[0] || start >= span[1])) spans.push([start, end]);
    }
    spans.sort((a, b) => a[0] - b[0]);
    const nodes = [];
    let at = 0;
    for (const [start, end] of spans) {
      nodes.push(text.slice(at, start), el("strong", { class: end - start < 12 && "tail" }, text.slice(start, end)));
      at = end;
    }
    return [...nodes, text.slice(at)];
  }

  // JSON, lists by hand: old libraries give Array.prototype a toJSON that spoils JSON.stringify.
  function encode(value) {
    if (Array.isArray(value)) return `[${value.map(encode).join(",")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
    return `{${Object.keys(value)
      .map((key) => `${JSON.stringify(key)}:${encode(value[key])}`)
      .join(",")}}`;
  }

  // Without https there is no clipboard to write to.
  async function copy(text, root) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = el("textarea", { class: "quiet", "aria-hidden": "true", tabindex: "-1" });
      const focused = root.activeElement;
      root.append(field);
      field.value = text;
      field.select();
      doc.execCommand("copy");
      field.remove();
      focused?.focus();
    }
  }

  // --- the server ---

  // `code` is a name in WORDS.errors, or "said": then `message` is what the server said.
  class Failure extends Error {
    constructor(code, message, seconds) {
      super(message || code);
      this.name = "YouJuError";
      this.code = code;
      this.seconds = seconds;
    }
  }

  // XMLHttpRequest, because the page's fetch may be a polyfill that does not stream. onText is told the whole text so far.
  function call(method, path, { token, body, language, onText, signal, quiet = REPLY_SECONDS }) {
    return new OwnPromise((resolve, reject) => {
      const request = new XMLHttpRequest();
      let timer;
      let hasBegun = false;
      const rest = () => clearTimeout(timer);
      const fail = (code) => (rest(), reject(new Failure(code)), request.abort());
      const wait = () => (rest(), (timer = setTimeout(() => fail("interrupted"), quiet * 1000)));
      const read = () => {
        if (!onText || request.status !== 200) return;
        try {
          onText(request.responseText);
        } catch (error) {
          console.error("YouJu:", error); // a bug, or a proxy that garbles the stream
          fail("server");
        }
      };
      request.open(method, new URL(path, BASE).href);
      if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
      if (body) request.setRequestHeader("Content-Type", "application/json");
      request.setRequestHeader("Accept-Language", language);
      request.onprogress = () => ((hasBegun = true), wait(), read());
      request.onload = () => {
        rest();
        read();
        const retryAfter = parseInt(request.getResponseHeader("Retry-After"), 10);
        resolve({ status: request.status, text: request.responseText, retryAfter });
      };
      request.onerror = () => fail(hasBegun ? "interrupted" : navigator.onLine === false ? "offline" : "unreachable");
      if (signal) signal.abort = () => fail("stopped");
      wait();
      request.send(body ? encode(body) : null);
    });
  }

  // Return a function that takes the whole text so far, and calls onEvent(name, data) for each new event.
  function eventReader(onEvent) {
    let read = 0;
    let rest = "";
    return (whole) => {
      const blocks = (rest + whole.slice(read)).split(/\r?\n\r?\n/);
      read = whole.length;
      rest = blocks.pop();
      for (const block of blocks) {
        const [, name] = /^event: ?(.+)/m.exec(block) || [];
        const [, data] = /^data: ?(.+)/m.exec(block) || []; // one line, as JSON is written
        if (data) onEvent(name, JSON.parse(data));
      }
    };
  }

  class Server {
    constructor(language) {
      this.language = language;
      this.token = null; // a promise of one, shared by calls that start together
    }

    // A token that the server no longer takes is renewed once.
    async send(method, path, options = {}) {
      for (const isLast of [false, true]) {
        this.token = this.token || this.fetchToken();
        const used = this.token;
        const token = await used;
        if (options.signal?.isStopped) throw new Failure("stopped");
        const reply = await call(method, path, { ...options, token, language: this.language });
        if (reply.status === 200) return reply.text;
        const failure = this.explain(reply);
        if (failure.code !== "expired" || isLast) throw failure;
        if (this.token === used) this.token = null;
      }
    }

    async json(method, path, options) {
      return JSON.parse(await this.send(method, path, options));
    }

    // A refusal can't be read (CORS): where this file comes but no token, the page is not allowed.
    async fetchToken() {
      try {
        const reply = await call("POST", "api/token", { language: this.language });
        if (reply.status !== 200) throw this.explain(reply);
        const { token, expires_in: seconds } = JSON.parse(reply.text);
        setTimeout(() => (this.token = null), seconds * 900); // before it expires
        return token;
      } catch (error) {
        this.token = null;
        if (error.code !== "unreachable") throw error;
        try {
          await fetch(`${BASE}widget.js?${Date.now()}`, { mode: "no-cors" });
        } catch {
          throw error;
        }
        console.error(`YouJu: ${BASE} does not allow ${location.origin}; its operator sets YOUJU_ALLOWED_ORIGINS`);
        throw new Failure("not_allowed");
      }
    }

    async ask(body, signal, onEvent) {
      let answer = null;
      let failure = null;
      const onText = eventReader((name, data) => {
        if (name === "answer") answer = data;
        else if (name === "error") failure = new Failure("said", data.error?.message);
        else onEvent(name, data);
      });
      await this.send("POST", "api/ask/stream", { body, signal, onText, quiet: QUIET_SECONDS });
      if (failure) throw failure;
      if (!answer || !Array.isArray(answer.sentences) || !Array.isArray(answer.citations))
        throw new Failure("interrupted");
      return answer;
    }

    explain({ status, text, retryAfter }) {
      let error = {};
      try {
        error = JSON.parse(text).error || {};
      } catch {
        error = {}; // a proxy's page
      }
      const seconds = retryAfter > 0 ? retryAfter : 10;
      const isBusy = error.code === "overloaded" || (status > 501 && !error.code);
      if (/^token_/.test(error.code)) return new Failure("expired");
      if (error.code === "origin_not_allowed") return new Failure("not_allowed");
      if (status === 429) return new Failure("rate_limited", error.message, seconds);
      if (isBusy) return new Failure("overloaded", error.message, seconds);
      if (error.code === "not_ready") return new Failure("unreachable");
      if (status === 500 || !error.message) return new Failure("server", error.message);
      return new Failure("said", error.message);
    }
  }

  // --- the tab's memory ---

  // The turns of this tab, by server and place on the page. Where storage is blocked, nothing is remembered.
  class Memory {
    constructor(place) {
      this.key = `youju:${VERSION}:${place}:${BASE}`;
    }

    load() {
      try {
        const turns = JSON.parse(sessionStorage.getItem(this.key) || "[]");
        return turns
          .filter((turn) => typeof turn.question === "string" && Array.isArray(turn.sentences))
          .slice(-KEPT_TURNS);
      } catch {
        return [];
      }
    }

    save(turns) {
      let kept = turns.slice(-KEPT_TURNS);
      while (kept.length && encode(kept).length > MEMORY_CHARS) kept = kept.slice(1);
      try {
        if (kept.length) sessionStorage.setItem(this.key, encode(kept));
        else sessionStorage.removeItem(this.key);
      } catch {
        return; // blocked or full: the conversation on the panel is not affected
      }
    }
  }

  // --- the chat: conversation, composer, evidence ---

  // A turn is {question, sentences, citations, passages, answer, state, failure, rating};
  // `state` is running, done, stopped or failed.
  class Chat {
    constructor(host, options, place, onClose) {
      this.host = host;
      this.options = options;
      this.words = WORDS[options.lang];
      this.server = new Server(options.lang);
      this.memory = new Memory(place);
      this.turns = this.memory.load();
      this.running = null; // {stop()} while a question is being answered
      this.opened = null; // what the evidence shows: {source, opener}
      this.isStarted = false;
      this.make(onClose);
      this.drawAll();
    }

    make(onClose) {
      const { words, options } = this;
      const title = options.title || words.title;
      this.log = el("div", {
        class: "log",
        tabindex: "0",
        role: "region",
        "aria-label": words.log,
        onscroll: () => this.noteScroll(),
      });
      this.field = el("textarea", {
        rows: "1",
        maxlength: QUESTION_CHARS,
        placeholder: words.placeholder,
        "aria-label": words.question,
        enterkeyhint: "send",
        autocomplete: "off",
        dir: "auto",
        oninput: () => this.fitField(),
        onkeydown: (event) => this.onFieldKey(event),
      });
      this.sendButton = el("button", { class: "go", type: "submit" }, words.send);
      this.stopButton = button("go stop", { hidden: true, onclick: () => this.stop() }, words.stop);
      this.offline = el("p", { class: "offline", role: "status", hidden: true }, words.offlineNow);
      this.live = el("div", { class: "quiet", role: "log", "aria-live": "polite" });
      const submit = (event) => (event.preventDefault(), this.askFromField());
      const composer = el(
        "form",
        { class: "composer", onsubmit: submit },
        this.field,
        this.sendButton,
        this.stopButton,
      );
      this.talk = el(
        "div",
        { class: "talk" },
        this.log,
        this.offline,
        composer,
        el("p", { class: "footnote" }, words.footnote),
      );
      this.body = el("div", { class: "body" }, this.talk);
      const tools = [button("tool", { ...named(words.clear), onclick: () => this.clear() }, icon("clear"))];
      if (onClose) tools.push(button("tool close", { ...named(words.close), onclick: onClose }, icon("close")));
      const head = el("div", { class: "head" }, seal(), el("h2", { id: "title" }, title), ...tools);
      this.panel = el(
        "section",
        {
          class: `panel ${options.size}`,
          role: onClose ? "dialog" : "region",
          "aria-labelledby": "title",
          tabindex: "-1",
        },
        head,
        this.body,
        this.live,
      );
    }

    async start() {
      if (this.isStarted) return;
      this.isStarted = true;
      const showConnection = () => (this.offline.hidden = navigator.onLine !== false);
      window.addEventListener("online", showConnection);
      window.addEventListener("offline", showConnection);
      window.addEventListener("pagehide", () => this.memory.save(this.turns));
      showConnection();
      new ResizeObserver(() => this.fitWidth()).observe(this.panel);
      if (this.options.suggest.length || this.turns.length) return;
      try {
        const { questions } = await this.server.json("GET", "api/suggestions");
        this.options.suggest = questions.filter((question) => typeof question === "string").slice(0, 6);
        if (!this.turns.length) this.drawAll();
      } catch (failure) {
        this.tell("error", { code: failure.code || "server", message: failure.message });
        // Said before the visitor types in vain; the rest shows when a question is asked.
        if (failure.code === "not_allowed" && !this.turns.length) this.log.append(this.problem(failure));
      }
    }

    tell(name, detail) {
      const event = new CustomEvent("youju:" + name, {
        detail: JSON.parse(encode(detail || {})),
        bubbles: true,
        composed: true,
      });
      this.host.dispatchEvent(event);
    }

    announce(text) {
      this.live.append(el("p", {}, text));
    }

    // --- asking ---

    onFieldKey(event) {
      // Enter may pick a word of an input method (Safari says so by 229 only).
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.askFromField();
    }

    askFromField() {
      const question = this.field.value;
      if (this.running || !question.trim()) return this.field.focus();
      this.field.value = "";
      this.fitField();
      this.ask(question).catch(() => {}); // shown in the turn
    }

    fitField() {
      this.field.style.height = "40px";
      if (this.field.scrollHeight > 44) this.field.style.height = Math.min(132, this.field.scrollHeight) + "px";
    }

    // Resolves to the answer; rejects with a Failure, which the turn shows too.
    async ask(text) {
      const question = String(text).trim().slice(0, 20000);
      if (!question) throw new Failure("empty", "there is no question");
      if (this.running) throw new Failure("busy", "the question before is being answered");
      const turn = { question, sentences: [], citations: [], passages: [], state: "running" };
      this.turns.push(turn);
      if (this.turns.length === 1) this.log.replaceChildren();
      while (this.turns.length > KEPT_TURNS) (this.log.removeChild(this.log.firstChild), this.turns.shift());
      this.isFollowing = true;
      this.tell("ask", { question });
      this.closeEvidence();
      return this.answer(turn);
    }

    async answer(turn) {
      const signal = { isStopped: false };
      const stopped = new OwnPromise((resolve, reject) => {
        signal.stop = () => ((signal.isStopped = true), signal.abort?.(), reject(new Failure("stopped")));
      });
      this.setRunning(signal);
      this.live.replaceChildren();
      this.announce(this.words.waiting);
      this.draw(turn);
      try {
        const body = { question: turn.question, history: this.historyBefore(turn) };
        const asked = this.server.ask(body, signal, (name, data) => this.onEvent(turn, name, data));
        const answer = await OwnPromise.race([asked, stopped]);
        const { id, text, refusal, sentences, citations, passages = [] } = answer;
        Object.assign(turn, { answer: { id, text, refusal }, sentences, citations, passages, state: "done" });
        this.announce(refusal ? refusal.message : fill(this.words.done, { n: citations.length }));
        this.tell("answer", answer);
        return answer;
      } catch (error) {
        if (!(error instanceof Failure)) console.error("YouJu:", error);
        const failure = error instanceof Failure ? error : new Failure("server");
        turn.state = failure.code === "stopped" ? "stopped" : "failed";
        turn.failure = { code: failure.code, message: failure.message, seconds: failure.seconds };
        this.announce(turn.state === "stopped" ? this.words.stopped : this.explain(turn.failure));
        this.tell("error", { code: failure.code, message: this.explain(turn.failure), question: turn.question });
        throw failure;
      } finally {
        this.setRunning(null);
        this.draw(turn);
        this.memory.save(this.turns);
      }
    }

    historyBefore(turn) {
      const earlier = this.turns.slice(0, this.turns.indexOf(turn));
      const answered = earlier.filter(({ answer }) => answer && !isGreeting(answer));
      return answered.slice(-HISTORY_TURNS).map(({ question, answer }) => ({ question, answer: answer.text }));
    }

    onEvent(turn, name, data) {
      if (name === "passages") turn.passages = data;
      if (name !== "token" || !data.sentence) return;
      turn.citations.push(
        ...data.citations.filter(({ number }) => turn.citations.every((known) => known.number !== number)),
      );
      turn.sentences.push(data.sentence);
      this.announce(data.sentence.text);
      this.draw(turn);
    }

    stop() {
      this.running?.stop();
    }

    setRunning(signal) {
      const isFocused = this.panel.getRootNode().activeElement === (signal ? this.sendButton : this.stopButton);
      this.running = signal;
      this.sendButton.hidden = Boolean(signal);
      this.stopButton.hidden = !signal;
      if (!isFocused) return;
      if (signal) this.stopButton.focus();
      else this.settle();
    }

    // Give the focus a place when what had it is gone. On a touch screen not the field, whose keyboard would open.
    settle() {
      (matchMedia("(pointer: coarse)").matches ? this.log : this.field).focus({ preventScroll: true });
    }

    retry(turn) {
      if (this.running) return;
      Object.assign(turn, {
        sentences: [],
        citations: [],
        passages: [],
        answer: undefined,
        failure: undefined,
        state: "running",
      });
      this.isFollowing = true;
      this.settle();
      this.answer(turn).catch(() => {});
    }

    clear() {
      this.stop();
      this.turns = [];
      this.memory.save([]);
      this.closeEvidence();
      this.live.replaceChildren();
      this.drawAll();
      this.settle();
      this.tell("clear");
    }

    // --- drawing the conversation ---

    drawAll() {
      this.log.replaceChildren();
      if (!this.turns.length) this.log.append(this.welcome());
      for (const turn of this.turns) {
        if (turn.state === "running") turn.state = "stopped"; // the page was left while it was being answered
        try {
          this.draw(turn);
        } catch {
          this.turns = []; // what was remembered is not ours, or of another version
          return this.drawAll();
        }
      }
      this.log.scrollTop = this.log.scrollHeight;
    }

    // Sentences that stand are left alone: neither focus nor selection is lost.
    draw(turn) {
      let node = [...this.log.children].find((child) => child.turn === turn);
      if (!node && !this.turns.includes(turn)) return; // cleared meanwhile
      if (!node) {
        node = this.drawQuestion(turn);
        this.log.append(node);
      }
      const { box, reply } = node.parts;
      const drawn = box.querySelectorAll(".sentence");
      const isSame = [...drawn].every((sentence, i) => turn.sentences[i] && sentence.key === encode(turn.sentences[i]));
      if (!isSame) box.replaceChildren();
      else for (const child of [...box.children]) if (!child.matches(".sentence")) child.remove();
      for (const sentence of turn.sentences.slice(isSame ? drawn.length : 0))
        box.append(this.drawSentence(turn, sentence));
      reply.classList.toggle("refused", Boolean(turn.answer?.refusal) && !isGreeting(turn.answer));
      box.append(...this.drawEnd(turn));
      this.follow(node);
    }

    drawQuestion(turn) {
      const { words } = this;
      const box = el("div", { class: "box" });
      const reply = el("div", { class: "reply" }, el("span", { class: "who", "aria-hidden": "true" }, words.said), box);
      const asked = el(
        "div",
        { class: "asked" },
        el("span", { class: "who", "aria-hidden": "true" }, words.asked),
        el("h3", { dir: "auto" }, turn.question),
      );
      const node = el("article", { class: "turn" }, asked, reply);
      node.turn = turn;
      node.parts = { box, reply };
      return node;
    }

    drawSentence(turn, sentence) {
      const cites = sentence.citations.map((number) => this.cite(turn, number));
      const nodes = emphasised(sentence.text, sentence.highlights);
      const last = [...nodes.pop()]; // whole characters
      const tail = el("span", { class: "tail" }, last.slice(-1).join(""), ...cites); // no line begins with a number
      const node = el("p", { class: "sentence", dir: "auto" }, ...nodes, last.slice(0, -1).join(""), tail);
      node.key = encode(sentence);
      return node;
    }

    cite(turn, number) {
      const citation = turn.citations.find((candidate) => candidate.number === number);
      if (!citation) return null;
      const label = fill(this.words.cite, { n: number }) + citation.reference;
      const node = button(
        "cite",
        { "aria-label": label, title: citation.reference, onclick: () => this.openCitation(turn, citation, node) },
        String(number),
      );
      return Object.assign(node, { turn, number });
    }

    // What follows the sentences.
    drawEnd(turn) {
      const { words } = this;
      if (turn.state === "running")
        return turn.sentences.length ? [] : [el("p", { class: "waiting" }, words.waiting, el("i"))];
      if (turn.state === "done")
        return turn.answer.refusal ? this.drawRefusal(turn) : [this.drawSources(turn), ...this.drawTools(turn)];
      const parts = turn.citations.length ? [this.drawSources(turn)] : [];
      if (turn.sentences.length && turn.state === "failed") parts.push(el("p", { class: "note" }, words.unfinished));
      return [
        ...parts,
        turn.state === "stopped"
          ? el("p", { class: "note" }, words.stopped + " ", this.retryButton(turn))
          : this.problem(turn.failure, turn),
      ];
    }

    problem(failure, turn) {
      return el(
        "div",
        { class: "problem" },
        el("p", {}, this.explain(failure)),
        turn && this.retryButton(turn, failure.seconds),
      );
    }

    explain({ code, message, seconds = 0 }) {
      const { errors } = this.words;
      if (code === "said" && message !== code) return message;
      const [n, unit] =
        seconds < 100 ? [seconds, "second"] : seconds < 6000 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
      const wait = new Intl.RelativeTimeFormat(this.options.lang).format(Math.ceil(n), unit);
      return fill(errors[code] || errors.server, { wait });
    }

    // Where the server named a time to wait, the button waits too; but not long, a limit may be lifted before its time.
    retryButton(turn, seconds = 0) {
      const node = button("plain", { disabled: seconds > 0, onclick: () => this.retry(turn) }, this.words.retry);
      setTimeout(() => (node.disabled = false), Math.min(seconds, 60) * 1000);
      return node;
    }

    drawSources(turn) {
      const rows = turn.citations.map(({ number, reference }) =>
        el(
          "li",
          {},
          this.cite(turn, number),
          button(
            "source",
            { tabindex: "-1", "aria-hidden": "true", onclick: (event) => event.currentTarget.previousSibling.click() },
            reference,
          ),
        ),
      );
      return el("ol", { class: "sources" }, ...rows);
    }

    drawRefusal(turn) {
      const { message, near } = turn.answer.refusal;
      const { words } = this;
      const suggested = near?.length ? [el("p", { class: "near" }, words.near), this.chips(near)] : [];
      const parts = [el("p", { dir: "auto" }, message), ...suggested];
      if (isGreeting(turn.answer)) return parts;
      if (turn.passages.length) parts.push(this.drawPassages(turn.passages));
      return [el("p", { class: "verdict" }, words.refused), ...parts, ...this.drawTools(turn)];
    }

    drawPassages(passages) {
      const rows = passages.map((passage) => {
        const heading = (passage.heading || []).join(" › ");
        const source = { ...passage, quote: passage.text, reference: heading, title: "" };
        const node = button(
          "",
          { onclick: () => this.openEvidence({ source, opener: node }) },
          heading ? el("small", {}, heading) : null,
          passage.text,
        );
        return el("li", {}, node);
      });
      return el(
        "details",
        {},
        el("summary", {}, fill(this.words.looked, { n: passages.length })),
        el("ol", { class: "passages" }, ...rows),
      );
    }

    drawTools(turn) {
      const { words } = this;
      const tools = el("div", { class: "tools" });
      if (turn.citations.length) tools.append(this.copyButton(words.copyAnswer, () => answerWithSources(turn)));
      const thanks = el("span", { role: "status" }, turn.rating ? words.thanks : "");
      const comment = this.drawComment(turn, thanks);
      const thumbs = ["up", "down"].map((rating) =>
        button(
          "thumb",
          { ...named(words[rating]), "aria-pressed": String(turn.rating === rating), onclick: () => rate(rating) },
          icon(rating),
        ),
      );
      const rate = async (rating) => {
        if (!(await this.rate(turn, rating, "", thanks))) return;
        comment.hidden = rating !== "down";
        thumbs.forEach((thumb) => thumb.setAttribute("aria-pressed", String(thumb.title === words[rating])));
      };
      tools.append(el("span", { class: "thumbs", role: "group", "aria-label": words.rate }, ...thumbs), thanks);
      return [tools, comment];
    }

    drawComment(turn, thanks) {
      const field = el("textarea", { rows: "2", maxlength: "2000" });
      const submit = async (event) => {
        event.preventDefault();
        if (await this.rate(turn, "down", field.value, thanks)) form.hidden = true;
      };
      const form = el(
        "form",
        { class: "comment", hidden: true, onsubmit: submit },
        el("label", {}, this.words.comment, field),
        el("button", { class: "plain", type: "submit" }, this.words.submit),
      );
      return form;
    }

    async rate(turn, rating, comment, thanks) {
      try {
        await this.server.send("POST", "api/feedback", { body: { answer_id: turn.answer.id, rating, comment } });
      } catch (failure) {
        thanks.textContent = failure.code === "said" ? failure.message : this.words.unrated;
        return false;
      }
      turn.rating = rating;
      thanks.textContent = this.words.thanks;
      this.memory.save(this.turns);
      this.tell("rate", { answer_id: turn.answer.id, rating });
      return true;
    }

    copyButton(label, textOf) {
      const node = button("plain", {}, label);
      node.addEventListener("click", async () => {
        await copy(textOf(), this.panel.getRootNode());
        this.announce(this.words.copied);
        node.textContent = this.words.copied;
        setTimeout(() => (node.textContent = label), 1400);
      });
      return node;
    }

    welcome() {
      const { words, options } = this;
      return el(
        "div",
        { class: "welcome" },
        el("h3", {}, words.welcome),
        el("p", {}, words.about),
        options.suggest.length ? this.chips(options.suggest) : null,
      );
    }

    chips(questions) {
      const ask = (question) => {
        if (this.running) return;
        this.settle();
        this.ask(question).catch(() => {});
      };
      return el(
        "ul",
        { class: "chips" },
        ...questions.map((question) =>
          el("li", {}, button("", { dir: "auto", onclick: () => ask(question) }, question)),
        ),
      );
    }

    // Keep the question in sight while its answer grows, unless the reader scrolls.
    follow(node) {
      if (!this.isFollowing || node !== this.log.lastChild) return;
      this.log.scrollTop = node.offsetTop - 10;
      this.followed = this.log.scrollTop; // as far as it goes
    }

    noteScroll() {
      if (Math.abs(this.log.scrollTop - this.followed) > 40) this.isFollowing = false;
    }

    fitWidth() {
      const isWide = this.panel.clientWidth >= WIDE;
      this.panel.classList.toggle("is-wide", isWide);
      this.talk.inert = Boolean(this.evidence) && !isWide;
    }

    // --- evidence: a quote in its context ---

    openCitation(turn, citation, opener) {
      this.openEvidence({ turn, source: citation, opener });
      this.tell("cite", { citation });
    }

    openEvidence(opened) {
      const isSwitched = Boolean(this.evidence?.contains(opened.opener));
      const opener = isSwitched ? this.opened.opener : opened.opener;
      this.closeEvidence(false);
      this.opened = { ...opened, opener };
      const { source, turn } = this.opened;
      this.paper = el("div", { class: "paper", tabindex: "0", role: "region", "aria-label": this.words.evidence });
      const back = button("tool", { onclick: () => this.closeEvidence() }, icon("back"), this.words.back);
      const tabs = turn ? turn.citations.map(({ number }) => this.cite(turn, number)) : [];
      this.evidence = el(
        "aside",
        { class: "evidence", "aria-label": this.words.evidence },
        el("div", { class: "bar" }, back, el("span", { "aria-hidden": "true" }, this.words.evidence), ...tabs),
        this.card(source),
        this.paper,
      );
      this.body.append(this.evidence);
      this.markOpen();
      this.fitWidth();
      this.showContext(contextInPassages(source, turn ? turn.passages : []));
      this.loadContext(source);
      (isSwitched ? this.evidence.querySelector(".is-open") : back).focus();
    }

    card(source) {
      const { words } = this;
      const page = source.page == null ? "" : `，${fill(words.page, { n: source.page })}`;
      const link = new URL(documentPath(source, "source"), BASE).href;
      const tools = el(
        "div",
        {},
        this.copyButton(words.copyQuote, () => quoted(source)),
        el(
          "a",
          { class: "plain", href: link, target: "_blank", rel: "noopener noreferrer" },
          words.source,
          el("span", { class: "quiet" }, words.newWindow),
        ),
      );
      return el(
        "div",
        { class: "card" },
        el("p", { class: "reference" }, source.reference + page),
        source.title ? el("p", {}, source.title) : null,
        tools,
      );
    }

    // More of the document than the passage that came with the answer.
    async loadContext(source) {
      try {
        const path = documentPath(source, `context?start=${source.start}&end=${source.end}&chars=${CONTEXT_CHARS}`);
        const context = await this.server.json("GET", path);
        // If the document has changed since, the passage stays.
        if (this.opened?.source === source && context.quote === source.quote) this.showContext(context);
      } catch {
        return; // the passage is there already
      }
    }

    showContext({ before, quote, after, is_cut_before: isCutBefore, is_cut_after: isCutAfter }) {
      let line = el("p", { dir: "auto" });
      const lines = [line];
      for (const [text, isQuote] of [
        [(isCutBefore ? "…" : "") + before, false],
        [quote, true],
        [after + (isCutAfter ? "…" : ""), false],
      ]) {
        text.split("\n").forEach((part, i) => {
          if (i > 0) lines.push((line = el("p", { dir: "auto" })));
          if (part) line.append(isQuote ? el("mark", {}, part) : part);
        });
      }
      this.paper.replaceChildren(...lines.filter((candidate) => candidate.firstChild));
      this.paper.scrollTop = this.paper.querySelector("mark").offsetTop - this.paper.clientHeight / 3;
    }

    closeEvidence(isByReader = true) {
      if (!this.evidence) return;
      const { opener } = this.opened;
      this.evidence.remove();
      this.evidence = this.opened = null;
      this.fitWidth();
      this.markOpen();
      if (isByReader) (opener.isConnected ? opener : this.field).focus();
    }

    markOpen() {
      const { turn, source } = this.opened || {};
      for (const node of this.panel.querySelectorAll(".cite")) {
        const isOpen = node.turn === turn && node.number === source.number;
        node.classList.toggle("is-open", isOpen);
        node.setAttribute("aria-current", isOpen);
      }
    }
  }

  const isGreeting = ({ refusal }) => refusal?.kind === "greeting";

  const documentPath = ({ document_id: id }, part) => `api/documents/${encodeURIComponent(id)}/${part}`;

  const quoted = ({ quote, reference }) => `「${quote}」（${reference}）`;

  const answerWithSources = ({ answer, citations }) =>
    [answer.text, "", ...citations.map((citation) => `[${citation.number}] ${quoted(citation)}`)].join("\n");

  // Found by its words: offsets count code points, JavaScript does not.
  function contextInPassages({ document_id: id, start, end, quote }, passages) {
    const passage = passages.find(
      (candidate) => candidate.document_id === id && candidate.start <= start && end <= candidate.end,
    );
    const [before, ...after] = passage ? passage.text.split(quote) : [""];
    return after.length ? { before, quote, after: after.join(quote) } : { before: "", quote, after: "" };
  }

  // --- where it stands on the page ---

  // Give an element shadow root, style and theme. What is typed inside does not reach the page's shortcuts.
  function prepare(host, options, kind) {
    const shadow = host.shadowRoot || host.attachShadow({ mode: "open" });
    shadow.replaceChildren();
    dress(shadow, kind, options);
    const root = el("div", { class: `root ${kind} ${options.position}`, lang: options.lang });
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const paint = () =>
      (root.dataset.theme = options.theme === "auto" ? (dark.matches ? "dark" : "light") : options.theme);
    dark.addEventListener("change", paint);
    paint();
    for (const name of ["keydown", "keypress", "keyup"])
      root.addEventListener(name, (event) => event.stopPropagation());
    shadow.append(root);
    return { root, paint };
  }

  // Find what Tab stops at, in order.
  function stops(node) {
    const candidates = node.querySelectorAll("button, textarea, a[href], summary, [tabindex='0']");
    return [...candidates].filter(
      (stop) => !stop.disabled && stop.tabIndex >= 0 && stop.getClientRects().length && !stop.closest("[inert]"),
    );
  }

  // On a phone the panel is the screen; elsewhere the page stays usable beside it.
  class Launcher {
    constructor(options) {
      this.options = options;
      this.host = el("youju-launcher");
      Object.assign(this, prepare(this.host, options, "floating"));
      this.chat = new Chat(this.host, options, "launcher", () => this.close());
      const words = WORDS[options.lang];
      const title = options.title || words.title;
      this.button = button(
        "launcher",
        { "aria-haspopup": "dialog", onclick: () => this.open() },
        seal(),
        el("b", {}, title),
      );
      this.root.append(this.button);
      this.root.addEventListener("keydown", (event) => this.onKey(event));
      this.phone = matchMedia("(max-width: 600px), (max-height: 480px)");
      this.phone.addEventListener("change", () => this.fit());
      for (const name of ["resize", "scroll"]) visualViewport.addEventListener(name, () => this.fit());
      // Beside the body: one that is transformed, hidden or replaced does not take the button along.
      doc.documentElement.append(this.host);
    }

    get isOpen() {
      return this.chat.panel.isConnected;
    }

    open() {
      if (this.isOpen) return;
      this.root.append(this.chat.panel);
      this.button.hidden = true;
      this.fit();
      this.chat.fitWidth();
      this.chat.log.scrollTop = this.chat.log.scrollHeight;
      this.chat.settle();
      this.chat.start();
      this.chat.tell("open");
    }

    close() {
      if (!this.isOpen) return;
      this.chat.panel.remove();
      this.button.hidden = false;
      this.button.focus();
      this.chat.tell("close");
    }

    onKey(event) {
      if (!this.isOpen || event.isComposing) return;
      if (event.key === "Escape") return this.chat.evidence ? this.chat.closeEvidence() : this.close();
      if (event.key !== "Tab") return;
      const reachable = stops(this.chat.panel);
      const edge = event.shiftKey ? reachable[0] : reachable[reachable.length - 1];
      const focused = this.root.getRootNode().activeElement;
      if (focused !== edge && focused !== this.chat.panel) return;
      if (focused === this.chat.panel && !event.shiftKey) return;
      event.preventDefault();
      (event.shiftKey ? reachable[reachable.length - 1] : reachable[0]).focus();
    }

    // Fit the panel into what a virtual keyboard leaves of the screen.
    fit() {
      const { style } = this.chat.panel;
      const { offsetTop, height, scale } = visualViewport;
      const isPhone = this.phone.matches;
      this.chat.panel.setAttribute("aria-modal", isPhone);
      const isFitted = isPhone && scale === 1; // a reader who has zoomed in is left alone
      style.top = isFitted ? `${offsetTop}px` : "";
      style.bottom = isFitted ? "auto" : "";
      style.height = isFitted ? `${height}px` : "";
    }
  }

  class InlineChat extends HTMLElement {
    connectedCallback() {
      if (this.chat) return; // moved by the page
      const options = readOptions(this, scriptOptions);
      this.options = options;
      Object.assign(this, prepare(this, options, "inline"));
      this.chat = new Chat(this, options, this.id || "inline", null);
      this.root.addEventListener("keydown", (event) => event.key === "Escape" && this.chat.closeEvidence());
      this.root.append(this.chat.panel);
      this.chat.fitWidth();
      this.chat.start();
    }
  }

  // --- the page's side: window.YouJu ---

  const scriptOptions = readOptions(script, null);
  let launcher = null;

  const inline = () => doc.querySelector("youju-chat");
  const current = () => launcher || inline();

  function open() {
    if (launcher) launcher.open();
    else inline()?.chat?.field.focus();
  }

  async function ask(question) {
    await isReady;
    if (!current()) throw new Failure("absent", "no widget on this page");
    open();
    return JSON.parse(encode(await current().chat.ask(question)));
  }

  // Returns a function that stops listening.
  function on(name, listener) {
    const heard = (event) => listener(event.detail, event);
    doc.addEventListener("youju:" + name, heard);
    return () => doc.removeEventListener("youju:" + name, heard);
  }

  function setTheme(theme) {
    if (!OPTIONS.theme.read(theme)) throw new TypeError("a theme is light, dark or auto");
    for (const place of [launcher, ...doc.querySelectorAll("youju-chat")].filter(Boolean)) {
      place.options.theme = theme;
      place.paint();
    }
  }

  const isReady = new OwnPromise((resolve) => {
    const begin = () => {
      const isWanted = scriptOptions.launcher === "always" || (scriptOptions.launcher === "auto" && !inline());
      customElements.define("youju-chat", InlineChat);
      if (isWanted) launcher = new Launcher({ ...scriptOptions });
      resolve();
      doc.dispatchEvent(new CustomEvent("youju:ready", { detail: { version: VERSION } }));
    };
    if (doc.readyState === "loading") doc.addEventListener("DOMContentLoaded", begin);
    else begin();
  });

  window.YouJu = Object.freeze({
    version: VERSION,
    open,
    close: () => launcher?.close(),
    ask,
    on,
    setTheme,
    stop: () => current()?.chat?.stop(),
    clear: () => current()?.chat?.clear(),
  });
})();
