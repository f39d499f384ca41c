/** Annotations on the page: a layer over a picture, and the teacher's tools for drawing on it. */

import { COLOURS, SCALE } from "../ink.js";
import { attr, enable, h, keyed, show, text } from "../dom.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("../ink.js").Point} Point */

const SVG = "http://www.w3.org/2000/svg";

/** Over a picture, exactly as large as what it shows. */
export class InkLayer {
  /** @param {import("../dom.js").Picture} picture */
  constructor(picture) {
    this.picture = picture;
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("viewBox", `0 0 ${SCALE} ${SCALE}`);
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.laser = h("div", { class: "laser" });
    this.root = h("div", { class: "ink", "aria-hidden": "true" }, this.svg, this.laser);
    picture.root.append(this.root);
    /** @type {Map<number, {line: SVGPolylineElement, drawn: number}>} */
    this.lines = new Map();
    this.version = -1;
    /** @type {import("../ink.js").Ink | null} */
    this.ink = null;
  }

  /** @param {import("../ink.js").InkBoard} board @param {boolean} on whether there is a picture */
  draw(board, on) {
    show(this.root, on);
    if (!on) return;
    this.fit();
    show(this.laser, board.pointer !== null);
    if (board.pointer) {
      const [x, y] = board.pointer;
      this.laser.style.left = `${(100 * x) / SCALE}%`;
      this.laser.style.top = `${(100 * y) / SCALE}%`;
    }
    if (board.ink === this.ink && board.ink.version === this.version) return;
    if (board.ink !== this.ink) this.clear();
    this.ink = board.ink;
    this.version = board.ink.version;
    for (const [id, { line }] of this.lines) {
      if (board.ink.strokes.has(id)) continue;
      line.remove();
      this.lines.delete(id);
    }
    for (const stroke of board.ink.strokes.values()) this.stroke(stroke);
  }

  clear() {
    this.svg.replaceChildren();
    this.lines.clear();
  }

  /** @param {import("../ink.js").Stroke} stroke */
  stroke({ id, colour, points }) {
    let known = this.lines.get(id);
    if (!known) {
      const line = /** @type {SVGPolylineElement} */ (document.createElementNS(SVG, "polyline"));
      line.setAttribute("class", colour);
      line.setAttribute("data-stroke", String(id));
      this.svg.append(line);
      known = { line, drawn: 0 };
      this.lines.set(id, known);
    }
    if (known.drawn === points.length) return;
    known.drawn = points.length;
    // A single point is a dot: a line of no length has round ends.
    const all = points.length === 1 ? [...points, ...points] : points;
    known.line.setAttribute("points", all.map(([x, y]) => `${x},${y}`).join(" "));
  }

  /** Where the picture is in its frame: it keeps its shape, with bars beside or above. */
  fit() {
    const { node, width: wide, height: high } = this.picture.content();
    const { clientWidth, clientHeight } = node;
    if (!wide || !high || !clientWidth || !clientHeight) return;
    const scale = Math.min(clientWidth / wide, clientHeight / high);
    const [width, height] = [wide * scale, high * scale];
    const { style } = this.root;
    style.left = `${node.offsetLeft + (clientWidth - width) / 2}px`;
    style.top = `${node.offsetTop + (clientHeight - height) / 2}px`;
    style.width = `${width}px`;
    style.height = `${height}px`;
  }

  /** Where a pointer is, in the picture's coordinates; at its edge when beyond. @param {MouseEvent} event @returns {Point} */
  at(event) {
    const box = this.root.getBoundingClientRect();
    const share = (/** @type {number} */ value) => Math.round(SCALE * Math.min(1, Math.max(0, value)));
    return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
  }
}

/** The teacher's: a press draws, moving without a press points; undo, wipe, colours. */
export class Annotate {
  /** @param {import("../dom.js").Picture} picture @param {() => import("../ink.js").InkBoard} board */
  constructor(picture, board) {
    this.board = board;
    this.layer = new InkLayer(picture);
    this.on = false;
    this.colour = COLOURS[0] ?? "";
    /** @type {number | null} */
    this.stroke = null;
    this.opener = h("button", { type: "button", id: "annotate", onclick: () => this.turn(!this.on) });
    this.colours = h("div", { class: "row", role: "radiogroup" });
    this.undo = h("button", { type: "button", id: "ink-undo", onclick: () => board().undo() });
    this.wipe = h("button", { type: "button", id: "ink-wipe", onclick: () => board().wipe(null) });
    this.done = h("button", { type: "button", id: "ink-done", onclick: () => this.turn(false) });
    this.tools = h("div", { class: "ink-tools", role: "toolbar" }, this.colours, this.undo, this.wipe, this.done);
    const { root } = this.layer;
    root.addEventListener("pointerdown", (event) => this.down(event));
    root.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) root.addEventListener(name, () => this.up());
    root.addEventListener("pointerleave", () => this.on && board().point(null));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.on) this.turn(false);
    });
  }

  /** @param {boolean} on */
  turn(on) {
    const inside = this.tools.contains(document.activeElement);
    if (this.on && !on) {
      this.up();
      this.board().point(null);
    }
    this.on = on;
    if (!on && inside) this.opener.focus();
    this.board().changed();
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (!this.on || event.button !== 0) return;
    event.preventDefault();
    this.layer.root.setPointerCapture(event.pointerId);
    this.stroke = this.board().next();
    this.board().point(null);
    this.board().draw(this.stroke, this.colour, [this.layer.at(event)]);
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (!this.on) return;
    if (this.stroke === null) {
      this.board().point(this.layer.at(event));
      return;
    }
    const moves = event.getCoalescedEvents?.() ?? [];
    const points = (moves.length ? moves : [event]).map((one) => this.layer.at(one));
    this.board().draw(this.stroke, this.colour, points);
  }

  up() {
    this.stroke = null;
  }

  /** @param {Frame} frame @param {boolean} sharing whether there is courseware to draw on */
  update({ t, ink }, sharing) {
    if (!sharing && this.on) this.turn(false);
    // What was drawn belonged to the picture that is gone.
    if (!sharing && ink.ink.strokes.size > 0) ink.wipe(null);
    this.layer.draw(ink, sharing);
    attr(this.layer.root, "data-on", this.on ? "" : null);
    text(this.opener, t("ink.title"));
    enable(this.opener, sharing);
    attr(this.opener, "aria-pressed", String(this.on));
    attr(this.opener, "title", sharing ? null : t("ink.only_courseware"));
    show(this.tools, this.on);
    attr(this.tools, "aria-label", t("ink.title"));
    attr(this.colours, "aria-label", t("ink.colour"));
    text(this.undo, t("ink.undo"));
    text(this.wipe, t("ink.wipe"));
    text(this.done, t("ink.done"));
    for (const button of [this.undo, this.wipe]) enable(button, ink.ink.strokes.size > 0);
    keyed(
      this.colours,
      COLOURS,
      (colour) => colour,
      (colour) =>
        h("button", {
          type: "button",
          role: "radio",
          class: `colour ${colour}`,
          onclick: () => {
            this.colour = colour;
            this.board().changed();
          },
        }),
      (button, colour) => {
        attr(button, "aria-label", t(`ink.${colour}`));
        attr(button, "title", t(`ink.${colour}`));
        attr(button, "aria-checked", String(colour === this.colour));
      },
    );
  }
}
