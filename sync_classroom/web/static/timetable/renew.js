// The parts of the page that change, fetched again; focus, scrolling and what is open stay.

import { fetchPart } from "../server.js";
import { fetchStates } from "./api.js";
import { cellOf, focusOn, openToTab, stops } from "./cells.js";

/**
 * Rejects as `fetchPart` does.
 * @param {HTMLElement} root @param {string[]} ids the parts to take out of the answer
 * @param {() => boolean} wanted asked when the answer is there; else it is thrown away
 * @returns {Promise<boolean>} whether the page was renewed
 */
export async function renew(root, ids, wanted = () => true) {
  const html = await fetchPart(root.dataset.part ?? "");
  if (!wanted()) return false;
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const giveBack = holdFocus(root);
  const giveListsBack = holdLists(root);
  const scroll = root.querySelector(".tt-scroll");
  const [top, left] = [scroll?.scrollTop ?? 0, scroll?.scrollLeft ?? 0];
  const opened = new Set([...root.querySelectorAll("#tt-lists details[open] summary")].map((s) => s.textContent));
  for (const id of ids) {
    const part = fresh.getElementById(id);
    if (part) document.getElementById(id)?.replaceChildren(...document.adoptNode(part).childNodes);
  }
  root.querySelector(".tt-scroll")?.scrollTo(left, top);
  for (const summary of root.querySelectorAll("#tt-lists summary")) {
    const details = /** @type {HTMLDetailsElement} */ (summary.parentElement);
    details.open = opened.has(summary.textContent);
  }
  openToTab(root);
  giveListsBack();
  giveBack();
  void prove(root);
  return true;
}

/**
 * @param {HTMLElement} root
 * @returns {() => void} puts open lists of free places back to their lessons, and the focus among them
 */
function holdLists(root) {
  const lists = /** @type {HTMLElement} */ (root.querySelector("#tt-lists"));
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  const inside = lists?.contains(focused);
  const open = [...(lists?.querySelectorAll("[data-free][aria-expanded='true']") ?? [])].map((button) => ({
    lesson: /** @type {HTMLElement} */ (button).dataset.free ?? "",
    list: button.nextElementSibling,
  }));
  const hidden = new Set([...(lists?.querySelectorAll("[data-panel][hidden]") ?? [])].map(nameOf));
  return () => {
    for (const panel of lists?.querySelectorAll("[data-panel]") ?? []) {
      /** @type {HTMLElement} */ (panel).hidden = hidden.has(nameOf(panel));
    }
    for (const { lesson, list } of open) {
      const button = freeButton(lists, lesson);
      if (!button || !list) continue; // what was in the way is not any more
      button.after(list);
      button.setAttribute("aria-expanded", "true");
    }
    if (!inside) return;
    const same = JSON.stringify(focused.dataset);
    const twin = [...lists.querySelectorAll(focused.tagName)].find(
      (other) => JSON.stringify(/** @type {HTMLElement} */ (other).dataset) === same,
    );
    const there = /** @type {HTMLElement | undefined} */ (focused.isConnected ? focused : twin);
    there?.focus();
  };
}

/** @param {Element} panel @returns {string | undefined} */
function nameOf(panel) {
  return /** @type {HTMLElement} */ (panel).dataset.panel;
}

/**
 * @param {HTMLElement} within @param {string} lesson
 * @returns {HTMLElement | null} what opens the list of its free places
 */
export function freeButton(within, lesson) {
  return within.querySelector(`[data-free="${CSS.escape(lesson)}"]`);
}

/** @param {string} id @returns {string} selects a lesson or a rule of the grid */
export function entryOf(id) {
  const name = CSS.escape(id);
  return `#tt-grid [data-lesson="${name}"], #tt-grid [data-series="${name}"]`;
}

/**
 * @param {HTMLElement} root
 * @returns {() => void} puts the focus back on the same lesson, or the same place
 */
function holdFocus(root) {
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  const cell = focused && cellOf(focused);
  if (!root.querySelector("#tt-grid")?.contains(focused) || !cell) return () => {};
  const lesson = focused.dataset.lesson ?? focused.dataset.series;
  const row = /** @type {HTMLTableRowElement} */ (cell.parentElement);
  const bodies = [...(row.closest("table")?.tBodies ?? [])];
  const body = bodies.indexOf(/** @type {HTMLTableSectionElement} */ (row.parentElement)) + 1;
  const column = [...row.querySelectorAll("td")].indexOf(cell) + 1;
  const place = `tbody:nth-of-type(${body}) > tr:nth-child(${row.sectionRowIndex + 1}) > td:nth-of-type(${column})`;
  return () => {
    const there = /** @type {HTMLTableCellElement | null} */ (root.querySelector(`[data-grid] > ${place}`));
    const here = there && stops(there).find((stop) => (stop.dataset.lesson ?? stop.dataset.series) === lesson);
    const same = lesson && (here ?? /** @type {HTMLElement | null} */ (root.querySelector(entryOf(lesson))));
    const stop = same || (there ? stops(there)[0] : undefined);
    if (stop) focusOn(stop);
  };
}

/**
 * Ask what evidence makes of the lessons that are over, and say it on their chips.
 * @param {HTMLElement} root
 */
export async function prove(root) {
  if (!root.querySelector("#tt-grid .tt-week .e-held")) return;
  const query = new URLSearchParams(location.search);
  query.delete("part");
  let told;
  try {
    told = await fetchStates(`/timetable/states?${query}`);
  } catch {
    return; // what the coordinator saw stays on the chips; the lesson's page has the evidence
  }
  for (const [lesson, { state, shape, word }] of Object.entries(told)) {
    for (const entry of root.querySelectorAll(`#tt-grid [data-lesson="${CSS.escape(lesson)}"]`)) {
      entry.classList.replace("e-held", `e-${state}`);
      const chip = entry.querySelector(".chip");
      if (!chip) continue;
      chip.className = `chip w-${shape}`;
      chip.querySelector("svg")?.setAttribute("class", `shape s-${shape}`);
      chip.querySelector("use")?.setAttribute("href", `#s-${shape}`);
      const before = chip.textContent ?? "";
      chip.lastChild?.replaceWith(word);
      for (const name of ["aria-label", "title"]) {
        entry.setAttribute(name, (entry.getAttribute(name) ?? "").replace(before.trim(), word));
      }
    }
  }
}
