// What stands beside the grid: rules without a place, what was found, coverage, free places.

import { fetchPart } from "../server.js";
import { freeButton } from "./renew.js";

/** What arrives sooner shows nothing of being on its way. */
const SLOW_MS = 300;
const PANEL_KEY = "timetable-panel";

/**
 * An address that keeps what the page was asked for.
 * @param {HTMLElement} root @param {string} path @param {Record<string, string | undefined>} extra
 */
export function address(root, path, extra) {
  const query = new URLSearchParams(location.search);
  for (const gone of ["part", "done", "show"]) query.delete(gone);
  query.set("term", root.dataset.term ?? "");
  query.set("week", root.dataset.week ?? "");
  for (const [name, value] of Object.entries(extra)) if (value !== undefined) query.set(name, value);
  return `${path}?${query}`;
}

/** The panels of one page; which is open is kept while its tab lives. */
export class Panels {
  /**
   * @param {HTMLElement} root
   * @param {{ failed: (error: unknown, retry?: () => void) => void, editing: () => boolean }} page
   */
  constructor(root, page) {
    this.root = root;
    this.page = page;
  }

  start() {
    // An address may name a panel, and wins over what was open before. It names no id: the browser
    // would scroll to the panel, and the page's head out of sight.
    const named = location.hash.slice(1);
    const panels = /** @type {HTMLElement[]} */ ([...this.root.querySelectorAll("[data-panel]")]);
    if (panels.some((panel) => panel.dataset.panel === named)) return this.show(named, true);
    this.show(sessionStorage.getItem(PANEL_KEY) ?? ("overview" in this.root.dataset ? "" : "waiting"));
  }

  /** As it was, after the lists came anew. */
  again() {
    this.show(sessionStorage.getItem(PANEL_KEY) ?? "", true);
  }

  /** The editor has closed: an overview takes its room back if no panel is open. */
  leave() {
    if (!sessionStorage.getItem(PANEL_KEY) && "overview" in this.root.dataset) delete this.root.dataset.side;
  }

  /** @param {string} name @param {boolean} [again] as it was, after the lists came anew */
  show(name, again = false) {
    const opened = name !== "" && !(!again && "overview" in this.root.dataset && this.isOpen(name));
    const shown = opened ? name : "";
    sessionStorage.setItem(PANEL_KEY, shown);
    if (shown) this.root.dataset.side = "";
    else if (!this.page.editing()) delete this.root.dataset.side;
    for (const panel of /** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll("[data-panel]"))) {
      panel.hidden = panel.dataset.panel !== shown;
    }
    for (const tab of this.root.querySelectorAll("[role='tab']")) {
      tab.setAttribute("aria-selected", String(/** @type {HTMLElement} */ (tab).dataset.open === shown));
    }
    if (shown === "coverage") void this.showCoverage();
  }

  /** @param {string} name */
  isOpen(name) {
    const panel = /** @type {HTMLElement | null} */ (this.root.querySelector(`[data-panel="${name}"]`));
    return panel !== null && !panel.hidden && "side" in this.root.dataset;
  }

  async showCoverage() {
    const panel = document.getElementById("tt-coverage");
    if (!panel?.dataset.href) return;
    const slow = setTimeout(() => {
      if (panel.childElementCount === 0) panel.textContent = panel.dataset.slow ?? "";
      panel.setAttribute("aria-busy", "true");
    }, SLOW_MS);
    try {
      const html = await fetchPart(panel.dataset.href);
      const parsed = new DOMParser().parseFromString(html, "text/html");
      panel.replaceChildren(...document.adoptNode(parsed.body).childNodes);
    } catch (error) {
      this.page.failed(error, () => void this.showCoverage());
    } finally {
      clearTimeout(slow);
      panel.removeAttribute("aria-busy");
    }
  }

  /** @param {HTMLElement} button @param {string} lesson */
  async showFree(button, lesson) {
    const line = button.parentElement;
    const shown = line?.querySelector("[data-free-list]") ?? button.nextElementSibling?.closest("[data-free-list]");
    if (shown) {
      shown.remove();
      button.setAttribute("aria-expanded", "false");
      return;
    }
    try {
      const html = await fetchPart(address(this.root, "/timetable/free", { lesson }));
      const parsed = new DOMParser().parseFromString(html, "text/html");
      const list = parsed.querySelector("[data-free-list]");
      // The lists may have come anew meanwhile, and with them another button.
      const asked = button.isConnected ? button : freeButton(this.root, lesson);
      if (!list || !asked) return;
      asked.after(document.adoptNode(list));
      asked.setAttribute("aria-expanded", "true");
      /** @type {HTMLElement | null} */ (list.querySelector("button"))?.focus();
    } catch (error) {
      this.page.failed(error);
    }
  }
}
