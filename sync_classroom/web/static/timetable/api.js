// Speaks to the server about a term's draft and never touches the page.

/** How long an answer may take before the page says that there is none. */
const PATIENCE_MS = 20_000;

/**
 * @typedef {Record<string, unknown> & {do: string}} Command one edit, as `POST …/draft/steps` takes it
 * @typedef {{code: string, zh: string, en: string, field: string | null, value: unknown}} Problem
 * @typedef {{date: string, weekday: number, period: number, start: string, end: string,
 *   free: boolean, hard: boolean, swap: string | null, why: string, but: string}} Place one period of
 *   the host school: whether the lesson can go there, why not (`hard`: under no circumstances), with
 *   which lesson it could take turns, what speaks against it
 * @typedef {{places: Place[], series: Record<string, any> | null}} Places
 */

/** What the server refused, in its own words. */
export class Refusal extends Error {
  /** @param {Problem} problem @param {number} status */
  constructor(problem, status) {
    super(problem.code);
    this.problem = problem;
    this.status = status;
  }

  /** @param {string} language the page's `lang` */
  sentence(language) {
    return language.startsWith("zh") ? this.problem.zh : this.problem.en;
  }
}

/** The session has ended; the page has to be loaded again, which shows the door. */
export class SignedOut extends Error {}

/** @returns {string} a key that makes a repeated request the same one */
export function newKey() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (n) => n.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {string} url
 * @param {unknown} body
 * @param {string} key idempotency key: send the same one again when no answer came
 * @returns {Promise<any>}
 */
async function post(url, body, key) {
  const response = await fetch(url, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", Accept: "application/json", "Idempotency-Key": key },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (response.status === 401) throw new SignedOut(url);
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Refusal(answer, response.status);
  return answer;
}

/** A term's draft. */
export class Draft {
  /** @param {string} term */
  constructor(term) {
    this.base = `/api/timetable/${encodeURIComponent(term)}`;
  }

  /** @returns {Promise<number>} the revision the draft has now */
  async revision() {
    return (await fetchJson(`${this.base}/draft`)).revision;
  }

  /**
   * One step made of some commands: all of them or none.
   * @param {Command[]} commands @param {number} seen @param {string} key
   */
  step(commands, seen, key) {
    return post(`${this.base}/draft/steps`, { seen, command: commands }, key);
  }

  /** @param {"undo" | "redo" | "discard"} what @param {number} seen @param {string} key */
  turn(what, seen, key) {
    return post(`${this.base}/draft/${what}`, { seen }, key);
  }

  /**
   * @param {number} seen @param {string} note @param {string} key
   * @returns {Promise<{no: number}>}
   */
  publish(seen, note, key) {
    return post(`${this.base}/publish`, { seen, note }, key);
  }
}

/**
 * @param {string} url where the page's own JSON is
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
async function fetchJson(url, signal) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(url, {
    credentials: "same-origin",
    headers: { Accept: "application/json" },
    redirect: "manual",
    signal: signal ? AbortSignal.any([signal, patience]) : patience,
  });
  if (response.type === "opaqueredirect") throw new SignedOut(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
}

/**
 * @param {string} url
 * @param {AbortSignal} [signal]
 * @returns {Promise<Places>}
 */
export function fetchPlaces(url, signal) {
  return fetchJson(url, signal);
}

/**
 * What evidence makes of lessons that are over, by lesson.
 * @param {string} url
 * @returns {Promise<Record<string, {state: string, shape: string, word: string}>>}
 */
export function fetchStates(url) {
  return fetchJson(url);
}
