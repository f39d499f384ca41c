/**
 * What the server says has changed in this classroom's timetable: one message at a time, until
 * somebody here has read it. Knows nothing of the page and of sockets.
 */

/** @typedef {import("./types.js").PlanNotice} PlanNotice */
/** @typedef {import("./views/frame.js").Banner} Banner */
/** @typedef {(key: string, params?: Record<string, string | number>) => string} Say */

/** Messages kept; the server has no more waiting for one room. */
const KEPT_MAX = 20;
/** Sentences of one message that fit over the lobby; the plan below shows the lessons themselves. */
const LINES_MAX = 5;

export class PlanNotices {
  /**
   * @param {(notice: number, state: "shown" | "read") => boolean} say tells the server; whether it
   *   left this device
   */
  constructor(say) {
    this.say = say;
    /** @type {Map<number, PlanNotice>} */
    this.waiting = new Map();
    /** Read here. The server sends one again as long as it has not heard so. @type {Set<number>} */
    this.read = new Set();
    /** Said to be on the screen over this connection. @type {Set<number>} */
    this.shown = new Set();
  }

  /** @param {PlanNotice} notice */
  take(notice) {
    if (this.read.has(notice.id)) {
      this.say(notice.id, "read");
      return;
    }
    this.waiting.set(notice.id, notice);
    for (const id of this.waiting.keys()) {
      if (this.waiting.size <= KEPT_MAX) break;
      this.waiting.delete(id);
    }
  }

  /** A new connection: what was said over the old one may not have arrived. */
  welcomed() {
    this.shown.clear();
    for (const id of this.read) this.say(id, "read");
  }

  /** @param {number} id */
  done(id) {
    this.waiting.delete(id);
    this.read.add(id);
    for (const old of this.read) {
      if (this.read.size <= KEPT_MAX) break;
      this.read.delete(old);
    }
    this.say(id, "read");
  }

  /**
   * The oldest message that anybody still needs, and how many there are.
   * @param {number} now ms, server's clock
   * @returns {{notice: PlanNotice, items: PlanNotice["items"], count: number} | null}
   */
  current(now) {
    for (const [id, { until }] of this.waiting) {
      if (Date.parse(until) <= now) this.waiting.delete(id);
    }
    const [notice] = this.waiting.values();
    if (!notice) return null;
    const items = notice.items.filter((item) => Date.parse(item.until) > now);
    return { notice, items, count: this.waiting.size };
  }

  /**
   * As a banner: whole in the lobby, its first sentence during a lesson.
   * @param {{now: number, t: Say, language: import("./types.js").Language, inLesson: boolean, changed: () => void}} page
   * @returns {Banner[]}
   */
  banners({ now, t, language, inLesson, changed }) {
    const current = this.current(now);
    if (!current) return [];
    const { notice, items, count } = current;
    const sentences = items.map((item) => item[language]);
    const lines = sentences.slice(0, inLesson ? 1 : LINES_MAX);
    const more = sentences.length - lines.length + notice.more;
    if (more > 0) lines.push(t("notice.more", { count: more }));
    if (!inLesson) {
      lines.unshift(count > 1 ? t("notice.title_of", { count }) : t("notice.title"));
    }
    // Half a message is not shown yet: it comes whole when the lesson is over.
    if (!inLesson || sentences.length <= 1) this.see(notice.id);
    return [
      {
        id: `plan-${notice.id}`,
        tone: "info",
        text: lines.join("\n"),
        size: inLesson ? "small" : "whole",
        dismiss: () => {
          this.done(notice.id);
          changed();
        },
      },
    ];
  }

  /** The device is no longer this classroom's. */
  forget() {
    this.waiting.clear();
    this.read.clear();
    this.shown.clear();
  }

  /** @param {number} id */
  see(id) {
    if (!this.shown.has(id) && this.say(id, "shown")) this.shown.add(id);
  }
}
