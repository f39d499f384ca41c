/**
 * What a terminal fetches, keeps and gives up of what was pushed to it. Pure: every instant is an
 * argument, in ms of the server's clock, except what is said to be the device's.
 */

/** A failed fetch is tried again after these pauses, ms; the last one for good. */
const PAUSES_MS = [2_000, 10_000, 60_000, 300_000];
/** A file whose bytes are not what the server has is fetched anew so often, then left alone. */
export const MOST_TRIES = 3;
/** A cache that breaks off so often in a row, nothing having come, is passed by. */
const MOST_BREAKS = 2;
/** The share of a video or sound that must have been played to have completed it: as a lesson. */
export const COMPLETED = 0.8;

/**
 * One push as the server tells it (GET /api/terminal/pushes).
 * @typedef {object} Push
 * @property {string} push
 * @property {string} target
 * @property {string} title
 * @property {string} subject
 * @property {string} reason
 * @property {string} class_name
 * @property {"video" | "audio" | "image" | "document"} kind
 * @property {string} media_type
 * @property {string} name
 * @property {number} bytes
 * @property {string} sha256
 * @property {number | null} duration_s
 * @property {string} href
 * @property {string | null} cached where the school's cache has the same bytes
 * @property {string} sent_at
 * @property {string | null} expires_at
 * @property {string | null} opened_at
 * @property {string | null} completed_at
 * @property {string | null} reminded_at when somebody last asked to see it
 *
 * @typedef {"waiting" | "fetching" | "kept" | "evicted" | "failed"} CopyState
 *
 * @typedef {[from: number, to: number]} Span seconds of a video or sound
 *
 * What this device knows of one push, and keeps over a reboot. Steps are ms of the device's clock.
 * @typedef {object} Copy
 * @property {string} key
 * @property {Push} push as it was told last
 * @property {CopyState} state
 * @property {number} bytes of it on the disk
 * @property {"too_large" | "hash" | "disk" | null} failure
 * @property {number} tries whose bytes were wrong
 * @property {boolean} asked a person wants it now
 * @property {boolean} over the server tells of it no more
 * @property {Span[]} played seconds of it that were played, in order and apart
 * @property {number | null} delivered
 * @property {number | null} opened
 * @property {number | null} completed
 * @property {boolean} unsaid whether the server has not heard of this yet
 */

/** @param {{push: string, target: string}} push */
export function keyOf({ push, target }) {
  return `${push}.${target}`;
}

/** @param {Push} push @returns {Copy} */
export function newCopy(push) {
  return {
    key: keyOf(push),
    push,
    state: "waiting",
    bytes: 0,
    failure: null,
    tries: 0,
    asked: false,
    over: false,
    played: [],
    delivered: null,
    opened: null,
    completed: null,
    unsaid: false,
  };
}

/**
 * What is known after the server has told its list.
 * @param {Copy[]} known
 * @param {Push[]} told
 * @returns {Copy[]}
 */
export function heard(known, told) {
  const byKey = new Map(known.map((copy) => [copy.key, copy]));
  const open = told.map((push) => {
    const copy = byKey.get(keyOf(push));
    byKey.delete(keyOf(push));
    return copy ? { ...copy, push, over: false } : newCopy(push);
  });
  // What the server tells of no more was cancelled or has expired; it is kept until all is said.
  const gone = [...byKey.values()].filter((copy) => copy.unsaid || copy.bytes > 0);
  return [...open, ...gone.map((copy) => ({ ...copy, over: true }))];
}

/** @param {Copy} copy @param {number} now */
export function isOver(copy, now) {
  const { expires_at } = copy.push;
  return copy.over || (expires_at !== null && Date.parse(expires_at) <= now);
}

/** Copies a person can open here, whether or not the server is there. @param {Copy} copy @param {number} now */
export function isShown(copy, now) {
  return !isOver(copy, now);
}

/** Whether somebody asked to see it and nobody has. @param {Copy} copy */
export function isReminded({ push, opened }) {
  return push.reminded_at !== null && push.opened_at === null && opened === null;
}

/**
 * Those to be given up first: seen to the end, then opened, then the oldest.
 * @param {Copy} a
 * @param {Copy} b
 */
function firstToGo(a, b) {
  const rank = (/** @type {Copy} */ c) => (c.completed !== null ? 0 : c.opened !== null ? 1 : 2);
  return rank(a) - rank(b) || Date.parse(a.push.sent_at) - Date.parse(b.push.sent_at);
}

/** @param {Copy} copy */
function wanted(copy) {
  if (copy.state === "waiting" || copy.state === "fetching") return true;
  // Given up or failed: only when a person asks again.
  return (copy.state === "evicted" || copy.state === "failed") && copy.asked;
}

/**
 * What to do next.
 * @param {Copy[]} copies
 * @param {object} options
 * @param {number} options.now
 * @param {number} options.quota bytes that copies may take
 * @param {boolean} options.quiet whether the school's quiet hours are now
 * @param {string | null} options.playing key of what is on the screen, which is never given up
 * @returns {{remove: Copy[], evict: Copy[], refuse: Copy[], fetch: Copy | null}} `remove` what is
 *   over, `evict` what must make room, `refuse` what can never fit
 */
export function decide(copies, { now, quota, quiet, playing }) {
  const free = (/** @type {Copy} */ copy) => copy.key !== playing;
  const remove = copies.filter((c) => isOver(c, now) && c.bytes > 0 && free(c));
  const open = copies.filter((c) => !isOver(c, now));
  const refuse = open.filter((c) => wanted(c) && c.push.bytes > quota);
  const queue = open
    .filter((c) => wanted(c) && c.push.bytes <= quota && (quiet || c.asked))
    // What a person waits for, what was begun, then the newest.
    .sort(
      (a, b) =>
        Number(b.asked) - Number(a.asked) ||
        Number(b.bytes > 0) - Number(a.bytes > 0) ||
        Date.parse(b.push.sent_at) - Date.parse(a.push.sent_at),
    );
  const fetch = queue[0] ?? null;
  /** @type {Copy[]} */
  const evict = [];
  if (fetch) {
    let taken = open.reduce((sum, c) => sum + (c === fetch ? 0 : c.bytes), 0) + fetch.push.bytes;
    const candidates = open.filter((c) => c !== fetch && c.bytes > 0 && free(c)).sort(firstToGo);
    for (const copy of candidates) {
      if (taken <= quota) break;
      evict.push(copy);
      taken -= copy.bytes;
    }
    if (taken > quota) return { remove, evict: [], refuse, fetch: null };
  }
  return { remove, evict, refuse, fetch };
}

/**
 * Where a file is fetched: from the school's cache, else from the server. A cache that gave wrong
 * bytes would give them again, and one that broke off `MOST_BREAKS` times without bringing anything
 * is left out. `asked` says to both that a person wants it now, whatever the hour.
 * @param {Copy} copy
 * @param {number} failures in a row, nothing having come
 * @returns {{url: string, cached: string | null}}
 */
export function sourcesOf({ push, asked, tries }, failures) {
  const { href, cached } = push;
  const usable = cached !== null && !tries && failures < MOST_BREAKS;
  return {
    url: asked ? `${href}?asked=1` : href,
    cached: !usable ? null : asked ? `${cached}&asked=1` : cached,
  };
}

/**
 * How long to wait before the same fetch is tried again, ms.
 * @param {number} failures in a row
 */
export function pauseAfter(failures) {
  return PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1] ?? 0;
}

/**
 * Spans in order and apart, which cover what either covers.
 * @param {Span[]} some
 * @param {Span[]} more
 * @returns {Span[]}
 */
export function union(some, more) {
  /** @type {Span[]} */
  const merged = [];
  for (const [from, to] of [...some, ...more].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else if (to > from) merged.push([from, to]);
  }
  return merged;
}

/** Seconds that were played, each counted once. @param {Span[]} played */
export function watchedSeconds(played) {
  return played.reduce((sum, [from, to]) => sum + to - from, 0);
}

/**
 * Whether so much of it was played that it counts as seen to the end.
 * @param {Span[]} played
 * @param {number} duration seconds
 */
export function isCompleted(played, duration) {
  return Number.isFinite(duration) && duration > 0 && watchedSeconds(played) >= COMPLETED * duration;
}

/**
 * What the server is told of a copy.
 * @param {Copy} copy
 */
export function wordOf(copy) {
  const { push, target } = copy.push;
  const state = copy.state === "waiting" ? "fetching" : copy.state;
  /** @type {Record<string, string | number | null>} */
  const word = {
    push,
    target,
    state,
    bytes: copy.bytes,
    failure: copy.failure,
    watched_s: Math.floor(watchedSeconds(copy.played)),
  };
  for (const step of /** @type {const} */ (["delivered", "opened", "completed"])) {
    if (copy[step] !== null) word[step] = copy[step];
  }
  return word;
}

/**
 * Whether the server knows of one what was said of the other; how much is here yet is no news.
 * @param {Copy} one
 * @param {Copy} other
 */
export function sameWord(one, other) {
  return JSON.stringify({ ...wordOf(one), bytes: 0 }) === JSON.stringify({ ...wordOf(other), bytes: 0 });
}
