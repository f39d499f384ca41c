/** Short messages from a room to the teacher: ready-made or typed there, a quiet list here. */

import { attr, enable, h, keyed, show, text } from "../dom.js";
import { messagesOf } from "../interaction.js";
import { civil } from "../state.js";

/** @typedef {import("./frame.js").Frame} Frame */

/** What rooms most often have to say, one press each. */
const PHRASES = ["message.no_sound", "message.no_picture", "message.slower", "message.clear"];

/** In a room: opened by a button of the bar, closed by sending. */
export class RoomMessage {
  /** @param {(text: string) => void} say */
  constructor(say) {
    this.say = (/** @type {string} */ words) => {
      this.write(false);
      if (words) say(words);
    };
    this.writing = false;
    this.opener = h("button", {
      type: "button",
      id: "message-new",
      "aria-controls": "message",
      onclick: () => this.write(!this.writing),
    });
    this.title = h("h2");
    this.phrases = PHRASES.map((key) =>
      h("button", { type: "button", "data-phrase": key, onclick: (/** @type {Event} */ event) => this.say(/** @type {HTMLElement} */ (event.currentTarget).textContent ?? "") }),
    );
    this.label = h("label", { for: "message-text" });
    this.field = h("input", { type: "text", id: "message-text", maxLength: 100, autocomplete: "off" });
    this.put = h("button", { type: "submit", id: "message-put" });
    this.cancel = h("button", { type: "button", id: "message-cancel", onclick: () => this.write(false) });
    this.form = h(
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
      h("div", { class: "row" }, this.put, this.cancel),
    );
    this.root = h(
      "section",
      { class: "question", id: "message", role: "region", onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && this.write(false) },
      this.title,
      h("div", { class: "row" }, ...this.phrases),
      this.form,
    );
  }

  /** @param {boolean} writing */
  write(writing) {
    const focused = this.root.contains(document.activeElement);
    this.writing = writing;
    show(this.root, writing);
    if (writing) this.phrases[0]?.focus();
    else if (focused) this.opener.focus();
  }

  /** @param {Frame} frame @param {boolean} live @param {boolean} free nothing is asked of the room */
  update({ t }, live, free) {
    this.writing &&= live && free;
    show(this.root, this.writing);
    text(this.opener, t("message.new"));
    enable(this.opener, live && free);
    attr(this.opener, "aria-expanded", String(this.writing));
    text(this.title, t("message.title"));
    attr(this.root, "aria-label", t("message.title"));
    this.phrases.forEach((button, place) => text(button, t(PHRASES[place] ?? "")));
    text(this.label, t("message.label"));
    text(this.put, t("message.put"));
    text(this.cancel, t("message.cancel"));
  }
}

/** On the teacher's panel: the newest at the top, announced politely, nothing to press. */
export class HostMessages {
  constructor() {
    this.title = h("h2");
    this.list = h("ol", { class: "messages", role: "log" });
    this.root = h("div", { class: "said" }, this.title, this.list);
  }

  /** @param {Frame} frame */
  update({ t, lesson, live, zone }) {
    const said = lesson ? messagesOf(lesson, live) : [];
    show(this.root, said.length > 0);
    text(this.title, t("message.list"));
    attr(this.list, "aria-label", t("message.list"));
    keyed(
      this.list,
      said,
      (message) => message.id,
      () => h("li", {}, h("time"), h("b"), h("span")),
      (node, message) => {
        const [time, name, words] = [...node.children];
        if (!time || !name || !words) return;
        text(time, civil(message.at, zone).minutes);
        text(name, message.name);
        text(words, message.text);
      },
    );
  }
}
