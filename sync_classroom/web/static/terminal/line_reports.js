/** The protocol's `line` report: how the line is, now and then. */

const EVERY_MS = 5_000;

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
    if (!line || !lesson || now - this.saidAt < EVERY_MS) return;
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
