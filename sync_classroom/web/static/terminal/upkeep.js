/** What keeps the page itself in order: its shell for boots without a server, and its version. */

/** The protocol's `line` report. */
const LINE_EVERY_MS = 5_000;

/** The shell is kept for a boot with the server away; without HTTPS there is no service worker. */
export async function keepShell() {
  try {
    await navigator.serviceWorker?.register("/terminal-sw.js", { scope: "/terminal" });
  } catch (error) {
    console.warn("the page will not open with the server away", error);
  }
}

/** After a reconnect: was the server upgraded, and this page with it? @param {string} version */
export async function isOutdated(version) {
  try {
    const response = await fetch("/terminal", { cache: "no-store" });
    const newest = /data-version="([^"]+)"/.exec(await response.text())?.[1];
    return newest !== undefined && newest !== version;
  } catch (error) {
    console.debug("page version not known", error);
    return false;
  }
}

/** Says how the line is, now and then. */
export class LineReports {
  constructor() {
    this.saidAt = 0;
  }

  /**
   * @param {import("./views/frame.js").Frame} frame
   * @param {(message: object) => void} send
   */
  say({ line, lesson }, send) {
    const now = performance.now();
    if (!line || !lesson || now - this.saidAt < LINE_EVERY_MS) return;
    this.saidAt = now;
    send({
      type: "line",
      lesson: lesson.id,
      state: line.state === "connecting" ? "reconnecting" : line.state,
      kbps: Math.round(line.kbps),
      loss: line.loss === null ? null : Math.round(line.loss * 10_000) / 10_000,
      frames: line.frames,
      path: line.path,
    });
  }
}
