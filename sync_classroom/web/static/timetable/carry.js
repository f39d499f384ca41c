// A lesson on its way to another place: where it can go is marked, and why not elsewhere.

import { h } from "../terminal/dom.js";
import { fetchPlaces } from "./api.js";
import { matrix, neighbour, reveal } from "./cells.js";

/**
 * @typedef {import("./api.js").Place} Place
 * @typedef {Record<string, Record<string, [number, string, string][]>>} Clocks by school and date
 * @typedef {{lesson: string | null, series: string | null, element: HTMLElement}} Carried
 * @typedef {{carried: Carried, place: Place, series: Record<string, any> | null}} Drop
 */

const MARKS = ["can", "might", "cannot", "aim"];
/** Scrolls when the pointer is this near to the edge, so many pixels a move. */
const EDGE = 36;
const SCROLL = 14;

/** @param {string} clock `09:40` @returns {number} minutes */
function minutes(clock) {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5));
}

/** One carrying at a time. */
export class Carrying {
  /**
   * @param {HTMLElement} page
   * @param {{places: (carried: Carried) => string, drop: (drop: Drop) => void,
   *   tell: (text: string) => void, failed: (error: unknown) => void, words: Record<string, string>}} host
   */
  constructor(page, host) {
    this.page = page;
    this.host = host;
    /** @type {Carried | null} */
    this.carried = null;
    /** @type {Map<HTMLTableCellElement, Place>} */
    this.answers = new Map();
    /** @type {HTMLTableCellElement | null} */
    this.aimed = null;
    /** @type {Record<string, any> | null} */
    this.series = null;
    /** @type {AbortController | null} */
    this.asking = null;
    /** @type {HTMLElement | null} */
    this.ghost = null;
    this.ready = Promise.resolve();
  }

  get on() {
    return this.carried !== null;
  }

  /** @param {Carried} carried */
  start(carried) {
    this.stop();
    this.carried = carried;
    this.asking = new AbortController();
    this.page.dataset.carrying = "";
    carried.element.classList.add("carried");
    this.host.tell(this.host.words.carrying ?? "");
    this.ready = this.ask(carried, this.asking);
    const own = carried.element.closest("td");
    const first = own ?? this.scope(carried)[0];
    if (first) this.aim(/** @type {HTMLTableCellElement} */ (first));
  }

  /** @param {Carried} carried @param {AbortController} asking */
  async ask(carried, asking) {
    try {
      const answer = await fetchPlaces(this.host.places(carried), asking.signal);
      if (this.carried !== carried) return;
      this.series = answer.series;
      this.mark(answer.places);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.stop();
      this.host.failed(error);
    }
  }

  /**
   * The cells that stand for times of what is carried: in a line of rooms only its own lines.
   * @param {Carried} carried
   * @returns {HTMLTableCellElement[]}
   */
  scope(carried) {
    const row = carried.element.closest("tr");
    const rooms = carried.element.dataset.rooms?.split(" ") ?? [];
    const cells = /** @type {HTMLTableCellElement[]} */ ([...this.page.querySelectorAll("td[data-n]")]);
    if (!("overview" in this.page.dataset)) return cells.filter((cell) => cell.dataset.n);
    return cells.filter((cell) => {
      const line = cell.closest("tr");
      return cell.dataset.n && (row ? line === row : rooms.includes(line?.dataset.room ?? ""));
    });
  }

  /** @param {Place[]} places */
  mark(places) {
    if (!this.carried) return;
    const clocks = /** @type {Clocks} */ (
      JSON.parse(document.getElementById("tt-clocks")?.textContent ?? "{}")
    );
    for (const cell of this.scope(this.carried)) {
      const place = this.placeOf(cell, places, clocks);
      if (!place) {
        cell.classList.add("cannot");
        continue;
      }
      this.answers.set(cell, place);
      cell.classList.add(place.free ? (place.but ? "might" : "can") : "cannot");
      const why = place.free ? place.but : place.why;
      if (why && !cell.querySelector(".entry, .dot")) cell.append(h("span", { class: "tt-why" }, why));
    }
    if (this.aimed) this.aim(this.aimed);
  }

  /**
   * The host's period that a cell stands for: of those that share time with it, the one that begins
   * nearest to it, for the school looked at may have other bells.
   * @param {HTMLTableCellElement} cell @param {Place[]} places @param {Clocks} clocks
   * @returns {Place | null}
   */
  placeOf(cell, places, clocks) {
    const date = cell.dataset.d || this.dateOf(Number(cell.dataset.w));
    const school = /** @type {HTMLElement | null} */ (cell.closest("[data-school]"))?.dataset.school ?? "";
    const own = clocks[school]?.[date]?.find(([no]) => no === Number(cell.dataset.n));
    if (!own) return null;
    const [start, end] = [minutes(own[1]), minutes(own[2])];
    /** @type {Place | null} */
    let best = null;
    for (const place of places) {
      if (place.date !== date || minutes(place.start) >= end || start >= minutes(place.end)) continue;
      const far = Math.abs(minutes(place.start) - start);
      if (!best || far < Math.abs(minutes(best.start) - start)) best = place;
    }
    return best;
  }

  /** @param {number} weekday @returns {string} its date in the week shown */
  dateOf(weekday) {
    const monday = new Date(`${this.page.dataset.monday}T00:00:00Z`);
    return new Date(monday.getTime() + (weekday - 1) * 86_400_000).toISOString().slice(0, 10);
  }

  /** @param {HTMLTableCellElement} cell */
  aim(cell) {
    this.aimed?.classList.remove("aim");
    this.aimed = cell;
    cell.classList.add("aim");
    const place = this.answers.get(cell);
    const words = this.host.words;
    const why = !place ? words.elsewhere : place.free ? place.but || words.can : place.why;
    const said = place ? `${place.start}–${place.end} ${why}` : (why ?? "");
    if (this.answers.size) this.host.tell(said);
    if (this.ghost) {
      this.ghost.dataset.answer = place?.free ? "can" : "cannot";
      const line = this.ghost.querySelector(".tt-ghost-why");
      if (line) line.textContent = this.answers.size ? said : "";
    }
  }

  /** @param {number} down @param {number} right */
  step(down, right) {
    if (!this.carried || !this.aimed) return;
    const scope = new Set(this.scope(this.carried));
    const next = neighbour(matrix(this.page), this.aimed, down, right, (cell) => scope.has(cell));
    if (!next) return;
    this.aim(next);
    reveal(next);
  }

  /** Put it down where it is aimed at; an answer that is still on its way is waited for. */
  async drop() {
    const [carried, cell] = [this.carried, this.aimed];
    if (!carried || !cell) return;
    await this.ready;
    if (this.carried !== carried) return;
    const place = this.answers.get(cell);
    const series = this.series;
    const home = carried.element.closest("td") === cell;
    this.stop();
    if (place && !home) this.host.drop({ carried, place, series });
    else if (!place && !home) this.host.tell(this.host.words.elsewhere ?? "");
  }

  stop() {
    this.asking?.abort();
    this.carried?.element.classList.remove("carried");
    for (const cell of this.page.querySelectorAll("td.can, td.might, td.cannot, td.aim")) {
      cell.classList.remove(...MARKS);
    }
    for (const why of this.page.querySelectorAll(".tt-why")) why.remove();
    this.ghost?.remove();
    this.ghost = null;
    this.carried = null;
    this.aimed = null;
    this.series = null;
    this.answers.clear();
    delete this.page.dataset.carrying;
  }

  /** @param {number} x @param {number} y */
  follow(x, y) {
    if (!this.carried) return;
    if (!this.ghost) {
      const colour = [...this.carried.element.classList].filter((name) => name.startsWith("subj-"));
      const name = this.carried.element.querySelector(".tt-subject")?.textContent;
      this.ghost = h(
        "div",
        { class: ["tt-ghost", ...colour].join(" "), "aria-hidden": "true" },
        h("b", {}, name ?? this.carried.element.textContent ?? ""),
        h("span", { class: "tt-ghost-why" }),
      );
      document.body.append(this.ghost);
    }
    this.ghost.style.transform = `translate(${x + 12}px, ${y + 12}px)`;
    const under = document.elementFromPoint(x, y)?.closest("td");
    if (under && under !== this.aimed && this.scope(this.carried).includes(under)) this.aim(under);
    const box = this.page.querySelector(".tt-scroll")?.getBoundingClientRect();
    if (box) this.scroll(x, y, box);
  }

  /** @param {number} x @param {number} y @param {DOMRect} box */
  scroll(x, y, box) {
    const down = y > box.bottom - EDGE ? SCROLL : y < box.top + EDGE ? -SCROLL : 0;
    const right = x > box.right - EDGE ? SCROLL : x < box.left + EDGE ? -SCROLL : 0;
    if (down || right) this.page.querySelector(".tt-scroll")?.scrollBy(right, down);
  }
}
