/** Documents on the teacher's panel: which there are, the page that is shown, and turning it. */

import { attr, enable, h, keyed, show, text } from "../dom.js";
import { sizeFor } from "../pages.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {NonNullable<Frame["page"]>} ShownPage */

/** What the file dialogue offers; the server judges by the content. */
const ACCEPTED = ".pdf,.pptx,.ppt,.odp,.docx,.doc,.odt,.png,.jpg,.jpeg,.webp";
/** Keys that turn, also those of a presenter's remote: how many pages on. @type {Record<string, number>} */
const TURNS = {
  PageDown: 1,
  ArrowRight: 1,
  PageUp: -1,
  ArrowLeft: -1,
  Home: -Infinity,
  End: Infinity,
};

/**
 * The page into a picture, sharp for its place; the last one until it is here.
 * @param {import("../dom.js").Picture} picture
 * @param {Frame} frame
 * @returns {boolean} whether it is the page that is wanted
 */
export function drawPage(picture, { page, pages }) {
  const { clientWidth, clientHeight } = picture.root;
  const place = { width: clientWidth * devicePixelRatio, height: clientHeight * devicePixelRatio };
  const found = pages.show(page, page ? sizeFor(page, place) : "small");
  picture.showPage(found?.url ?? null);
  return found?.fresh ?? false;
}

/**
 * @typedef {object} DocumentActions
 * @property {(document: string) => void} open
 * @property {(by: number) => void} turn
 * @property {(page: number) => void} page
 * @property {() => void} away
 * @property {(file: File) => void} give
 */

/** The list of the lesson's documents, over a corner of what is shown. */
export class Documents {
  /** @param {DocumentActions} actions */
  constructor(actions) {
    this.actions = actions;
    this.on = false;
    this.opener = h("button", { type: "button", id: "documents", onclick: () => this.turn(!this.on) });
    this.title = h("h2");
    this.list = h("ul");
    this.none = h("p", { class: "hint" });
    this.file = h("input", { type: "file", id: "document-file", accept: ACCEPTED, hidden: true });
    this.add = h("button", { type: "button", id: "document-add", onclick: () => this.file.click() });
    this.close = h("button", { type: "button", id: "documents-close", onclick: () => this.turn(false) });
    this.sending = h("progress", { max: 1 });
    this.trouble = h("p", { class: "trouble", role: "status" });
    this.root = h(
      "div",
      { class: "documents", role: "dialog", "aria-labelledby": "documents-title" },
      this.title,
      this.list,
      this.none,
      this.trouble,
      this.sending,
      h("div", { class: "row" }, this.add, this.file, this.close),
    );
    this.title.id = "documents-title";
    this.file.addEventListener("change", () => {
      const [file] = this.file.files ?? [];
      if (file) actions.give(file);
      this.file.value = "";
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.on) this.turn(false);
    });
  }

  /** @param {boolean} on */
  turn(on) {
    const inside = this.root.contains(document.activeElement);
    this.on = on;
    show(this.root, on);
    attr(this.opener, "aria-expanded", String(on));
    if (!on && inside) this.opener.focus();
  }

  /** @param {Frame} frame @param {boolean} may whether the lesson has begun at the server */
  update({ t, live, page, language, given }, may) {
    text(this.opener, t("documents.title"));
    enable(this.opener, may);
    attr(this.opener, "aria-expanded", String(this.on));
    attr(this.opener, "aria-pressed", String(page !== null));
    show(this.root, this.on && may);
    text(this.title, t("documents.title"));
    text(this.none, t("documents.none"));
    text(this.add, t("documents.add"));
    text(this.close, t("documents.close"));
    show(this.sending, given.sent !== null);
    if (given.sent !== null && this.sending.value !== given.sent) this.sending.value = given.sent;
    attr(this.sending, "aria-label", t("documents.sending"));
    enable(this.add, given.sent === null);
    const trouble = given.trouble ? given.trouble[language] || t("documents.broken") : "";
    text(this.trouble, given.waiting ? t("documents.waiting") : trouble);
    show(this.trouble, given.waiting || given.trouble !== null);
    const documents = live?.documents ?? [];
    show(this.none, documents.length === 0);
    keyed(
      this.list,
      documents,
      ({ id }) => id,
      ({ id }) =>
        h(
          "li",
          {},
          h(
            "button",
            {
              type: "button",
              onclick: () => {
                this.actions.open(id);
                this.turn(false);
              },
            },
            h("span", { class: "name" }),
            h("small"),
          ),
        ),
      (node, { id, name, pages, problem }) => {
        const button = /** @type {HTMLButtonElement} */ (node.firstElementChild);
        const [title, state] = [...button.children];
        if (!title || !state) return;
        text(title, name);
        const words = problem ? problem[language] : t("documents.converting");
        text(state, pages > 0 ? t("documents.pages", { pages }) : words);
        enable(button, pages > 0);
        attr(button, "aria-current", page?.document === id ? "true" : null);
        attr(node, "data-problem", problem ? "" : null);
      },
    );
  }
}

/** Below the page: back, on, and every page small. */
export class PageStrip {
  /** @param {DocumentActions} actions */
  constructor(actions) {
    this.actions = actions;
    this.back = h("button", { type: "button", id: "page-back", onclick: () => actions.turn(-1) }, "‹");
    this.on = h("button", { type: "button", id: "page-on", onclick: () => actions.turn(1) }, "›");
    this.number = h("output", { id: "page-number" });
    this.thumbs = h("ol", { class: "thumbs", onscroll: () => this.look() });
    this.away = h("button", { type: "button", id: "page-away", onclick: actions.away });
    this.root = h("div", { class: "page-strip", role: "toolbar" }, this.back, this.number, this.on, this.thumbs, this.away);
    /** @type {ShownPage | null} */
    this.page = null;
    /** @type {import("../pages.js").Pages | null} */
    this.pages = null;
    document.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const by = TURNS[event.key];
    if (!this.page || by === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    const target = /** @type {HTMLElement | null} */ (event.target);
    // Who writes a question or chooses a colour means something else by these keys.
    if (target?.closest("input, select, textarea, [role=radiogroup]")) return;
    event.preventDefault();
    this.actions.turn(by);
  }

  /** @param {Frame} frame */
  update({ t, page, pages }) {
    const other = page?.document !== this.page?.document || page?.page !== this.page?.page;
    this.page = page;
    this.pages = pages;
    show(this.root, page !== null);
    if (!page) return;
    attr(this.root, "aria-label", page.name);
    attr(this.back, "aria-label", t("page.back"));
    attr(this.on, "aria-label", t("page.on"));
    enable(this.back, page.page > 1);
    enable(this.on, page.page < page.pages);
    text(this.number, `${page.page} / ${page.pages}`);
    text(this.away, t("page.away"));
    const { lesson, document } = page;
    keyed(
      this.thumbs,
      Array.from({ length: page.pages }, (_, n) => n + 1),
      (n) => `${document}/${n}`,
      (n) =>
        h(
          "li",
          {},
          h("button", { type: "button", onclick: () => this.actions.page(n) }, h("img", { alt: "", hidden: true }), h("span", {}, String(n))),
        ),
      (node, n) => {
        const button = /** @type {HTMLButtonElement} */ (node.firstElementChild);
        const image = /** @type {HTMLImageElement} */ (button.firstElementChild);
        const url = pages.thumb({ lesson, document, page: n });
        show(image, url !== null);
        if (url !== null && image.getAttribute("src") !== url) image.src = url;
        attr(button, "aria-label", t("page.number", { page: n }));
        attr(button, "aria-current", n === page.page ? "page" : null);
      },
    );
    if (other) this.follow(page.page);
    this.look();
  }

  /** Keep the page that is shown in sight. @param {number} page */
  follow(page) {
    const node = /** @type {HTMLElement | undefined} */ (this.thumbs.children[page - 1]);
    if (!node) return;
    this.thumbs.scrollTo({ left: node.offsetLeft - (this.thumbs.clientWidth - node.offsetWidth) / 2 });
  }

  /** Have the pictures fetched that can be seen, and a screen's width beside. */
  look() {
    if (!this.page || !this.pages) return;
    const { lesson, document, pages } = this.page;
    const step = /** @type {HTMLElement | undefined} */ (this.thumbs.children[0])?.offsetWidth || 1;
    const first = Math.max(1, Math.floor(this.thumbs.scrollLeft / step));
    const count = Math.ceil((2 * this.thumbs.clientWidth) / step);
    const wanted = Array.from({ length: Math.max(0, Math.min(count, pages - first + 1)) }, (_, n) => first + n);
    this.pages.wantThumbs(wanted.map((page) => ({ lesson, document, page })));
  }
}
