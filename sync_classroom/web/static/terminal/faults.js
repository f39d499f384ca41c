/** The last things that went wrong on this page, for whoever is called for help. */

/** As many as the protocol takes, and as long. */
const FAULTS_MAX = 10;
const TEXT_MAX = 200;

export class Faults {
  /** @param {() => number} now monotonic ms */
  constructor(now = () => performance.now()) {
    this.now = now;
    /** @type {{at: number, text: string}[]} */
    this.all = [];
    /** @type {Set<string>} */
    this.showing = new Set();
  }

  /** Also what no code of ours expected. @param {EventTarget} page */
  listen(page) {
    page.addEventListener("error", (event) => this.note(/** @type {ErrorEvent} */ (event).message));
    page.addEventListener("unhandledrejection", (event) =>
      this.note(String(/** @type {PromiseRejectionEvent} */ (event).reason)),
    );
  }

  /** @param {string | undefined} text */
  note(text) {
    // Control characters and broken surrogates would be refused with the whole call.
    const clean = [...String(text ?? "")].map((c) => (c < " " || /\p{Cs}/u.test(c) ? " " : c)).join("");
    if (!clean.trim()) return;
    this.all = [...this.all, { at: this.now(), text: clean.trim().slice(0, TEXT_MAX) }].slice(-FAULTS_MAX);
  }

  /**
   * What is said over the picture is noted when it first appears, not for as long as it stands.
   * @param {import("./views/frame.js").Banner[]} banners
   */
  see(banners) {
    const bad = banners.filter((b) => b.tone !== "info");
    for (const banner of bad) {
      if (!this.showing.has(banner.id)) this.note(banner.text || banner.action);
    }
    this.showing = new Set(bad.map((b) => b.id));
  }

  /** @returns {{ago_s: number, text: string}[]} latest last */
  list() {
    const now = this.now();
    return this.all.map(({ at, text }) => ({ ago_s: Math.max(0, Math.round((now - at) / 1000)), text }));
  }
}
