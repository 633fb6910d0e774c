// Lets Gradio's page run without 'unsafe-eval' and 'unsafe-inline': it runs first, with the page's nonce.
{
  // Gradio adds <style> elements and style attributes: the elements get the nonce, the attributes are set as properties.
  const nonce = document.currentScript.nonce;
  const createElement = Document.prototype.createElement;
  Document.prototype.createElement = function (...given) {
    const made = createElement.apply(this, given);
    if (made.localName === "style") made.nonce = nonce;
    return made;
  };
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };

  // Svelte's templates are HTML with style attributes, which become properties before they are cloned.
  const innerHTML = Object.getOwnPropertyDescriptor(Element.prototype, "innerHTML");
  Object.defineProperty(HTMLTemplateElement.prototype, "innerHTML", {
    configurable: true,
    enumerable: true,
    get() {
      return innerHTML.get.call(this);
    },
    set(html) {
      innerHTML.set.call(this, String(html).replace(/\sstyle="/g, ' data-inline-style="'));
      for (const element of this.content.querySelectorAll("[data-inline-style]")) {
        element.style.cssText = element.dataset.inlineStyle;
        delete element.dataset.inlineStyle;
      }
    },
  });

  // Gradio compiles three kinds of text for gr.HTML. Each is carried out here without compiling it; any other is refused,
  // as the page's policy would.
  const compiled = [
    // A Handlebars template without a tag: the text as it is.
    [/^return ("(?:[^"\\]|\\.)*");$/, ([, text]) => () => JSON.parse(text)],
    // A template literal with nothing but names in it.
    [
      /^return `((?:[^`\\$]|\$\{\w+\})*)`;$/,
      ([, text], names) => (...values) => text.replace(/\$\{(\w+)\}/g, (_, name) => values[names.indexOf(name)]),
    ],
    // The name of a function of ours.
    [
      /^youju\w+$/,
      ([name], names) => (...values) => window[name](Object.fromEntries(names.map((key, i) => [key, values[i]]))),
    ],
  ];
  const Compiler = window.Function;
  window.Function = function Function(...names) {
    const body = String(names.pop() ?? "").trim();
    for (const [form, make] of compiled) {
      const found = form.exec(body);
      if (found) return make(found, names);
    }
    throw new EvalError(`not compiled: ${body.slice(0, 80)}`);
  };
  window.Function.prototype = Compiler.prototype;
}
