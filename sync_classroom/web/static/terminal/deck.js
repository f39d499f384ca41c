/**
 * The document that the teacher shows: which page, as last pressed here, until the server says the
 * same. Pure: no page, no media; every instant is an argument, monotonic ms.
 */

/** @typedef {import("./types.js").Live} Live */
/** @typedef {{document: string, page: number} | null} Place */

/** A wish that was acknowledged is shown until the server's state should have caught up, ms. */
const WISH_MS = 3_000;

/** @param {Place} a @param {Place} b */
function same(a, b) {
  return a?.document === b?.document && a?.page === b?.page;
}

/** Where the server says the lesson is. @param {Live | undefined} live @returns {Place} */
function placeOf(live) {
  return live?.page ? { document: live.page.document, page: live.page.page } : null;
}

export class Deck {
  constructor() {
    /** @type {{lesson: string, place: Place, at: number} | null} */
    this.wish = null;
    /** Where each document was left, so that it opens there again. @type {Map<string, number>} */
    this.left = new Map();
  }

  /** What is shown here. @param {string} lesson @param {Live | undefined} live @returns {Place} */
  place(lesson, live) {
    return this.wish?.lesson === lesson ? this.wish.place : placeOf(live);
  }

  /**
   * What is shown here with all that is known of it; null for nothing.
   * @param {string} lesson @param {Live | undefined} live
   */
  shown(lesson, live) {
    const place = this.place(lesson, live);
    if (!place) return null;
    const known = live?.documents?.find((d) => d.id === place.document);
    const told = live?.page?.document === place.document ? live.page : null;
    const pages = known?.pages ?? told?.pages ?? 0;
    if (pages === 0) return null;
    // Pages of one document are of one size but for few; the server tells it of the one it shows.
    const { width, height } = told ?? { width: 16, height: 9 };
    return { ...place, lesson, pages, name: known?.name ?? told?.name ?? "", width, height };
  }

  /**
   * Wish a page, or none.
   * @param {string} lesson @param {Place} place @param {number} at
   * @returns {{document: string | null, page: number | null}} what to say
   */
  show(lesson, place, at) {
    if (place) this.left.set(place.document, place.page);
    this.wish = { lesson, place, at };
    return { document: place?.document ?? null, page: place?.page ?? null };
  }

  /** The page at which a document is opened. @param {string} document */
  opening(document) {
    return { document, page: this.left.get(document) ?? 1 };
  }

  /**
   * The page so many on, or the first or last one; null at the end.
   * @param {string} lesson @param {Live | undefined} live @param {number} by
   * @returns {Place}
   */
  turned(lesson, live, by) {
    const shown = this.shown(lesson, live);
    if (!shown) return null;
    const page = Math.min(shown.pages, Math.max(1, shown.page + by));
    return page === shown.page ? null : { document: shown.document, page };
  }

  /** The server refused it: back to what it says. */
  refused() {
    this.wish = null;
  }

  /**
   * Let a wish go that the server has taken over.
   * @param {Live | undefined} live @param {number} at @param {boolean} waiting unacknowledged
   */
  settle(live, at, waiting) {
    if (!this.wish || waiting) return;
    if (same(placeOf(live), this.wish.place) || at - this.wish.at > WISH_MS) this.wish = null;
  }

  /** Whether the server shows just what is shown here. @param {Live | undefined} live */
  agreed(live) {
    return !this.wish || same(placeOf(live), this.wish.place);
  }
}
