/** What was pushed to this classroom: a list to open from, and the one that is open. */

import { attr, enable, h, keyed, show, text } from "../dom.js";
import { isReminded } from "../inbox_rules.js";
import { Pack, PageBeside } from "../page_track.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("../inbox.js").Inbox} Inbox */
/** @typedef {import("../inbox_rules.js").Copy} Copy */

/** A state never stands on colour alone. @type {Record<string, string>} */
const SHAPES = { new: "●", opened: "◐", completed: "✔", waiting: "○", fetching: "▷", evicted: "—", failed: "✕" };
/** Played seconds are looked at so often, ms. */
const LOOK_MS = 1_000;
/** Days before its end at which an entry says so. */
const SOON_MS = 3 * 86_400_000;

export class InboxView {
  /** @param {Inbox} inbox */
  constructor(inbox) {
    this.inbox = inbox;
    this.title = h("h2");
    this.back = h("button", { type: "button", id: "inbox-back", onclick: () => inbox.back() });
    this.hours = h("p", { class: "hint" });
    this.empty = h("p", { class: "who" });
    this.list = h("ul", { class: "pushes" });
    this.player = new Player(inbox, () => this.back.focus());
    this.shelf = h("section", { class: "shelf" }, this.hours, this.empty, this.list);
    this.root = h(
      "main",
      { class: "inbox" },
      h("div", { class: "inbox-head" }, this.title, this.back),
      this.shelf,
      this.player.root,
    );
  }

  /** @param {Frame} frame */
  update(frame) {
    const { t, inbox } = frame;
    const copies = inbox.list();
    const open = inbox.find(inbox.playing ?? "");
    text(this.title, open ? open.push.title : t("inbox.title"));
    text(this.back, t(open ? "inbox.to_list" : "inbox.back"));
    show(this.shelf, open === null);
    this.player.update(open, frame);
    text(this.hours, t(inbox.store ? "inbox.hours" : "inbox.no_store"));
    text(this.empty, t("inbox.empty"));
    show(this.empty, copies.length === 0);
    keyed(
      this.list,
      copies,
      (copy) => copy.key,
      (copy) => this.entry(copy),
      (node, copy) => drawEntry(node, copy, frame),
    );
  }

  /** @param {Copy} copy */
  entry(copy) {
    const press = () => {
      if (node.dataset.action === "open") this.inbox.open(copy.key);
      else this.inbox.want(copy.key);
    };
    const node = h(
      "li",
      {},
      h("span", { class: "shape" }),
      h("div", { class: "what" }, h("b"), h("span", { class: "detail" })),
      h("span", { class: "state" }),
      h("button", { type: "button", onclick: press }),
    );
    attr(node, "data-push", copy.key);
    return node;
  }
}

/** @param {Copy} copy @returns {keyof typeof SHAPES} */
function stageOf(copy) {
  if (copy.state !== "kept") return copy.state;
  if (copy.completed !== null || copy.push.completed_at !== null) return "completed";
  return copy.opened !== null || copy.push.opened_at !== null ? "opened" : "new";
}

/** @param {HTMLElement} node @param {Copy} copy @param {Frame} frame */
function drawEntry(node, copy, { t, inbox, now }) {
  const [shape, what, state, button] = /** @type {HTMLElement[]} */ ([...node.children]);
  if (!shape || !what || !state || !(button instanceof HTMLButtonElement)) return;
  const stage = stageOf(copy);
  const { push } = copy;
  attr(node, "data-state", stage);
  attr(node, "data-action", copy.state === "kept" ? "open" : "want");
  text(shape, SHAPES[stage] ?? "○");
  attr(shape, "aria-hidden", "true");
  const [title, detail] = /** @type {HTMLElement[]} */ ([...what.children]);
  if (title) text(title, push.title);
  if (detail) text(detail, detailOf(copy, t, now));
  attr(node, "data-reminded", isReminded(copy) ? "" : null);
  text(state, stateText(copy, stage, t));
  const label = copy.state === "kept" ? "inbox.open" : copy.asked ? "inbox.coming" : "inbox.now";
  text(button, t(label));
  attr(button, "aria-label", t("inbox.of", { what: t(label), title: push.title }));
  enable(button, copy.state === "kept" || (!copy.asked && inbox.online));
}

/** @param {Copy} copy @param {Frame["t"]} t @param {number} now */
function detailOf(copy, t, now) {
  const { push } = copy;
  const ends = push.expires_at === null ? null : Date.parse(push.expires_at);
  return [
    isReminded(copy) ? t("inbox.reminded") : "",
    push.subject,
    push.class_name,
    push.reason,
    sizeText(push.bytes),
    ends !== null && ends - now < SOON_MS ? t("inbox.ends", { days: Math.max(0, Math.floor((ends - now) / 86_400_000)) }) : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

/** @param {Copy} copy @param {string} stage @param {Frame["t"]} t */
function stateText(copy, stage, t) {
  if (stage === "fetching" || (stage === "waiting" && copy.bytes > 0)) {
    return t("inbox.state.fetching", { percent: Math.floor((copy.bytes / copy.push.bytes) * 100) });
  }
  if (stage === "failed") return t(`inbox.failed.${copy.failure ?? "disk"}`);
  return t(`inbox.state.${stage}`);
}

/** A number and its unit are one word. @param {number} bytes */
function sizeText(bytes) {
  return bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))}\u00a0kB` : `${Math.round(bytes / 1_000_000)}\u00a0MB`;
}

/** What is open, from this device's disk; the service worker reads it, server or none. */
class Player {
  /**
   * @param {Inbox} inbox
   * @param {() => void} seen it was said to be seen, by a button that is gone then
   */
  constructor(inbox, seen) {
    this.inbox = inbox;
    /** @type {string | null} */
    this.key = null;
    /** @type {HTMLElement | null} */
    this.media = null;
    /** @type {Pack | null} the pages in what is open */
    this.pack = null;
    this.frame = h("div", { class: "player" });
    this.seen = h("span", { class: "state", id: "push-seen" });
    const complete = () => {
      inbox.complete();
      seen();
    };
    this.done = h("button", { type: "button", class: "main", id: "push-complete", onclick: complete });
    this.root = h("section", { class: "playing" }, this.frame, h("div", { class: "row" }, this.seen, this.done));
    setInterval(() => this.watch(), LOOK_MS);
  }

  /** @param {Copy | null} copy @param {Frame} frame */
  update(copy, { t }) {
    show(this.root, copy !== null);
    if ((copy?.key ?? null) !== this.key) this.replace(copy);
    if (!copy) return;
    const moving = copy.push.kind === "video" || copy.push.kind === "audio";
    const done = copy.completed !== null;
    text(this.seen, done ? t("inbox.state.completed") : moving ? t("inbox.watch") : "");
    text(this.done, t("inbox.complete"));
    show(this.done, !done && !moving);
  }

  /** @param {Copy | null} copy */
  replace(copy) {
    if (this.media instanceof HTMLMediaElement) {
      this.media.pause();
      this.watch();
      this.media.removeAttribute("src");
      this.media.load();
    }
    this.pack?.close();
    this.pack = null;
    this.key = copy?.key ?? null;
    this.media = copy ? element(copy) : null;
    this.frame.replaceChildren(...(this.media ? [this.media] : []));
    if (this.media instanceof HTMLMediaElement) {
      if (this.media instanceof HTMLVideoElement) void this.findPages(this.media);
      this.media.addEventListener("ended", () => this.watch());
      void this.media.play().catch(() => undefined);
      this.media.focus();
    }
  }

  /** A lesson's recording brings the pages that were shown in it. @param {HTMLVideoElement} media */
  async findPages(media) {
    try {
      const pack = await Pack.of(media.src);
      if (!pack || this.media !== media) return;
      this.pack = pack;
      this.frame.append(new PageBeside(media, pack.pages, (page) => pack.picture(page)).root);
    } catch (error) {
      console.warn("pages of what was pushed cannot be read", error);
    }
  }

  watch() {
    if (this.media instanceof HTMLMediaElement && this.key !== null) {
      this.inbox.played(spansOf(this.media.played), this.media.duration);
    }
  }
}

/** @param {TimeRanges} ranges @returns {import("../inbox_rules.js").Span[]} */
function spansOf(ranges) {
  return Array.from({ length: ranges.length }, (_, i) => [ranges.start(i), ranges.end(i)]);
}

/** @param {Copy} copy @returns {HTMLElement} */
function element({ key, push }) {
  const src = `/terminal/kept/${key}?type=${encodeURIComponent(push.media_type)}`;
  if (push.kind === "video") return h("video", { src, controls: true, playsinline: true, "aria-label": push.title });
  if (push.kind === "audio") return h("audio", { src, controls: true, "aria-label": push.title });
  if (push.kind === "image") return h("img", { src, alt: push.title });
  return h("iframe", { src, title: push.title });
}
