/**
 * Who wants to speak, whose turn it is, and what was answered to a quick question, decided from plan and live state. Pure: no page, no
 * media, no clock of its own; every instant is an argument, in ms of the server's clock.
 */

import { WEAK_LOSS, clockText, roomName } from "./state.js";

/** @typedef {import("./types.js").Lesson} Lesson */
/** @typedef {import("./types.js").Live} Live */
/** @typedef {import("./state.js").Room} Room */
/** @typedef {import("./types.js").Question} Question */

/** Options a question may have, and what stands before each. */
export const OPTIONS_MIN = 2;
export const LETTERS = ["A", "B", "C", "D", "E", "F"];
/** An answer is said when the presses have paused for this long, ms. */
const ANSWER_PAUSE_MS = 700;
/** An answer that was acknowledged is shown until the server's state should have caught up, ms. */
const WISH_MS = 3_000;
/** Rooms are asked for their head count so long into the lesson: by then everybody sits, ms. */
const HEADCOUNT_MS = 5 * 60_000;
/** More pupils than any classroom holds. */
export const PUPILS_MAX = 200;

/**
 * What a room's turns say for a fair next one: not yet this week, not yet in this lesson, or
 * nothing.
 * @typedef {"week" | "lesson" | null} Fairness
 */

/** @param {Live | undefined} live @param {string} seat @returns {Fairness} */
function fairness(live, seat) {
  if ((live?.turns?.[seat] ?? 0) > 0) return null;
  return (live?.week_turns?.[seat] ?? 0) > 0 ? "lesson" : "week";
}

/**
 * The raised hands in order, with waiting time and what is fair.
 * @param {Lesson} lesson
 * @param {Live | undefined} live
 * @param {number} now
 */
export function handsOf(lesson, live, now) {
  const names = new Map((lesson.seats ?? []).map((s) => [s.id, roomName(s)]));
  return (live?.hands ?? []).map(({ seat, at }, index) => ({
    seat,
    place: index + 1,
    name: names.get(seat) ?? seat,
    waited: clockText(Math.max(0, now - Date.parse(at))),
    fair: fairness(live, seat),
  }));
}

/**
 * Rooms that had no turn in this lesson, those first that had none this week; in plan order, and
 * without those that are not there or have the floor.
 * @param {Lesson} lesson
 * @param {Live | undefined} live
 * @returns {string[]} names
 */
export function withoutTurn(lesson, live) {
  if (!live) return [];
  const there = new Set(live.seats.filter((s) => s.online || s.receiving).map((s) => s.id));
  const rooms = (lesson.seats ?? []).filter((s) => there.has(s.id) && s.id !== live.called_on);
  const of = (/** @type {Fairness} */ wanted) => rooms.filter((s) => fairness(live, s.id) === wanted);
  return [...of("week"), ...of("lesson")].map(roomName);
}

/**
 * Which rooms suffer and why, in words' keys: those first for which something can be done in class.
 * @param {Room[]} rooms
 * @param {Live | undefined} live
 */
export function troublesOf(rooms, live) {
  if (live?.state !== "live") return [];
  /** @type {Room["line"][]} */
  const order = ["weak", "reconnecting", "waiting", "offline"];
  const bad = rooms.filter((room) => troubled(room, live));
  bad.sort((a, b) => order.indexOf(a.line) - order.indexOf(b.line));
  return bad.map(({ id, name, line }) => {
    const { loss = null, path = "none" } = live.lines?.[id] ?? {};
    const lost = line === "weak" && loss !== null && loss >= WEAK_LOSS;
    return {
      id,
      name,
      key: lost ? "trouble.loss" : `trouble.${line}`,
      percent: Math.round(100 * (loss ?? 0)),
      detour: line === "weak" && path !== "udp" && path !== "none" ? path : null,
    };
  });
}

/** A room without the host's media suffers only while there are some. @param {Room} room @param {Live} live */
function troubled({ line }, live) {
  if (line === "waiting") return live.host_media;
  return line === "weak" || line === "reconnecting" || line === "offline";
}

/**
 * What the rooms wrote, newest first, with the room's name.
 * @param {Lesson} lesson
 * @param {Live | undefined} live
 */
export function messagesOf(lesson, live) {
  const names = new Map((lesson.seats ?? []).map((s) => [s.id, roomName(s)]));
  return (live?.messages ?? [])
    .map(({ id, seat, at, text }) => ({ id, at: Date.parse(at), text, name: names.get(seat) ?? seat }))
    .reverse();
}

/**
 * Whether rooms that have not said how many pupils they have are asked for it.
 * @param {Live | undefined} live
 * @param {number} now
 */
export function headcountDue(live, now) {
  return live?.state === "live" && Boolean(live.live_at) && now - Date.parse(live.live_at ?? "") >= HEADCOUNT_MS;
}

/**
 * Loudness as a share of a meter, 0…1. It is logarithmic: 1 % of full scale is already a voice.
 * @param {number} level of full scale, 0…1
 */
export function loudness(level) {
  return level > 0 ? Math.max(0, 1 + Math.log10(level) / 2.5) : 0;
}

/**
 * A question as bars: pupils by option over all rooms, and how many rooms have answered.
 * @param {Question} question
 * @param {number} seats that could answer
 */
export function resultOf(question, seats) {
  const answers = Object.values(question.answers);
  const counts = question.options.map((_, place) =>
    answers.reduce((sum, answer) => sum + (answer[place] ?? 0), 0),
  );
  return {
    counts,
    pupils: counts.reduce((sum, count) => sum + count, 0),
    rooms: answers.length,
    seats: Math.max(seats, answers.length),
    open: question.closed_at === null,
  };
}

/**
 * What a room counts for the open question, from the first press until the server's state shows
 * it. Survives nothing: what was said is in the state, what was not said is counted again.
 */
export class AnswerWish {
  constructor() {
    /** @type {{lesson: string, question: number, counts: number[], at: number, said: boolean} | null} */
    this.wish = null;
  }

  /**
   * @param {string} lesson
   * @param {Question} question
   * @param {string} seat
   * @returns {number[]} as counted here, else as the server has it
   */
  counts(lesson, question, seat) {
    const { wish } = this;
    if (wish?.lesson === lesson && wish.question === question.number) return wish.counts;
    return question.answers[seat] ?? question.options.map(() => 0);
  }

  /**
   * @param {string} lesson
   * @param {Question} question
   * @param {string} seat
   * @param {number} place of the option
   * @param {number} count
   * @param {number} at monotonic ms
   */
  set(lesson, question, seat, place, count, at) {
    const before = this.counts(lesson, question, seat);
    const others = before.reduce((sum, n, other) => (other === place ? sum : sum + n), 0);
    const most = Math.max(0, PUPILS_MAX - others);
    const kept = Math.min(most, Math.max(0, Math.round(count) || 0));
    const counts = before.map((n, other) => (other === place ? kept : n));
    this.wish = { lesson, question: question.number, counts, at, said: false };
  }

  /** The server did not take it. */
  refused() {
    this.wish = null;
  }

  /**
   * @param {number} at monotonic ms
   * @param {boolean} waiting whether an answer is unacknowledged
   * @param {{question: Question | null | undefined, seat: string}} told
   * @returns {{lesson: string, question: number, counts: number[]} | null} to say now
   */
  settle(at, waiting, { question, seat }) {
    const { wish } = this;
    if (!wish) return null;
    if (question?.number !== wish.question || question.closed_at !== null) {
      this.wish = null;
      return null;
    }
    if (wish.said) {
      const taken = String(question.answers[seat]) === String(wish.counts);
      if (!waiting && (taken || at - wish.at > WISH_MS)) this.wish = null;
      return null;
    }
    // Nobody's choice is no answer; the presses go on.
    if (at - wish.at < ANSWER_PAUSE_MS || wish.counts.every((n) => n === 0)) return null;
    wish.said = true;
    wish.at = at;
    return { lesson: wish.lesson, question: wish.question, counts: wish.counts };
  }
}
