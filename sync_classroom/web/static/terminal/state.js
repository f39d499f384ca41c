/**
 * What the terminal shows and does, decided from plan, live state and clock. Pure: no page, no
 * media, no clock of its own; every instant is an argument, in ms of the server's clock.
 */

/** @typedef {import("./types.js").Lesson} Lesson */
/** @typedef {import("./types.js").Live} Live */
/** @typedef {import("./types.js").LiveSeat} LiveSeat */
/** @typedef {import("./types.js").LessonState} LessonState */
/** @typedef {import("./types.js").LineState} LineState */
/** @typedef {import("./connection.js").LinkState} LinkState */

/** A lesson opens this long before its planned start, ms. */
export const LEAD_MS = 10 * 60_000;
/** A lesson runs on this long after its end, ms. */
export const GRACE_MS = 5 * 60_000;
/** The first press on "end" waits this long for the second, ms. */
export const CONFIRM_MS = 4_000;
/** A double click must not end a lesson: the second press counts only after this, ms. */
export const CONFIRM_GUARD_MS = 350;
/** Extending is offered in words ("5 minutes left") from here, ms. */
export const LAST_MINUTES_MS = 5 * 60_000;

/** States after which nothing of a lesson happens any more. */
export const OVER = new Set(["ended", "missed", "cancelled"]);

/**
 * @typedef {object} Inputs
 * @property {boolean} enrolled
 * @property {LinkState} link
 * @property {boolean} welcomed whether the plan came from the server since this page was loaded
 * @property {Lesson[]} lessons
 * @property {Record<string, Live>} live latest live state by lesson
 * @property {number} now
 * @property {string | null} giving host: the lesson this terminal is giving
 * @property {boolean} flowing host: our media arrives at the relay. remote: host media arrives here
 * @property {string[]} left lessons ended here that the server has not confirmed
 */

/**
 * Where a lesson is in its life. Connected, the server says; away from it, the clock does, so that
 * today's lessons still open, run and end.
 * @param {Lesson} lesson
 * @param {Inputs} inputs
 * @returns {LessonState}
 */
export function phaseOf(lesson, inputs) {
  const live = inputs.live[lesson.id];
  const known = live ? live.state : lesson.state;
  if (OVER.has(known)) return known;
  if (inputs.left.includes(lesson.id)) return "ended";
  if (inputs.link === "online") return known;
  const start = Date.parse(lesson.starts_at);
  if (inputs.now < start - LEAD_MS) return "planned";
  const mine = inputs.giving === lesson.id || lesson.role === "remote";
  const until =
    mine && inputs.flowing ? grantEnd(lesson) : endOf(lesson, live) + GRACE_MS;
  if (inputs.now >= until) return known === "live" ? "ended" : "missed";
  if (known === "live" || (mine && inputs.flowing)) return "live";
  return "open";
}

/** @param {Lesson} lesson @param {Live | undefined} live */
export function endOf(lesson, live) {
  return Date.parse(live?.ends_at ?? lesson.ends_at);
}

/** @param {Lesson} lesson */
function grantEnd(lesson) {
  return Date.parse(lesson.grants?.expires_at ?? lesson.ends_at);
}

/**
 * The lesson this terminal is in, if any: a live one before an open one, then the earlier.
 * A host is in a lesson only after pressing the button; a remote room as soon as it opens.
 * @param {Inputs} inputs
 * @returns {Lesson | null}
 */
export function lessonNow(inputs) {
  const running = inputs.lessons.filter((lesson) => {
    const phase = phaseOf(lesson, inputs);
    if (lesson.role === "host") return inputs.giving === lesson.id && !OVER.has(phase);
    return phase === "open" || phase === "live";
  });
  const rank = (/** @type {Lesson} */ l) => (phaseOf(l, inputs) === "live" ? 0 : 1);
  running.sort((a, b) => rank(a) - rank(b) || Date.parse(a.starts_at) - Date.parse(b.starts_at));
  return running[0] ?? null;
}

/**
 * @typedef {"enrol" | "replaced" | "lobby" | "host" | "remote"} ScreenName
 * @param {Inputs} inputs
 * @returns {{name: ScreenName, lesson: Lesson | null}}
 */
export function screenOf(inputs) {
  if (!inputs.enrolled || inputs.link === "revoked") return { name: "enrol", lesson: null };
  if (inputs.link === "replaced") return { name: "replaced", lesson: null };
  const lesson = lessonNow(inputs);
  return lesson ? { name: lesson.role, lesson } : { name: "lobby", lesson: null };
}

/**
 * The lesson the lobby speaks of: the one a host could start or go on with, else the next.
 * @param {Inputs} inputs
 * @returns {Lesson | null}
 */
export function nextLesson(inputs) {
  const ahead = inputs.lessons
    .filter((lesson) => !OVER.has(phaseOf(lesson, inputs)))
    .sort((a, b) => Date.parse(a.starts_at) - Date.parse(b.starts_at));
  return ahead.find((lesson) => phaseOf(lesson, inputs) === "live") ?? ahead[0] ?? null;
}

/**
 * The host's one button: what it says and does in the lobby.
 * @param {Lesson | null} lesson
 * @param {Inputs} inputs
 * @param {boolean} checking
 * @returns {{key: string, action: "check" | "start", enabled: boolean}}
 */
export function lobbyButton(lesson, inputs, checking) {
  if (lesson?.role === "host") {
    if (phaseOf(lesson, inputs) === "live") {
      return { key: "host.resume", action: "start", enabled: true };
    }
    if (mayStart(lesson, inputs.now)) return { key: "host.start", action: "start", enabled: true };
  }
  const key = checking ? "check.running" : "host.check";
  return { key, action: "check", enabled: !checking };
}

/** @param {Lesson} lesson @param {number} now */
export function mayStart(lesson, now) {
  return now >= Date.parse(lesson.starts_at) - LEAD_MS && now < grantEnd(lesson);
}

/**
 * The same button during the lesson, and its two companions.
 * @param {Lesson} lesson
 * @param {Inputs} inputs
 * @param {{since: number, armedAt: number | null}} host `since` when the start was pressed
 */
export function hostBar(lesson, inputs, { since, armedAt }) {
  const live = inputs.live[lesson.id];
  const isLive = phaseOf(lesson, inputs) === "live";
  const begun = live?.live_at ? Date.parse(live.live_at) : since;
  const left = endOf(lesson, live) - inputs.now;
  const armed = armedAt !== null && inputs.now - armedAt < CONFIRM_MS;
  const label = !isLive
    ? { key: inputs.flowing ? "host.waiting_live" : "host.starting", time: "" }
    : left < 0
      ? { key: "host.overtime", time: clockText(-left) }
      : { key: "host.live", time: clockText(Math.max(0, inputs.now - begun)) };
  return {
    live: isLive,
    label,
    left: isLive && left >= 0 && left <= LAST_MINUTES_MS ? clockText(left) : null,
    extend: isLive,
    canExtend: isLive && (live ? live.can_extend : false),
    end: isLive ? (armed ? "host.end_confirm" : "host.end") : "host.cancel",
    armed: isLive && armed,
  };
}

/**
 * What a press on "end" means: before the lesson is live it is a way back, then two presses.
 * @param {{live: boolean, armed: boolean}} bar
 * @param {number | null} armedAt
 * @param {number} now
 * @returns {"cancel" | "arm" | "ignore" | "end"}
 */
export function pressEnd(bar, armedAt, now) {
  if (!bar.live) return "cancel";
  if (!bar.armed || armedAt === null) return "arm";
  return now - armedAt < CONFIRM_GUARD_MS ? "ignore" : "end";
}

/**
 * @typedef {object} Room
 * @property {string} id
 * @property {string} name classroom, with the school when that is not in it
 * @property {string[]} lines the same, for narrow places
 * @property {boolean} online
 * @property {boolean} receiving
 * @property {"good" | "weak" | "reconnecting" | "offline" | "waiting" | "unknown"} line
 * @property {number | null} present
 * @property {number | null} hand place in the queue from 1
 * @property {boolean} called
 * @property {number | null} slot wall slot that shows it
 */

/**
 * The host's rooms: those on the wall first, in the wall's order, then the others in plan order.
 * @param {Lesson} lesson
 * @param {Live | undefined} live
 * @param {number} slots wall slots of our subscription
 * @returns {Room[]}
 */
export function roomsOf(lesson, live, slots) {
  const seats = lesson.seats ?? [];
  const wall = (live?.wall ?? []).slice(0, slots);
  const states = new Map((live?.seats ?? []).map((s) => [s.id, s]));
  const order = [
    ...wall.flatMap((id) => seats.filter((s) => s.id === id)),
    ...seats.filter((s) => !wall.includes(s.id)),
  ];
  return order.map((seat) => {
    const state = states.get(seat.id);
    const place = (live?.hands ?? []).findIndex((h) => h.seat === seat.id);
    const slot = wall.indexOf(seat.id);
    return {
      id: seat.id,
      name: roomName(seat),
      lines: roomName(seat).split(/\s+(?=\S+$)/),
      online: state?.online ?? false,
      receiving: state?.receiving ?? false,
      line: roomLine(state),
      present: state?.present ?? null,
      hand: place < 0 ? null : place + 1,
      called: live?.called_on === seat.id,
      slot: slot < 0 ? null : slot,
    };
  });
}

/** @param {LiveSeat | undefined} state @returns {Room["line"]} */
function roomLine(state) {
  // Media goes by another road than the WebSocket: a room that receives is there.
  if (!state || (!state.online && !state.receiving)) return "offline";
  if (state.line === "weak" || state.line === "reconnecting") return state.line;
  return state.receiving ? "good" : "waiting";
}

/** A name takes two short lines at most; a Chinese character is as wide as two others. */
const NAME_UNITS = 28;

/** A long name by its beginning and its end, where names of one town differ. @param {string} name */
export function brief(name) {
  const signs = [...name];
  const wide = (/** @type {string} */ sign) => (sign > "\u2e7f" ? 2 : 1);
  const width = (/** @type {string[]} */ some) => some.reduce((sum, sign) => sum + wide(sign), 0);
  if (width(signs) <= NAME_UNITS) return name;
  let [from, to] = [0, signs.length];
  while (width(signs.slice(0, from + 1)) <= NAME_UNITS / 2) from += 1;
  while (width(signs.slice(to - 1)) <= NAME_UNITS / 2 - 2) to -= 1;
  return `${signs.slice(0, from).join("")}…${signs.slice(to).join("")}`;
}

/** @param {{school?: string, classroom?: string, id?: string}} seat */
export function roomName({ school, classroom, id }) {
  if (!classroom) return brief(school ?? id ?? "");
  return school && !classroom.includes(school) ? `${brief(school)} ${brief(classroom)}` : brief(classroom);
}

/**
 * A remote room's own part in the lesson. `wish` is the hand as last pressed here and not yet
 * acknowledged, so that the button answers at once.
 * @param {Lesson} lesson
 * @param {Live | undefined} live
 * @param {boolean | null} wish
 */
export function seatOf(lesson, live, wish) {
  const id = lesson.seat?.id ?? "";
  const place = (live?.hands ?? []).findIndex((h) => h.seat === id);
  const raised = wish ?? place >= 0;
  const called = live !== undefined && live.called_on === id;
  const state = (live?.seats ?? []).find((s) => s.id === id);
  return {
    raised: raised && !called,
    place: raised && place >= 0 ? place + 1 : null,
    called,
    muted: called && live.muted,
    onAir: called && !live.muted,
    other: live?.called_on && !called ? live.called_on : null,
    present: state?.present ?? null,
    expected: lesson.seat?.expected ?? null,
  };
}

/**
 * One look at a media session, from its statistics.
 * @typedef {object} LineSample
 * @property {number} at ms, monotonic
 * @property {boolean} connected
 * @property {number} bytes
 * @property {number} received packets
 * @property {number} lost packets
 * @property {number} frames decoded on all video slots
 * @property {number} freezes
 */

/** What the line was judged over, ms, and when it counts as weak. */
export const LINE_WINDOW_MS = 5_000;
export const WEAK_LOSS = 0.03;
/** No bytes for this long while some are due: the line is being made anew. */
export const STALL_MS = 1_500;

/**
 * The line in one word, with the figures of the protocol's `line` message. `reconnecting` counts
 * seconds since the last byte.
 * @param {LineSample[]} samples oldest first, of one session
 * @param {{now: number, expected: boolean, downSince: number | null, waiting: boolean}} context
 *   `waiting`: the relay is reached and has nothing to send yet
 * @returns {{state: LineState | "connecting", seconds: number, kbps: number, loss: number | null, frames: number}}
 */
export function lineOf(samples, { now, expected, downSince, waiting }) {
  const last = samples.at(-1);
  const none = { seconds: 0, kbps: 0, loss: null, frames: 0 };
  if (downSince !== null) {
    const seconds = Math.max(0, Math.round((now - downSince) / 1000));
    return { ...none, state: "reconnecting", seconds };
  }
  if (waiting) return { ...none, state: "good" };
  if (!last?.connected) return { ...none, state: "connecting" };
  const first = samples.find((s) => s.at >= now - LINE_WINDOW_MS) ?? last;
  const span = last.at - first.at;
  const received = last.received - first.received;
  const lost = Math.max(0, last.lost - first.lost);
  const loss = received + lost > 0 ? lost / (received + lost) : null;
  const kbps = span > 0 ? Math.max(0, ((last.bytes - first.bytes) * 8) / span) : 0;
  const frames = Math.max(0, last.frames - first.frames);
  const weak = expected && ((loss ?? 0) > WEAK_LOSS || last.freezes > first.freezes);
  return { state: weak ? "weak" : "good", seconds: 0, kbps, loss, frames };
}

/**
 * A change as a chip of the lobby. The kinds of the plan are known; another one is shown as such.
 * @param {{kind: string, reason: string} | null | undefined} change
 */
export function changeKey(change) {
  if (!change) return null;
  const key = `change.${change.kind}`;
  return ["cancelled", "seat_cancelled", "moved", "substitute", "makeup"].includes(change.kind)
    ? key
    : "change.other";
}

/** `m:ss` or `h:mm:ss` of a length in ms. @param {number} ms */
export function clockText(ms) {
  const all = Math.floor(ms / 1000);
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}

/**
 * Civil time of an instant in the programme's zone.
 * @param {number} at ms
 * @param {string} zone IANA name
 */
export function civil(at, zone) {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      weekday: "short",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    })
      .formatToParts(at)
      .map((p) => [p.type, p.value]),
  );
  return {
    year: Number(parts.year),
    month: Number(parts.month),
    day: Number(parts.day),
    weekday: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].indexOf(parts.weekday ?? "") + 1,
    minutes: `${parts.hour}:${parts.minute}`,
    seconds: `${parts.hour}:${parts.minute}:${parts.second}`,
  };
}

/**
 * Today's lessons only: a plan from the cache may be yesterday's.
 * @param {Lesson[]} lessons
 * @param {number} now
 * @param {string} zone
 */
export function todays(lessons, now, zone) {
  const day = (/** @type {number} */ at) => {
    const { year, month, day: date } = civil(at, zone);
    return `${year}-${month}-${date}`;
  };
  return lessons.filter(
    (l) => day(Date.parse(l.starts_at)) === day(now) || phaseWindow(l, now),
  );
}

/** A lesson over midnight stays until it is over. @param {Lesson} lesson @param {number} now */
function phaseWindow(lesson, now) {
  return now >= Date.parse(lesson.starts_at) && now < Date.parse(lesson.ends_at) + GRACE_MS;
}

/**
 * The week of term an instant lies in, from 1; null before term or without one.
 * @param {number} at ms
 * @param {string} zone
 * @param {{week1_monday: string} | null} term
 */
export function weekOf(at, zone, term) {
  if (!term) return null;
  const { year, month, day } = civil(at, zone);
  const days = (Date.UTC(year, month - 1, day) - Date.parse(`${term.week1_monday}T00:00:00Z`)) / 86_400_000;
  return days >= 0 ? Math.floor(days / 7) + 1 : null;
}

const CODE_LENGTH = 8;
const CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/**
 * What somebody typed as an enrolment code: case, spaces and hyphens do not matter, and full-width
 * letters of a Chinese input method are read as what they mean.
 * @param {string} text
 * @returns {{code: string, problem: null | {key: string, params: Record<string, string | number>}}}
 */
export function readCode(text) {
  const code = text.normalize("NFKC").replace(/[\s\-_.·—–]/g, "").toUpperCase();
  const wrong = [...new Set([...code].filter((c) => !CODE_ALPHABET.includes(c)))].join("");
  if (wrong) {
    return { code, problem: { key: "enrol.bad_characters", params: { characters: wrong } } };
  }
  const left = CODE_LENGTH - code.length;
  if (left > 0) return { code, problem: { key: "enrol.short", params: { left } } };
  if (left < 0) return { code, problem: { key: "enrol.long", params: { extra: -left } } };
  return { code, problem: null };
}
