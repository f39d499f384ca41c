/** Short messages from a room to the teacher: ready-made or typed there, a quiet list here. */

import { attr, h, keyed, show, text } from "../dom.js";
import { messagesOf } from "../interaction.js";
import { civil } from "../state.js";
import { SayForm } from "./say.js";

/** @typedef {import("./frame.js").Frame} Frame */

/** What rooms most often have to say, one press each. */
const PHRASES = ["message.no_sound", "message.no_picture", "message.slower", "message.clear"];

/** In a room: opened by a button of the bar, closed by sending. */
export class RoomMessage {
  /** @param {(text: string) => void} say */
  constructor(say) {
    const some = (/** @type {string} */ words) => {
      if (words) say(words);
    };
    const root = { class: "question", role: "region" };
    this.form = new SayForm({ name: "message", root, send: "", phrases: PHRASES, say: some });
    this.opener = this.form.opener;
    this.root = this.form.root;
  }

  /** @param {Frame} frame @param {boolean} live @param {boolean} free nothing is asked of the room */
  update({ t }, live, free) {
    const words = {
      open: t("message.new"),
      title: t("message.title"),
      phrases: PHRASES.map((key) => t(key)),
      label: t("message.label"),
      send: t("message.put"),
      cancel: t("message.cancel"),
    };
    this.form.update(words, live && free);
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
