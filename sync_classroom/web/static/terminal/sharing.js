/** The screen share of a host: begins and ends by a press, and says why when it cannot. */

export class Sharing {
  /**
   * @param {{
   *   stage: import("./stage.js").Stage, model: import("./model.js").Model,
   *   notices: import("./notices.js").Notices, changed: () => void, begun: () => void,
   *   t: (key: string, params?: Record<string, string | number>) => string,
   * }} parts `begun`: a screen is shared now
   */
  constructor({ stage, model, notices, changed, begun, t }) {
    this.stage = stage;
    this.model = model;
    this.notices = notices;
    this.changed = changed;
    this.begun = begun;
    this.t = t;
    /** Shared before the page was loaded again, and not since. */
    this.before = model.giving?.screen ?? false;
  }

  /** Whether a screen is shared now. */
  get on() {
    return Boolean(this.stage.media?.screen);
  }

  async toggle() {
    const { media } = this.stage;
    if (!media) return;
    if (media.screen) this.stop();
    else await this.start(media);
  }

  stop() {
    const { media } = this.stage;
    this.before = false;
    media?.stopScreen();
    this.told();
  }

  /** @param {import("./lesson_media.js").LessonMedia} media */
  async start(media) {
    this.before = false;
    try {
      await media.startScreen(() => {
        this.model.sharing(false);
        this.notices.add("screen", "warn", this.t("banner.screen_stopped"));
      });
      if (media.screen) this.begun();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.notices.add("screen", "warn", this.t("host.screen_failed", { reason }));
    }
    this.told();
  }

  told() {
    this.model.sharing(this.on);
    this.changed();
  }
}
