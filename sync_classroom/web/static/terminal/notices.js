/** What is said over the picture: lasting conditions first, then what just happened. */

/** @typedef {import("./views/frame.js").Banner} Banner */
/** @typedef {(key: string, params?: Record<string, string | number>) => string} Say */

/** A message that needs no answer goes away by itself after this, ms. */
const NOTICE_MS = 12_000;
/** A gap this short is not worth a sentence, s. */
const GAP_S = 2;

/** Messages about events, each until it is read or old. */
export class Notices {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    /** @type {Map<string, {banner: Banner, until: number}>} */
    this.all = new Map();
  }

  /**
   * @param {string} id one message of each id at a time
   * @param {Banner["tone"]} tone
   * @param {string} text
   */
  add(id, tone, text) {
    const dismiss = () => {
      this.all.delete(id);
      this.changed();
    };
    const until = performance.now() + NOTICE_MS;
    this.all.set(id, { banner: { id, tone, text, dismiss }, until });
    this.changed();
  }

  /** @returns {Banner[]} */
  list() {
    const now = performance.now();
    for (const [id, { until }] of this.all) if (now > until) this.all.delete(id);
    return [...this.all.values()].map(({ banner }) => banner);
  }
}

/**
 * The conditions of the moment.
 * @param {object} now
 * @param {Say} now.t
 * @param {boolean} now.soundBlocked
 * @param {boolean} now.offline
 * @param {import("./lesson_media.js").LessonMedia | null} now.media
 * @param {import("./views/frame.js").Frame["line"]} now.line
 * @param {import("./devices.js").Devices} now.devices
 * @param {boolean} now.screenWasShared
 * @param {{unlock: () => void, screen: () => void}} now.actions
 * @returns {Banner[]}
 */
export function conditions({ t, soundBlocked, offline, media, line, devices, screenWasShared, actions }) {
  /** @type {Banner[]} */
  const list = [];
  if (soundBlocked) {
    list.push({ id: "sound", tone: "bad", text: "", action: t("banner.sound"), press: actions.unlock });
  }
  if (offline) {
    const key = media ? "banner.offline_lesson" : "banner.offline";
    list.push({ id: "offline", tone: "warn", text: t(key) });
  }
  if (!media) return list;
  const host = media.lesson.role === "host";
  if (media.links().some((link) => link.status.state === "denied")) {
    list.push({ id: "token", tone: "bad", text: t("banner.token") });
  }
  if (host && line?.state === "reconnecting" && line.seconds >= GAP_S) {
    const { seconds } = line;
    list.push({ id: "relay", tone: "bad", text: t("banner.relay", { seconds }) });
  }
  for (const kind of /** @type {const} */ (["camera", "microphone"])) {
    if (!devices.problem(kind)) continue;
    list.push({ id: `${kind}-lost`, tone: "bad", text: t(`banner.${kind}_lost`) });
  }
  if (screenWasShared && host) {
    list.push({
      id: "screen-again",
      tone: "warn",
      text: t("banner.screen_again"),
      action: t("banner.screen_again_action"),
      press: actions.screen,
    });
  }
  return list;
}
