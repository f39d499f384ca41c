/** Calling the operator: one button on every screen, what is wrong in one press, who answered. */

import { h, show, text } from "../dom.js";
import { civil } from "../state.js";
import { SayForm } from "./say.js";

/** @typedef {import("./frame.js").Frame} Frame */

/** What most often is wrong, one press each. */
const PHRASES = ["help.no_sound", "help.no_picture", "help.not_heard", "help.device"];
/** An answer is shown for so long, ms. */
const ANSWER_MS = 30 * 60_000;

export class HelpCall {
  /** @param {(text: string) => void} call */
  constructor(call) {
    this.state = h("span", { class: "help-state", role: "status" });
    const root = { class: "help", role: "dialog" };
    this.form = new SayForm({ name: "help", root, send: "main", phrases: PHRASES, say: call });
    this.opener = this.form.opener;
    this.root = this.form.root;
  }

  /** @param {Frame} frame */
  update({ t, help, now, zone, inputs }) {
    const { call, sending } = help;
    const answered = call?.answered_at ? Date.parse(call.answered_at) : null;
    const waiting = call !== null && answered === null;
    const words = {
      open: t("help.open"),
      title: t("help.title"),
      lead: t("help.lead"),
      phrases: PHRASES.map((key) => t(key)),
      label: t("help.label"),
      send: t("help.send"),
      cancel: t("help.cancel"),
    };
    this.form.update(words, inputs.enrolled && !sending && !waiting);
    show(this.opener, inputs.enrolled);
    const time = (/** @type {number} */ at) => civil(at, zone).minutes;
    let said = "";
    if (sending) said = t(inputs.link === "online" ? "help.sending" : "help.offline");
    else if (waiting) said = t("help.waiting", { time: time(Date.parse(call.at)) });
    else if (answered !== null && now - answered < ANSWER_MS) {
      said = t("help.answered", { name: call?.by ?? "", time: time(answered) });
    }
    text(this.state, said);
  }
}
