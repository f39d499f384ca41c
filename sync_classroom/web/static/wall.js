// 巡课: receives the pictures of live lessons while they are on the screen, and nothing else. The
// page's words come from the server as HTML; a picture stays where it is when the words change.

import { Subscription } from "./terminal/lesson_media.js";
import { Picture, Sounds } from "./terminal/dom.js";
import { SignedOutError, fetchPart, listen } from "./server.js";

/** Durations on the page move on even when nothing changes. */
const REFRESH_MS = 15_000;
/** A picture without frames for this long is no picture, ms. */
const STALE_MS = 5_000;
/** Pictures are on their way for this long after they were asked for, ms. */
const COMING_MS = 4_000;
/** Lessons whose pictures are received at once; further ones wait until others leave the screen. */
const LESSONS_MAX = 16;
/** After a refusal the next try comes so much later, ms. */
const AGAIN_MS = 10_000;

/** Tells this page from other pages of the same person. */
const PAGE = Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) =>
  b.toString(16).padStart(2, "0"),
).join("");

/** @typedef {import("./terminal/types.js").Grants & {sources: string[]}} Stream */

/**
 * @param {string} lesson
 * @param {boolean} look
 * @returns {Promise<Stream[]>} none while the server does not give any
 */
async function streamsOf(lesson, look) {
  try {
    const response = await fetch(`/api/wall/${encodeURIComponent(lesson)}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ page: PAGE, look }),
    });
    return response.ok ? (await response.json()).streams : [];
  } catch {
    return [];
  }
}

/** The pictures of one lesson in one part of the page, from when it is seen to when it is not. */
class Watching {
  /**
   * @param {HTMLElement} root holds one `.wall-picture` in each `[data-source]`
   * @param {{look: boolean, none: string, coming: string, sounds?: Sounds}} options `none` is said
   *   where no picture is, `coming` where one is on its way
   */
  constructor(root, { look, none, coming, sounds }) {
    this.root = root;
    this.lesson = root.dataset.lesson ?? "";
    this.look = look;
    this.none = none;
    this.coming = coming;
    this.sounds = sounds;
    /** @type {Map<string, Picture>} */
    this.pictures = new Map();
    for (const place of root.querySelectorAll("[data-source]")) {
      const source = /** @type {HTMLElement} */ (place).dataset.source ?? "";
      const picture = new Picture({ class: "picture" });
      picture.label("", coming);
      // The first frame: statistics, which tell whether it goes on, come a second later.
      picture.video.addEventListener("loadeddata", () => this.say(source, true));
      place.querySelector(".wall-picture")?.replaceChildren(picture.root);
      this.pictures.set(source, picture);
    }
    /** @type {{sources: string[], down: Subscription}[]} */
    this.sessions = [];
    this.wanted = false;
    this.triedAt = -Infinity;
    this.asking = false;
  }

  /** @param {string} source @param {boolean} there whether its picture moves */
  say(source, there) {
    this.pictures.get(source)?.label("", there ? null : this.none);
    if (this.look) this.root.toggleAttribute(`data-${source}`, there);
  }

  /** Called now and then: begins, or looks which pictures move. */
  async tick() {
    const due = performance.now() - this.triedAt > AGAIN_MS;
    if (this.wanted && !this.sessions.length && !this.asking && due) await this.begin();
    const early = performance.now() - this.triedAt < COMING_MS;
    if (!this.sessions.length && !early) for (const source of this.pictures.keys()) this.say(source, false);
    for (const { sources, down } of this.sessions) {
      sources.forEach((source, slot) => {
        const stats = down.slot("video", slot);
        const moving = stats !== null && performance.now() - stats.movedAt < STALE_MS;
        if (moving || !early) this.say(source, moving);
      });
      // A token that ended, or a relay that has forgotten the lesson: what is true is asked anew.
      if (down.link.status.state === "denied") this.end();
    }
  }

  async begin() {
    this.asking = true;
    this.triedAt = performance.now();
    const streams = await streamsOf(this.lesson, this.look);
    this.asking = false;
    if (!this.wanted) return;
    this.sessions = streams.map((stream) => {
      const down = new Subscription({
        room: this.lesson,
        grants: () => stream,
        expected: () => false,
        changed: () => undefined,
        tracks: ({ audio, video }) => {
          stream.sources.forEach((source, slot) => this.pictures.get(source)?.show(video[slot] ?? null));
          if (this.look) this.sounds?.show(audio);
        },
      });
      down.link.start();
      return { sources: stream.sources, down };
    });
  }

  /** @param {boolean} wanted */
  want(wanted) {
    if (!wanted && this.wanted) {
      this.end();
      this.triedAt = -Infinity; // coming back is no retry
    }
    this.wanted = wanted;
    void this.tick();
  }

  end() {
    for (const { down } of this.sessions) down.link.stop();
    this.sessions = [];
    for (const picture of this.pictures.values()) {
      picture.show(null);
      picture.label("", this.coming);
    }
    this.sounds?.show([]);
  }
}

/** Every lesson on the page, and which of them are on the screen. */
class Wall {
  /** @param {HTMLElement} part */
  constructor(part) {
    this.part = part;
    const { none = "", coming = "" } = part.dataset;
    this.words = { none, coming };
    /** @type {Map<Element, Watching>} */
    this.all = new Map();
    /** @type {Set<Element>} */
    this.seen = new Set();
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.seen.add(target);
        else this.seen.delete(target);
      }
      this.choose();
    }, { rootMargin: "25%" });
    /** @type {Watching | null} */
    this.look = null;
    document.addEventListener("visibilitychange", () => this.choose());
    setInterval(() => void this.tick(), 500);
    this.follow();
  }

  /** Lessons that came and went with the words. */
  follow() {
    const now = new Set(this.part.querySelectorAll(":scope > [data-lesson]"));
    for (const [root, watching] of this.all) {
      if (now.has(root)) continue;
      watching.want(false);
      this.observer.unobserve(root);
      this.seen.delete(root);
      this.all.delete(root);
    }
    for (const root of now) {
      if (this.all.has(root)) continue;
      this.all.set(root, new Watching(/** @type {HTMLElement} */ (root), { look: false, ...this.words }));
      this.observer.observe(root);
    }
    this.choose();
  }

  choose() {
    const visible = document.visibilityState === "visible";
    let left = LESSONS_MAX;
    for (const [root, watching] of this.all) {
      const wanted = visible && this.seen.has(root) && left > 0;
      if (wanted) left -= 1;
      watching.want(wanted);
    }
    // A lesson that is over is not on the page any more.
    this.look?.want(visible && this.all.size > 0);
  }

  async tick() {
    const all = this.look ? [this.look, ...this.all.values()] : [...this.all.values()];
    await Promise.all(all.map((watching) => watching.tick()));
  }
}

/**
 * Bring `now` to what `fresh` says: what has the same key stays the same node, with its picture.
 * @param {Element} now
 * @param {Element} fresh
 */
function merge(now, fresh) {
  const known = new Map([...now.children].map((node) => [node.getAttribute("data-key"), node]));
  const wished = [...fresh.children];
  wished.forEach((node, place) => {
    const key = node.getAttribute("data-key");
    const same = key === null ? undefined : known.get(key);
    const wanted = same ?? /** @type {Element} */ (document.adoptNode(node));
    if (same) known.delete(key);
    if (now.children[place] !== wanted) now.insertBefore(wanted, now.children[place] ?? null);
    if (same) words(same, node);
  });
  while (now.children.length > wished.length) now.lastElementChild?.remove();
}

/** The words inside a node that stays. @param {Element} now @param {Element} fresh */
function words(now, fresh) {
  const places = [...now.querySelectorAll("[data-key]")];
  if (!places.length) {
    if (now.innerHTML !== fresh.innerHTML) now.innerHTML = fresh.innerHTML;
    return;
  }
  for (const place of places) {
    const key = CSS.escape(place.getAttribute("data-key") ?? "");
    const other = fresh.querySelector(`[data-key="${key}"]`);
    if (other && other.innerHTML !== place.innerHTML) place.innerHTML = other.innerHTML;
  }
}

/** @param {HTMLElement} part */
function keepUp(part) {
  const wall = new Wall(part);
  const note = /** @type {HTMLElement | null} */ (document.querySelector("[data-live-note]"));
  const refresh = async () => {
    try {
      const html = await fetchPart(part.dataset.live ?? "");
      const { body } = new DOMParser().parseFromString(html, "text/html");
      merge(part, body);
      wall.follow();
    } catch (error) {
      if (error instanceof SignedOutError) location.reload();
      else if (note) note.textContent = part.dataset.failed ?? "";
    }
  };
  listen("/api/events", {
    changed: () => void refresh(),
    connected: (on) => {
      if (note) note.textContent = (on ? note.dataset.on : note.dataset.off) ?? "";
    },
  });
  setInterval(() => {
    if (document.visibilityState === "visible") void refresh();
  }, REFRESH_MS);
  return wall;
}

/** One lesson, large, with its sound after a press: browsers let none out before. @param {Wall} wall */
function lookIn(wall) {
  const root = document.getElementById("look");
  const button = document.getElementById("look-sound");
  if (!root || !button) return;
  const sounds = new Sounds(() => undefined);
  document.body.append(sounds.root);
  sounds.hush(true);
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    button.textContent = (on ? button.dataset.on : button.dataset.off) ?? "";
    sounds.hush(!on);
    if (on) sounds.unlock();
  });
  const { none = "", coming = "" } = root.dataset;
  wall.look = new Watching(root, { look: true, none, coming, sounds });
  wall.choose();
}

const part = document.getElementById("live");
if (part) lookIn(keepUp(part));
