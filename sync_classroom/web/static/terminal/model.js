/**
 * What the terminal knows and wishes: plan and live states as last told, the lesson it gives, and
 * presses that the server has not confirmed. Remembers what must survive a reload. Knows nothing
 * of the page, of media or of sockets.
 */

import { Deck } from "./deck.js";
import { AnswerWish } from "./interaction.js";
import { OVER, todays } from "./state.js";

/** @typedef {import("./types.js").Lesson} Lesson */
/** @typedef {import("./types.js").Live} Live */
/** @typedef {import("./types.js").Grants} Grants */
/** @typedef {import("./types.js").Place} Place */
/** @typedef {import("./store.js").Store} Store */

/** The head count is said when the presses have paused for this long, ms. */
const HEADCOUNT_PAUSE_MS = 700;
/** A wish that was acknowledged is shown until the server's state should have caught up, ms. */
const WISH_MS = 3_000;

export class Model {
  /**
   * @param {Store} store
   * @param {string} zone of the programme, until the server says so
   */
  constructor(store, zone) {
    const { plan } = store;
    this.store = store;
    this.zone = zone;
    /** @type {Lesson[]} */
    this.lessons = plan?.lessons ?? [];
    /** @type {Place | null} */
    this.school = plan?.school ?? null;
    /** @type {Place | null} */
    this.classroom = plan?.classroom ?? null;
    /** @type {{week1_monday: string} | null} */
    this.term = plan?.term ?? null;
    /** @type {Grants | null} */
    this.check = plan?.check ?? null;
    /** @type {Record<string, Live>} */
    this.live = store.read("live") ?? {};
    this.welcomed = false;
    this.giving = store.giving;
    this.left = store.left;
    /** @type {{lesson: string, raised: boolean, at: number} | null} */
    this.hand = null;
    /** @type {{lesson: string, present: number, at: number, said: boolean} | null} */
    this.present = null;
    this.answer = new AnswerWish();
    this.deck = new Deck();
    /** @type {import("./types.js").Help | null} */
    this.help = null;
  }

  /** @param {string} id */
  lesson(id) {
    return this.lessons.find((l) => l.id === id) ?? null;
  }

  /**
   * @param {import("./types.js").Welcome} message
   * @returns {string[]} lessons ended here whose end the server has not heard
   */
  welcome(message) {
    this.welcomed = true;
    this.help = null; // told again if there is one
    this.school = message.school;
    this.classroom = message.classroom;
    this.term = message.term ?? null;
    this.zone = message.zone || this.zone;
    this.check = message.check;
    this.setPlan(message.plan);
    return this.left.filter((id) => {
      const lesson = this.lesson(id);
      return lesson?.role === "host" && (lesson.state === "open" || lesson.state === "live");
    });
  }

  /**
   * @param {Lesson[]} lessons
   * @returns {Lesson | null} the lesson given here, if it is over by this
   */
  setPlan(lessons) {
    this.lessons = lessons;
    /** @type {Record<string, Live>} */
    const live = {};
    for (const { id, state } of lessons) {
      const known = this.live[id];
      // The plan is the newer word: what ended while this terminal was away has ended.
      if (known) live[id] = known.state === state ? known : { ...known, state };
    }
    this.live = live;
    this.store.write("live", live);
    const { school, classroom, term, check } = this;
    if (school && classroom) {
      this.store.plan = { lessons, school, classroom, term, check };
    }
    const given = this.giving ? this.lesson(this.giving.lesson) : null;
    return given && OVER.has(given.state) ? given : null;
  }

  /**
   * @param {Live} live
   * @returns {Lesson | null} the lesson given here, if it is over by this
   */
  setLive(live) {
    const before = this.live[live.id];
    this.live = { ...this.live, [live.id]: live };
    const lasting = (/** @type {Live | undefined} */ l) => [l?.state, l?.ends_at, l?.live_at, l?.page?.document, l?.page?.page].join();
    // Hands and head counts change all the time and are not worth remembering.
    if (lasting(before) !== lasting(live)) this.store.write("live", this.live);
    return this.giving?.lesson === live.id && OVER.has(live.state) ? this.lesson(live.id) : null;
  }

  /** Begin to give a lesson. @param {string} lesson @param {number} now server's clock, ms */
  give(lesson, now) {
    this.giving = { lesson, since: now, screen: false };
    this.store.giving = this.giving;
  }

  /** No longer the host, whether or not the lesson is over. */
  stopGiving() {
    this.giving = null;
    this.store.giving = null;
  }

  /** Ended here; the server may not know it yet. @param {string} lesson */
  end(lesson) {
    this.left = [...this.left, lesson];
    this.store.left = this.left;
    this.stopGiving();
  }

  /** @param {boolean} screen whether courseware is shared, so that a reload can offer it again */
  sharing(screen) {
    if (!this.giving) return;
    this.giving = { ...this.giving, screen };
    this.store.giving = this.giving;
  }

  /** A command that the server refused was not done. @param {{type: string, lesson: string}} command */
  refused(command) {
    if (command.type === "hand") this.hand = null;
    if (command.type === "headcount") this.present = null;
    if (command.type === "answer") this.answer.refused();
    if (command.type === "page") this.deck.refused();
    if (command.type === "end") {
      this.left = this.left.filter((id) => id !== command.lesson);
      this.store.left = this.left;
    }
  }

  /** The device was told that it is no longer this classroom's. */
  forget() {
    this.store.forget();
    this.lessons = [];
    this.live = {};
    this.left = [];
    this.giving = this.school = this.classroom = null;
  }

  /**
   * Turn the hand over, whatever is shown now.
   * @param {Lesson} lesson
   * @param {number} at monotonic ms
   * @returns {boolean} whether it is up now
   */
  turnHand(lesson, at) {
    const up = (this.live[lesson.id]?.hands ?? []).some((h) => h.seat === lesson.seat?.id);
    const raised = !(this.hand?.raised ?? up);
    this.hand = { lesson: lesson.id, raised, at };
    return raised;
  }

  /** @param {Lesson} lesson @param {number} present @param {number} at monotonic ms */
  setPresent(lesson, present, at) {
    this.present = { lesson: lesson.id, present, at, said: false };
  }

  /** @param {Lesson} lesson @param {number} place of the option @param {number} count @param {number} at monotonic ms */
  setAnswer(lesson, place, count, at) {
    const question = this.live[lesson.id]?.question;
    if (question) this.answer.set(lesson.id, question, lesson.seat?.id ?? "", place, count, at);
  }

  /**
   * @param {number} at monotonic ms
   * @param {(type: string, lesson: string) => boolean} waiting whether a command is unacknowledged
   */
  settleAnswer(at, waiting) {
    const { wish } = this.answer;
    if (!wish) return null;
    const told = { question: this.live[wish.lesson]?.question, seat: this.lesson(wish.lesson)?.seat?.id ?? "" };
    return this.answer.settle(at, waiting("answer", wish.lesson), told);
  }

  /**
   * Let wishes go that the server has taken over, and say a head count that has settled.
   * @param {number} at monotonic ms
   * @param {(type: string, lesson: string) => boolean} waiting whether a command is unacknowledged
   * @returns {{lesson: string, present: number} | null} a head count to say now
   */
  settle(at, waiting) {
    const { hand, present } = this;
    if (hand && !waiting("hand", hand.lesson)) {
      const lesson = this.lesson(hand.lesson);
      const up = (this.live[hand.lesson]?.hands ?? []).some((h) => h.seat === lesson?.seat?.id);
      if (up === hand.raised || at - hand.at > WISH_MS) this.hand = null;
    }
    if (!present) return null;
    if (!present.said) {
      if (at - present.at < HEADCOUNT_PAUSE_MS) return null;
      present.said = true;
      present.at = at;
      return { lesson: present.lesson, present: present.present };
    }
    const seat = this.lesson(present.lesson)?.seat?.id;
    const state = (this.live[present.lesson]?.seats ?? []).find((s) => s.id === seat);
    const taken = state?.present === present.present || at - present.at > WISH_MS;
    if (taken && !waiting("headcount", present.lesson)) this.present = null;
    return null;
  }

  /**
   * What `state.js` decides from.
   * @param {object} now
   * @param {number} now.now server's clock, ms
   * @param {import("./connection.js").LinkState} now.link
   * @param {boolean} now.flowing
   * @returns {import("./state.js").Inputs}
   */
  inputs({ now, link, flowing }) {
    return {
      enrolled: this.store.token !== null,
      link,
      flowing,
      now,
      welcomed: this.welcomed,
      lessons: todays(this.lessons, now, this.zone),
      live: this.live,
      giving: this.giving?.lesson ?? null,
      left: this.left,
    };
  }
}
