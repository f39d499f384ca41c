/** Something said in one press or in a few words: phrases, a line to write; opened by its button. */

import { attr, enable, h, show, text } from "../dom.js";

/** The server takes no more letters. */
const MAX_LETTERS = 100;

/**
 * @typedef {object} Words of the form, in the language of the moment
 * @property {string} open
 * @property {string} title
 * @property {string} [lead]
 * @property {string[]} phrases
 * @property {string} label
 * @property {string} send
 * @property {string} cancel
 */

export class SayForm {
  /**
   * @param {object} options
   * @param {string} options.name id of the form; those of what is in it begin with it
   * @param {{class: string, role: string}} options.root
   * @param {string} options.send class of the button that sends
   * @param {string[]} options.phrases their sentences' names
   * @param {(words: string) => void} options.say once the form is closed; the words may be empty
   */
  constructor({ name, root, send, phrases, say }) {
    this.say = (/** @type {string} */ words) => {
      this.open(false);
      say(words);
    };
    this.opened = false;
    this.opener = h("button", {
      type: "button",
      id: `${name}-open`,
      "aria-controls": name,
      onclick: () => this.open(!this.opened),
    });
    this.title = h("h2");
    this.lead = h("p", { class: "hint" });
    this.phrases = phrases.map((key) =>
      h("button", {
        type: "button",
        "data-phrase": key,
        onclick: (/** @type {Event} */ event) =>
          this.say(/** @type {HTMLElement} */ (event.currentTarget).textContent ?? ""),
      }),
    );
    this.label = h("label", { for: `${name}-text` });
    this.field = h("input", { type: "text", id: `${name}-text`, maxLength: MAX_LETTERS, autocomplete: "off" });
    this.send = h("button", { type: "submit", id: `${name}-send`, class: send });
    this.cancel = h("button", { type: "button", id: `${name}-cancel`, onclick: () => this.open(false) });
    const form = h(
      "form",
      {
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          const words = this.field.value.trim();
          this.field.value = "";
          this.say(words);
        },
      },
      this.label,
      this.field,
      h("div", { class: "row" }, this.send, this.cancel),
    );
    this.root = h(
      "section",
      {
        ...root,
        id: name,
        onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && this.open(false),
      },
      this.title,
      this.lead,
      h("div", { class: "row" }, ...this.phrases),
      form,
    );
    show(this.root, false);
  }

  /** @param {boolean} opened */
  open(opened) {
    const focused = this.root.contains(document.activeElement);
    this.opened = opened;
    show(this.root, opened);
    if (opened) this.phrases[0]?.focus();
    else if (focused) this.opener.focus();
  }

  /** @param {Words} words @param {boolean} may something may be said now */
  update(words, may) {
    this.opened &&= may;
    show(this.root, this.opened);
    text(this.opener, words.open);
    enable(this.opener, may);
    attr(this.opener, "aria-expanded", String(this.opened));
    attr(this.root, "aria-label", words.title);
    text(this.title, words.title);
    text(this.lead, words.lead ?? "");
    show(this.lead, words.lead !== undefined);
    this.phrases.forEach((button, place) => text(button, words.phrases[place] ?? ""));
    text(this.label, words.label);
    text(this.send, words.send);
    text(this.cancel, words.cancel);
  }
}
