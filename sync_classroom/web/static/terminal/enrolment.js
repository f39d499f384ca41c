/** Exchanging an enrolment code for this device's token. Knows nothing of the page. */

/** Longest description of a device that is of use to an administrator. */
const LABEL_MAX = 80;

/**
 * @typedef {object} Enrolled
 * @property {string} token
 * @property {import("./types.js").Place} school
 * @property {import("./types.js").Place} classroom
 *
 * @typedef {{key: string, params: Record<string, string | number>}} EnrolProblem
 */

/**
 * @param {string} code 8 characters
 * @returns {Promise<{enrolled: Enrolled, problem: null} | {enrolled: null, problem: EnrolProblem}>}
 */
export async function enrol(code) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch("/api/terminal/enrol", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code, label: deviceLabel(navigator.userAgent) }),
    });
    if (response.status === 201) return { enrolled: await response.json(), problem: null };
  } catch {
    return problem("enrol.unreachable");
  }
  if (response.status === 403) return problem("enrol.refused", { code });
  if (response.status !== 429) return problem("enrol.unreachable");
  return problem("enrol.too_many", { seconds: Number(response.headers.get("Retry-After") ?? 60) });
}

/** @param {string} key @param {EnrolProblem["params"]} [params] */
function problem(key, params = {}) {
  return { enrolled: null, problem: { key, params } };
}

/** What the administrator reads about this device. @param {string} userAgent */
export function deviceLabel(userAgent) {
  const browser = /(Edg|Chromium|Chrome)\/(\d+)/.exec(userAgent);
  const system = /Windows|Android|Linux|Mac OS X/.exec(userAgent)?.[0];
  const name = browser ? `${browser[1]} ${browser[2]}` : "Browser";
  return [name, system].filter(Boolean).join(" / ").slice(0, LABEL_MAX);
}
