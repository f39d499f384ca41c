/** Calling the operator: one button on every screen, what is wrong in one press, who answered. */

import { attr, enable, h, show, text } from "../dom.js";
import { civil } from "../state.js";

/** @typedef {import("./frame.js").Frame} Frame */

/** What most often is wrong, one press each. */
const PHRASES = ["help.no_sound", "help.no_picture", "help.not_heard", "help.device"];
/** An answer is shown for so long, ms. */
const ANSWER_MS = 30 * 60_000;

export class HelpCall {
  /** @param {(text: string) => void} call */
  constructor(call) {
    this.call = (/** @type {string} */ words) => {
      this.open(false);
      call(words);
    };
    this.opened = false;
    this.state = h("span", { class: "help-state", role: "status" });
    this.opener = h("button", {
      type: "button",
      id: "help-open",
      "aria-controls": "help",
      onclick: () => this.open(!this.opened),
    });
    this.title = h("h2");
    this.lead = h("p", { class: "hint" });
    this.phrases = PHRASES.map((key) =>
      h("button", {
        type: "button",
        "data-phrase": key,
        onclick: (/** @type {Event} */ event) =>
          this.call(/** @type {HTMLElement} */ (event.currentTarget).textContent ?? ""),
      }),
    );
    this.label = h("label", { for: "help-text" });
    this.field = h("input", { type: "text", id: "help-text", maxLength: 100, autocomplete: "off" });
    this.send = h("button", { type: "submit", id: "help-send", class: "main" });
    this.cancel = h("button", { type: "button", id: "help-cancel", onclick: () => this.open(false) });
    this.form = h(
      "form",
      {
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          const words = this.field.value.trim();
          this.field.value = "";
          this.call(words);
        },
      },
      this.label,
      this.field,
      h("div", { class: "row" }, this.send, this.cancel),
    );
    this.root = h(
      "section",
      {
        class: "help",
        id: "help",
        role: "dialog",
        onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && this.open(false),
      },
      this.title,
      this.lead,
      h("div", { class: "row" }, ...this.phrases),
      this.form,
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

  /** @param {Frame} frame */
  update({ t, help, now, zone, inputs }) {
    const { call, sending } = help;
    const answered = call?.answered_at ? Date.parse(call.answered_at) : null;
    const waiting = call !== null && answered === null;
    const busy = sending || waiting;
    this.opened &&= inputs.enrolled && !busy;
    show(this.root, this.opened);
    text(this.opener, t("help.open"));
    show(this.opener, inputs.enrolled);
    enable(this.opener, !busy);
    attr(this.opener, "aria-expanded", String(this.opened));
    const time = (/** @type {number} */ at) => civil(at, zone).minutes;
    let said = "";
    if (sending) said = t(inputs.link === "online" ? "help.sending" : "help.offline");
    else if (waiting) said = t("help.waiting", { time: time(Date.parse(call.at)) });
    else if (answered !== null && now - answered < ANSWER_MS) {
      said = t("help.answered", { name: call?.by ?? "", time: time(answered) });
    }
    text(this.state, said);
    attr(this.root, "aria-label", t("help.title"));
    text(this.title, t("help.title"));
    text(this.lead, t("help.lead"));
    this.phrases.forEach((button, place) => text(button, t(PHRASES[place] ?? "")));
    text(this.label, t("help.label"));
    text(this.send, t("help.send"));
    text(this.cancel, t("help.cancel"));
  }
}
