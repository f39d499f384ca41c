// Lesson study on the meeting page: the recording everybody watches in step, and the comments.

import { attr, enable, h, keyed, show, text } from "../terminal/dom.js";
import { better, clock, place, step } from "./step.js";

/** @typedef {import("./client.js").MeetingClient} MeetingClient */
/** @typedef {import("./client.js").Meeting} Meeting */
/** @typedef {import("./client.js").Comment} Comment */
/** @typedef {import("./client.js").Offered} Offered */
/** @typedef {import("./step.js").Anchor} Anchor */

/** How often the player is compared with where it should be, ms. */
const LOOK_MS = 500;
/** What the leader's buttons jump, ms. */
const SKIP_MS = 10_000;

export class StudyView {
  /**
   * @param {HTMLElement} page
   * @param {MeetingClient} client
   * @param {Record<string, string>} words
   * @param {{act: (work: () => Promise<void>) => Promise<void>, take: (meeting: Meeting) => void}} on
   */
  constructor(page, client, words, on) {
    this.page = page;
    this.client = client;
    this.words = words;
    this.on = on;
    /** @type {Anchor | null} */
    this.anchor = null;
    this.leads = false;
    /** @type {string | null} what the player plays */
    this.source = null;
    /** @type {Comment[]} */
    this.comments = [];
    this.known = -1;
    this.reading = false;
    this.video = /** @type {HTMLVideoElement} */ (this.part("study-video"));
    this.range = /** @type {HTMLInputElement} */ (this.part("study-range"));
    this.words_in = /** @type {HTMLInputElement} */ (this.part("comment-text"));
    this.dialog = /** @type {HTMLDialogElement} */ (this.part("study-dialog"));
    this.buttons();
    setInterval(() => this.follow(), LOOK_MS);
  }

  /** @param {string} name @returns {HTMLElement} */
  part(name) {
    const found = this.page.querySelector(`[data-${name}]`);
    if (!found) throw new Error(`no [data-${name}]`);
    return /** @type {HTMLElement} */ (found);
  }

  get watched() {
    return this.anchor?.study.watched ?? null;
  }

  /** Where everybody should be now, ms. */
  get place() {
    return this.anchor ? place(this.anchor, performance.now()) : 0;
  }

  // ---------------------------------------------------------------- what the server says

  /** @param {Meeting} meeting */
  take(meeting) {
    this.leads = meeting.leads;
    if (meeting.study) {
      const next = { study: meeting.study, at: meeting.heard_at, trip: meeting.trip };
      this.anchor = better(this.anchor, next);
      if (meeting.study.comments > this.known) void this.read();
    }
    this.draw();
    this.follow();
  }

  /** Out of the meeting: nothing is played and nothing known. */
  stop() {
    this.anchor = null;
    this.known = -1;
    this.comments = [];
    if (this.dialog.open) this.dialog.close();
    this.draw();
    this.follow();
  }

  async read() {
    if (this.reading) return;
    this.reading = true;
    try {
      this.keep(await this.client.comments());
    } catch {
      // The next answer says again how many there are.
    } finally {
      this.reading = false;
    }
  }

  /** @param {Comment[]} comments */
  keep(comments) {
    this.comments = comments;
    this.known = comments.length;
    this.draw();
  }

  // ---------------------------------------------------------------- the player

  /** Bring the player to where everybody should be. */
  follow() {
    const { video, watched } = this;
    const source = watched && this.client.file(watched.file, watched.lesson);
    if (source !== this.source) {
      this.source = source;
      if (source) video.src = source;
      else video.removeAttribute("src");
      video.load();
    }
    if (!watched || !this.anchor) return;
    this.drawPlace();
    if (video.readyState < HTMLMediaElement.HAVE_METADATA || video.seeking) return;
    const wanted = this.place - watched.start_ms;
    const ahead = video.currentTime * 1000 - wanted;
    const { playing, rate } = this.anchor.study;
    const ended = this.place >= watched.end_ms;
    if (!playing || ended) {
      if (!video.paused) video.pause();
      if (Math.abs(ahead) > 40 && !ended) video.currentTime = wanted / 1000;
      return;
    }
    const next = step(ahead, rate);
    if (next.jump) video.currentTime = wanted / 1000;
    if (video.playbackRate !== next.rate) video.playbackRate = next.rate;
    if (video.paused) void this.play();
  }

  async play() {
    try {
      await this.video.play();
    } catch (error) {
      // A browser that wants a click before sound plays the picture meanwhile.
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      this.video.muted = true;
      show(this.part("study-sound"), true);
      await this.video.play().catch(() => undefined);
    }
  }

  // ---------------------------------------------------------------- the page

  draw() {
    const { watched, leads } = this;
    show(this.part("study"), watched !== null);
    this.part("stage").classList.toggle("studying", watched !== null);
    show(this.part("study-comments"), watched !== null || this.comments.length > 0);
    show(this.part("comment-form"), watched !== null);
    show(this.part("study-lead"), leads);
    show(this.part("study-choose"), leads);
    if (watched && this.anchor) {
      const { playing, rate } = this.anchor.study;
      text(this.part("study-title"), watched.title);
      text(this.part("study-play"), (playing ? this.words.pause : this.words.play) ?? "");
      attr(this.range, "min", String(watched.start_ms));
      attr(this.range, "max", String(watched.end_ms));
      const pace = /** @type {HTMLSelectElement} */ (this.part("study-rate"));
      if (document.activeElement !== pace) pace.value = String(rate);
    }
    keyed(this.part("comments"), this.comments, (c) => String(c.number), (c) => this.makeComment(c), (node, c) => {
      const jump = /** @type {HTMLButtonElement} */ (node.querySelector("button"));
      enable(jump, leads && watched?.lesson === c.lesson);
    });
    show(this.part("no-comments"), this.comments.length === 0);
    this.drawPlace();
  }

  drawPlace() {
    if (!this.watched) return;
    const now = clock(this.place);
    text(this.part("study-place"), `${now} / ${clock(this.watched.end_ms)}`);
    text(this.part("comment-mark"), now);
    if (document.activeElement !== this.range) this.range.value = String(Math.round(this.place));
    attr(this.range, "aria-valuetext", clock(Number(this.range.value)));
  }

  /** @param {Comment} c */
  makeComment(c) {
    const mark = clock(c.mark_ms);
    const jump = h("button", { type: "button", class: "mark", onclick: () => this.lead("jump", { to_ms: c.mark_ms }) }, mark);
    return h("li", {}, jump, " ", h("span", { class: "hint" }, c.name), h("span", { class: "said" }, c.text));
  }

  // ---------------------------------------------------------------- the buttons

  /** @param {string} what @param {Record<string, unknown>} [more] */
  lead(what, more = {}) {
    return this.on.act(async () => this.on.take(await this.client.study(what, more)));
  }

  /** @param {number} to_ms */
  jump(to_ms) {
    const { start_ms = 0, end_ms = 0 } = this.watched ?? {};
    const inside = Math.round(Math.max(start_ms, Math.min(to_ms, end_ms)));
    return this.lead("jump", { to_ms: inside });
  }

  buttons() {
    const click = (/** @type {string} */ name, /** @type {() => unknown} */ what) =>
      this.part(name).addEventListener("click", () => void what());
    click("study-play", () => this.lead(this.anchor?.study.playing ? "pause" : "play"));
    click("study-back", () => this.jump(this.place - SKIP_MS));
    click("study-on", () => this.jump(this.place + SKIP_MS));
    click("study-close", () => this.lead("close"));
    click("study-choose", () => this.choose());
    click("study-cancel", () => this.dialog.close());
    click("study-sound", () => {
      this.video.muted = false;
      show(this.part("study-sound"), false);
    });
    this.range.addEventListener("input", () => text(this.part("study-place"), clock(Number(this.range.value))));
    this.range.addEventListener("change", () => {
      const to_ms = Number(this.range.value);
      this.range.blur();
      void this.jump(to_ms);
    });
    this.part("study-rate").addEventListener("change", (event) => {
      const pace = /** @type {HTMLSelectElement} */ (event.target);
      pace.blur();
      void this.lead("pace", { rate: Number(pace.value) });
    });
    this.part("study-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const [lesson, file] = (/** @type {HTMLSelectElement} */ (this.part("study-files")).value).split("/");
      this.dialog.close();
      void this.lead("watch", { lesson, file });
    });
    this.part("comment-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.comment();
    });
  }

  /** The leader chooses a recording. */
  choose() {
    return this.on.act(async () => {
      const files = await this.client.offered();
      const names = /** @type {HTMLSelectElement} */ (this.part("study-files"));
      names.replaceChildren(...files.map((f) => h("option", { value: `${f.lesson}/${f.file}` }, this.named(f))));
      show(this.part("study-none"), files.length === 0);
      show(this.part("study-some"), files.length > 0);
      enable(/** @type {HTMLButtonElement} */ (this.part("study-watch")), files.length > 0);
      this.dialog.showModal();
    });
  }

  /** @param {Offered} f */
  named(f) {
    const source = this.words[`source-${f.source}`] ?? this.words["source-other"] ?? "";
    return [f.date, f.subject, f.title, source, clock(f.duration_s * 1000)].filter(Boolean).join(" · ");
  }

  /** What is typed goes to the moment that is shown. */
  comment() {
    const words = this.words_in.value;
    if (!words.trim()) return Promise.resolve();
    const key = crypto.randomUUID();
    const mark = Math.round(this.place);
    return this.on.act(async () => {
      this.keep(await this.client.comment(mark, words, key));
      this.words_in.value = "";
    });
  }
}
