/**
 * Pictures of documents' pages: fetched with this device's token, decoded, kept for a while, the next
 * one fetched ahead. Draws nothing.
 */

/** Pictures kept, of the size that is shown: what was just turned away from is turned back to. */
const KEPT_MAX = 12;
/** Small ones for the strip: a long document's, some times over. */
const THUMBS_MAX = 400;
/** Fetched together, once what is shown is here: until then it has the line to itself. */
const AT_ONCE = 2;
/** Before it is tried again, ms; the last one repeats. */
const AGAIN_MS = [500, 1_000, 2_000, 5_000];
/** A page of half a megabyte over a line of 64 kbit/s; what takes longer has broken, ms. */
const LONGEST_MS = 60_000;

/** What `small` pictures fit into, pixels; domain/documents.py says the same. */
const SMALL = { width: 1280, height: 800 };

/** @typedef {"thumb" | "small" | "large"} Size */
/** @typedef {{lesson: string, document: string, page: number, size: Size}} Wanted */
/**
 * A picture to show: `fresh` is false while it is the last page, as the wanted one is not here yet.
 * @typedef {{url: string, fresh: boolean}} Shown
 */

/** @param {Wanted} wanted */
function address({ lesson, document, page, size }) {
  const part = encodeURIComponent;
  return `/api/lessons/${part(lesson)}/documents/${part(document)}/pages/${page}?size=${size}`;
}

/**
 * Which pictures a place on the screen needs: no more pixels than it has.
 * @param {{width: number, height: number}} page of its largest picture
 * @param {{width: number, height: number}} place in device pixels
 * @returns {Size}
 */
export function sizeFor(page, place) {
  const drawn = Math.min(place.width / page.width, place.height / page.height);
  const small = Math.min(SMALL.width / page.width, SMALL.height / page.height, 1);
  // A twentieth more than there is cannot be seen.
  return drawn > small * 1.05 ? "large" : "small";
}

/**
 * Brings one picture and decodes it, so that it is there at once when it is shown.
 * @param {string} url
 * @param {string} token
 * @param {AbortSignal} signal
 * @returns {Promise<string>} an address of this page's own; rejects with the status, or an error
 */
async function bring(url, token, signal) {
  const response = await fetch(url, {
    headers: { Authorization: `Bearer ${token}` },
    signal: AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)]),
  });
  if (!response.ok) throw new Error(String(response.status));
  const own = URL.createObjectURL(await response.blob());
  try {
    const image = new Image();
    image.src = own;
    await image.decode();
  } catch (error) {
    URL.revokeObjectURL(own);
    throw error;
  }
  return own;
}

export class Pages {
  /**
   * @param {{token: () => string | null, changed: () => void,
   *   bring?: (url: string, token: string, signal: AbortSignal) => Promise<string>,
   *   later?: (act: () => void, ms: number) => unknown, letGo?: (url: string) => void}} options
   */
  constructor({
    token,
    changed,
    bring: fetcher = bring,
    later = (act, ms) => setTimeout(act, ms),
    letGo = (url) => URL.revokeObjectURL(url),
  }) {
    this.token = token;
    this.changed = changed;
    this.bring = fetcher;
    this.later = later;
    this.letGo = letGo;
    /** @type {Map<string, string>} what is here, by address, the longest unused first */
    this.kept = new Map();
    /** @type {Map<string, string>} */
    this.thumbs = new Map();
    /** @type {string[]} what is wanted and not here, the most urgent first */
    this.wanted = [];
    /** What is being fetched; null: it failed, and is tried again later. @type {Map<string, AbortController | null>} */
    this.coming = new Map();
    /** @type {Map<string, number>} how often each failed */
    this.failed = new Map();
    /** @type {{key: string, shown: Shown} | null} */
    this.last = null;
    /** @type {string[]} */
    this.strip = [];
  }

  /**
   * The picture of a page, and those beside it fetched ahead.
   * @param {{lesson: string, document: string, page: number, pages: number} | null} page
   * @param {Size} size
   * @returns {Shown | null} null while there is nothing
   */
  show(page, size) {
    if (!page) {
      this.last = null;
      this.ask([]);
      return null;
    }
    const { lesson, document } = page;
    const near = [page.page, page.page + 1, page.page - 1].filter((n) => n >= 1 && n <= page.pages);
    const urls = near.map((n) => address({ lesson, document, page: n, size }));
    this.ask(urls);
    const key = urls[0] ?? "";
    const url = this.kept.get(key);
    if (url === undefined) return this.last ? { ...this.last.shown, fresh: false } : null;
    // Those in use are the last to go.
    for (const used of urls.toReversed()) {
      const known = this.kept.get(used);
      if (known === undefined) continue;
      this.kept.delete(used);
      this.kept.set(used, known);
    }
    this.last = { key, shown: { url, fresh: true } };
    return this.last.shown;
  }

  /** A small picture for the strip, if it is here. @param {Omit<Wanted, "size">} page */
  thumb(page) {
    return this.thumbs.get(address({ ...page, size: "thumb" })) ?? null;
  }

  /** The small pictures that can be seen; fetched when nothing else is wanted. @param {Omit<Wanted, "size">[]} pages */
  wantThumbs(pages) {
    this.strip = pages.map((page) => address({ ...page, size: "thumb" }));
    this.pump();
  }

  /** @param {string[]} urls */
  ask(urls) {
    this.wanted = urls;
    this.pump();
  }

  pump() {
    const token = this.token();
    if (token === null) return;
    const [first] = this.wanted;
    if (first !== undefined && !this.kept.has(first)) {
      for (const [url, fetching] of this.coming) if (url !== first) fetching?.abort();
      if (!this.coming.has(first)) void this.fetch(first, token);
      return;
    }
    const missing = [...this.wanted.filter((u) => !this.kept.has(u)), ...this.strip.filter((u) => !this.thumbs.has(u))];
    for (const url of missing) {
      if (this.coming.size >= AT_ONCE) return;
      if (!this.coming.has(url)) void this.fetch(url, token);
    }
  }

  /** @param {string} url @param {string} token */
  async fetch(url, token) {
    const fetching = new AbortController();
    this.coming.set(url, fetching);
    try {
      this.keep(url, await this.bring(url, token, fetching.signal));
      this.failed.delete(url);
      this.coming.delete(url);
      this.changed();
      this.pump();
    } catch (error) {
      if (fetching.signal.aborted) {
        this.coming.delete(url);
        return;
      }
      this.coming.set(url, null);
      console.debug("page not fetched", url, error);
      const times = this.failed.get(url) ?? 0;
      this.failed.set(url, times + 1);
      this.later(() => {
        this.coming.delete(url);
        this.pump();
      }, AGAIN_MS[Math.min(times, AGAIN_MS.length - 1)] ?? 0);
    }
  }

  /** @param {string} url @param {string} own */
  keep(url, own) {
    const [kept, most] = url.endsWith("=thumb") ? [this.thumbs, THUMBS_MAX] : [this.kept, KEPT_MAX];
    kept.set(url, own);
    if (kept.size <= most) return;
    const shown = this.last?.key;
    const oldest = [...kept.keys()].find((key) => key !== shown && !this.wanted.includes(key));
    if (oldest === undefined) return;
    this.letGo(kept.get(oldest) ?? "");
    kept.delete(oldest);
  }
}
