/**
 * What a host does with its lesson's documents: opens one, turns, puts it away, gives another. Of a
 * document and a shared screen the one that was chosen last is shown.
 */

import { give } from "./giving.js";

/** @typedef {import("./types.js").Lesson} Lesson */
/** @typedef {import("./types.js").Live} Live */

export class Presenting {
  /**
   * @param {{
   *   deck: import("./deck.js").Deck, now: () => {lesson: Lesson | null, live: Live | undefined},
   *   ink: import("./ink.js").InkBoard, token: () => string | null, changed: () => void,
   *   sharing: () => {on: boolean, stop: () => void},
   *   say: (type: string, fields: Record<string, unknown>) => void,
   * }} parts
   */
  constructor({ deck, now, ink, token, changed, sharing, say }) {
    this.deck = deck;
    this.now = now;
    this.token = token;
    this.changed = changed;
    this.ink = ink;
    this.sharing = sharing;
    this.say = say;
    /** What is being given: how much of it was sent, and why the last one was not taken.
     * @type {{sent: number | null, waiting: boolean, trouble: {zh: string, en: string} | null}} */
    this.given = { sent: null, waiting: false, trouble: null };
  }

  /** @param {import("./deck.js").Place} place */
  show(place) {
    const { lesson } = this.now();
    // A panel that gave one lesson may listen to the next, and its keys are heard still.
    if (lesson?.role !== "host") return;
    if (place && this.sharing().on) this.sharing().stop();
    this.say("page", this.deck.show(lesson.id, place, performance.now()));
  }

  /** @param {string} document */
  open(document) {
    this.show(this.deck.opening(document));
  }

  /** @param {number} by */
  turn(by) {
    const { lesson, live } = this.now();
    const place = lesson ? this.deck.turned(lesson.id, live, by) : null;
    if (place) this.show(place);
  }

  /** @param {number} page */
  page(page) {
    const { lesson, live } = this.now();
    const document = lesson ? this.deck.place(lesson.id, live)?.document : undefined;
    if (document !== undefined) this.show({ document, page });
  }

  away() {
    const { lesson, live } = this.now();
    if (lesson && this.deck.place(lesson.id, live)) this.show(null);
  }

  /**
   * Once for every picture: what the server has taken over is no wish any more, and strokes go with
   * the page they were drawn on.
   * @param {{name: string, lesson: Lesson | null}} screen
   * @param {boolean} waiting whether a page that was said is unacknowledged
   */
  settle({ name, lesson }, waiting) {
    const { live } = this.now();
    if (name !== "host" || !lesson || !live) return;
    this.deck.settle(live, performance.now(), waiting);
    const place = this.deck.place(lesson.id, live);
    this.ink.turn(place && `${place.document}/${place.page}`, this.deck.agreed(live));
  }

  /** @param {File} file */
  async give(file) {
    const { lesson } = this.now();
    const token = this.token();
    if (!lesson || token === null || this.given.sent !== null) return;
    this.given = { sent: 0, waiting: false, trouble: null };
    this.changed();
    const { ok, zh, en } = await give(lesson.id, file, {
      token,
      sent: (share) => {
        this.given = { ...this.given, sent: share, waiting: false };
        this.changed();
      },
      waiting: () => {
        this.given = { ...this.given, waiting: true };
        this.changed();
      },
    });
    this.given = { sent: null, waiting: false, trouble: ok ? null : { zh, en } };
    this.changed();
  }
}
