// Lists by keyboard: arrow keys (or j and k) move from row to row, Home and End to the ends.

/** What a row is entered by. */
const ENTRY = "a[href], button, summary, [tabindex='0']";

/**
 * @param {Element} table
 * @returns {HTMLElement[]} the first thing that can be focused in each row
 */
function entries(table) {
  /** @type {HTMLElement[]} */
  const found = [];
  for (const row of table.querySelectorAll("tbody tr")) {
    const entry = /** @type {HTMLElement | null} */ (row.querySelector(ENTRY));
    if (entry) found.push(entry);
  }
  return found;
}

/** @param {KeyboardEvent} event */
function move(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const table = target.closest("[data-rows]");
  if (!table || event.altKey || event.ctrlKey || event.metaKey) return;
  if (target.matches("input, select, textarea")) return;
  const all = entries(table);
  const row = target.closest("tr");
  const at = all.findIndex((entry) => entry.closest("tr") === row);
  const step = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, Home: 0, End: all.length - 1 }[
    event.key
  ];
  if (step === undefined) return;
  const next = all[Math.min(Math.max(step, 0), all.length - 1)];
  if (!next) return;
  event.preventDefault();
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

/**
 * Mark the row that the address points at (`#seat-…`).
 * @param {Element} table
 */
export function markCurrent(table) {
  const id = decodeURIComponent(location.hash.slice(1));
  for (const row of table.querySelectorAll("tbody tr")) {
    row.toggleAttribute("data-current", id !== "" && row.id === id);
  }
}

/** @param {ParentNode} page */
export function moveByKeyboard(page) {
  document.addEventListener("keydown", move);
  const mark = () => page.querySelectorAll("[data-rows]").forEach(markCurrent);
  addEventListener("hashchange", mark);
  mark();
}
