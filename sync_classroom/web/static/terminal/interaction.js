/**
 * Who wants to speak and whose turn it is, decided from plan and live state. Pure: no page, no
 * media, no clock of its own; every instant is an argument, in ms of the server's clock.
 */

import { clockText, roomName } from "./state.js";

/** @typedef {import("./types.js").Lesson} Lesson */
/** @typedef {import("./types.js").Live} Live */

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
 * Loudness as a share of a meter, 0…1. It is logarithmic: 1 % of full scale is already a voice.
 * @param {number} level of full scale, 0…1
 */
export function loudness(level) {
  return level > 0 ? Math.max(0, 1 + Math.log10(level) / 2.5) : 0;
}
