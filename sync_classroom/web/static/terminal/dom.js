/** Building and updating the page without writing anything that has not changed. */

/**
 * An element with properties and children; `class`, `data-*`, `aria-*` and `role` are attributes,
 * `on…` are listeners, anything else is a property.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [props]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) {
      node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (/^(class|role|for|data-|aria-)/.test(name)) {
      node.setAttribute(name, String(value));
    } else {
      Object.assign(node, { [name]: value });
    }
  }
  node.append(...children);
  return node;
}

/** @param {Node} node @param {string} value */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/** @param {HTMLElement} node @param {boolean} visible */
export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** @param {Element} node @param {string} name @param {string | null} value null removes it */
export function attr(node, name, value) {
  if (value === null) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== value) {
    node.setAttribute(name, value);
  }
}

/** @param {HTMLButtonElement | HTMLInputElement | HTMLSelectElement} node @param {boolean} on */
export function enable(node, on) {
  if (node.disabled === on) node.disabled = !on;
}

/**
 * Keep one child per item, in order, made once and updated after; focus and video survive.
 * @template T
 * @template {HTMLElement} E
 * @param {HTMLElement} parent
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => E} make
 * @param {(node: E, item: T) => void} update
 */
export function keyed(parent, items, key, make, update) {
  const wanted = new Set(items.map(key));
  /** @type {Map<string, E>} */
  const old = new Map();
  for (const child of [...parent.children]) {
    const node = /** @type {E} */ (child);
    // What goes, goes first: a picture that has to be moved stands still.
    if (wanted.has(node.dataset.key ?? "")) old.set(node.dataset.key ?? "", node);
    else node.remove();
  }
  items.forEach((item, index) => {
    const name = key(item);
    let node = old.get(name);
    if (!node) {
      node = make(item);
      node.dataset.key = name;
    }
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
    update(node, item);
  });
}

/** A picture with its caption and what is said instead of it while there is none. */
export class Picture {
  /** @param {Record<string, unknown>} props of the figure */
  constructor(props) {
    this.video = h("video", { autoplay: true, muted: true, playsInline: true, disablePictureInPicture: true });
    this.caption = h("figcaption");
    this.instead = h("p", { class: "instead" });
    this.meter = h("meter", { min: 0, max: 1, hidden: true, "aria-hidden": "true" });
    /** A page of a document, in front of whatever moves. */
    this.page = h("img", { class: "page", alt: "", hidden: true, draggable: false });
    this.root = h("figure", props, this.video, this.page, this.instead, this.caption, this.meter);
    /** @type {MediaStreamTrack | null} */
    this.track = null;
    /** @type {MediaStreamTrack | null} */
    this.coming = null;
  }

  /**
   * Show a track. One that follows another is shown when it has something to show, so that the
   * last picture stays while a session is opened anew.
   * @param {MediaStreamTrack | null} track
   */
  show(track) {
    if (track === (this.coming ?? this.track)) return;
    this.coming = null;
    if (track && this.track && track.muted) {
      this.coming = track;
      track.addEventListener("unmute", () => {
        if (this.coming === track) this.place(track);
      }, { once: true });
      return;
    }
    this.place(track);
  }

  /** @param {MediaStreamTrack | null} track */
  place(track) {
    this.coming = null;
    this.track = track;
    this.video.srcObject = track ? new MediaStream([track]) : null;
    // A muted video may always play; the promise is refused only when the source is replaced.
    if (track) this.video.play().catch(() => undefined);
  }

  /** @param {string | null} url of a page, null for none */
  showPage(url) {
    show(this.page, url !== null);
    if (url !== null && this.page.getAttribute("src") !== url) this.page.src = url;
  }

  /** What is shown and how large it is of itself. */
  content() {
    if (!this.page.hidden) {
      return { node: this.page, width: this.page.naturalWidth, height: this.page.naturalHeight };
    }
    return { node: this.video, width: this.video.videoWidth, height: this.video.videoHeight };
  }

  /**
   * @param {string} caption
   * @param {string | null} instead null when there is a picture
   */
  label(caption, instead) {
    text(this.caption, caption);
    show(this.caption, caption !== "");
    text(this.instead, instead ?? "");
    show(this.instead, instead !== null);
    attr(this.root, "data-empty", instead === null ? null : "");
  }
}

/**
 * A meter beside a picture that shows how loud it is there; null while nobody can speak.
 * @param {HTMLMeterElement} meter
 * @param {number | null} loud 0…1
 */
export function sounding(meter, loud) {
  show(meter, loud !== null);
  const value = loud ?? 0;
  if (meter.value !== value) meter.value = value;
}

/** Sound of the slots; tells when the browser wants a press first. */
export class Sounds {
  /** @param {(blocked: boolean) => void} blocked */
  constructor(blocked) {
    this.blocked = blocked;
    this.root = h("div", { hidden: true });
    this.hushed = false;
  }

  /** @param {boolean} on silent while something else is heard in their place */
  hush(on) {
    this.hushed = on;
    for (const node of this.root.children) /** @type {HTMLAudioElement} */ (node).muted = on;
  }

  /** @param {MediaStreamTrack[]} tracks */
  show(tracks) {
    keyed(
      this.root,
      tracks.map((track, slot) => ({ track, slot })),
      ({ slot }) => String(slot),
      () => h("audio", { autoplay: true }),
      (node, { track }) => {
        const present = /** @type {MediaStream | null} */ (node.srcObject)?.getTracks()[0];
        if (present === track) return;
        node.srcObject = new MediaStream([track]);
        node.muted = this.hushed;
        void this.play(node);
      },
    );
  }

  /** @param {HTMLAudioElement} node */
  async play(node) {
    try {
      await node.play();
    } catch (error) {
      if (error instanceof Error && error.name === "NotAllowedError") this.blocked(true);
    }
  }

  /** From a press: now every sound may play. */
  unlock() {
    this.blocked(false);
    for (const node of this.root.children) void this.play(/** @type {HTMLAudioElement} */ (node));
  }
}
