/**
 * Pages of documents beside a recording, in step with its player: from the server's list, or from
 * the file itself, behind its media (relay/recording/page_pack.py says how), with the server away.
 */

import { attr, h, show, text } from "./dom.js";

/** What a file with pages ends with, behind the length of the index in four bytes. */
const MAGIC = "SYNCPAGE";
/** Length and magic. */
const FOOT = 12;
/** A lesson of twenty documents turned every second has less, bytes. */
const MAX_INDEX = 8_000_000;
/** Pictures kept in memory; what was just turned away from is turned back to. */
const KEPT = 6;

/**
 * Seconds of the player's time.
 * @typedef {{from_s: number, to_s: number, name: string, page: number, pages: number,
 *   width: number, height: number}} TrackPage
 * @typedef {TrackPage & {type: string, at: number, bytes: number}} PackedPage
 */

/**
 * The page shown at a moment, null for none.
 * @template {{from_s: number, to_s: number}} P
 * @param {P[]} track in order
 * @param {number} at
 * @returns {P | null}
 */
export function pageAt(track, at) {
  return track.findLast((page) => page.from_s <= at && at < page.to_s) ?? null;
}

/**
 * @param {string} url
 * @param {string} range
 */
async function part(url, range) {
  const response = await fetch(url, { headers: { Range: `bytes=${range}` } });
  if (response.status !== 206) throw new Error(`no part of a file: ${response.status}`);
  return response;
}

/** The pictures of a file that has pages, by where they lie in it. */
export class Pack {
  /** @param {string} url @param {PackedPage[]} pages */
  constructor(url, pages) {
    this.url = url;
    this.pages = pages;
    /** @type {Map<number, Promise<string>>} */
    this.kept = new Map();
  }

  /**
   * What a file that answers ranges has behind its media.
   * @param {string} url
   * @returns {Promise<Pack | null>} null for a file without pages; rejects if it cannot be read
   */
  static async of(url) {
    const first = await part(url, "0-0");
    const size = Number(/\/(\d+)$/.exec(first.headers.get("Content-Range") ?? "")?.[1]);
    if (!(size > FOOT)) return null;
    const foot = new DataView(await (await part(url, `${size - FOOT}-${size - 1}`)).arrayBuffer());
    const magic = new TextDecoder().decode(new Uint8Array(foot.buffer, 4));
    const length = foot.getUint32(0);
    if (magic !== MAGIC || length > MAX_INDEX || length > size - FOOT) return null;
    const index = await (await part(url, `${size - FOOT - length}-${size - FOOT - 1}`)).json();
    return new Pack(url, index.pages);
  }

  /** An address of this page's own. @param {PackedPage} page @returns {Promise<string>} */
  picture({ at, bytes, type }) {
    const known = this.kept.get(at);
    if (known) return known;
    const coming = part(this.url, `${at}-${at + bytes - 1}`)
      .then((response) => response.arrayBuffer())
      // Only a picture is shown, whatever a file says of itself.
      .then((data) => URL.createObjectURL(new Blob([data], { type: /^image\/(webp|png|jpeg)$/.test(type) ? type : "" })));
    this.kept.set(at, coming);
    coming.catch(() => this.kept.delete(at));
    for (const key of this.kept.keys()) {
      if (this.kept.size <= KEPT) break;
      this.letGo(key);
    }
    return coming;
  }

  /** @param {number} at */
  letGo(at) {
    this.kept.get(at)?.then(URL.revokeObjectURL, () => undefined);
    this.kept.delete(at);
  }

  close() {
    for (const at of [...this.kept.keys()]) this.letGo(at);
  }
}

/**
 * The page beside a player, hidden while there is none; it follows playing and seeking.
 * @template {TrackPage} P
 */
export class PageBeside {
  /**
   * @param {HTMLMediaElement} media
   * @param {P[]} track
   * @param {(page: P) => Promise<string> | string} picture
   */
  constructor(media, track, picture) {
    this.media = media;
    this.track = track;
    this.picture = picture;
    /** @type {P | null} */
    this.page = null;
    this.image = h("img", { alt: "" });
    this.caption = h("figcaption");
    this.root = h("figure", { class: "page-beside", hidden: true }, this.image, this.caption);
    for (const type of ["timeupdate", "seeking", "loadedmetadata"]) media.addEventListener(type, () => this.look());
    this.look();
  }

  look() {
    const page = pageAt(this.track, this.media.currentTime);
    if (page === this.page) return;
    this.page = page;
    show(this.root, page !== null);
    if (!page) return;
    text(this.caption, `${page.name} ${page.page}/${page.pages}`);
    attr(this.image, "alt", this.caption.textContent);
    void this.draw(page);
  }

  /** @param {P} page */
  async draw(page) {
    try {
      const url = await this.picture(page);
      if (page === this.page) this.image.src = url;
    } catch (error) {
      console.warn("a page of the recording cannot be shown", error);
    }
  }
}
