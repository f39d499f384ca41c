// The grid as rows and columns of cells, and moving through it by keyboard.

/** What a cell holds that can be focused. */
export const ITEM = "[data-lesson], [data-series]";

/** @param {Element} cell @returns {HTMLElement[]} its lessons, or the cell itself if it is a period */
export function stops(cell) {
  const items = /** @type {HTMLElement[]} */ ([...cell.querySelectorAll(ITEM)]);
  if (items.length) return items;
  return cell.matches("td[data-n]:not([data-n=''])") ? [/** @type {HTMLElement} */ (cell)] : [];
}

/** @param {Element} element @returns {HTMLTableCellElement | null} */
export function cellOf(element) {
  return element.closest("td");
}

/** @param {ParentNode} grid @returns {HTMLTableCellElement[][]} the cells of each row */
export function matrix(grid) {
  return [...grid.querySelectorAll("tbody tr:not(.group)")].map((row) => [...row.querySelectorAll("td")]);
}

/**
 * The cell some steps away, passing over those where nothing can be.
 * @param {HTMLTableCellElement[][]} rows
 * @param {HTMLTableCellElement} from
 * @param {number} down @param {number} right
 * @param {(cell: HTMLTableCellElement) => boolean} possible
 * @returns {HTMLTableCellElement | null} null at the edge
 */
export function neighbour(rows, from, down, right, possible) {
  let row = rows.findIndex((cells) => cells.includes(from));
  let column = rows[row]?.indexOf(from) ?? -1;
  if (row < 0 || column < 0) return null;
  for (;;) {
    row += down;
    column += right;
    const cell = rows[row]?.[column];
    if (!cell) return null;
    if (possible(cell)) return cell;
  }
}

const STEPS = /** @type {Record<string, [number, number]>} */ ({
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
});

/** @param {string} key @returns {[number, number] | null} how far (down, right) an arrow key goes */
export function stepOf(key) {
  return STEPS[key] ?? null;
}

/** @param {HTMLElement} stop */
export function focusOn(stop) {
  const grid = stop.closest("[data-grid]");
  for (const former of grid?.querySelectorAll("[tabindex='0']") ?? []) former.setAttribute("tabindex", "-1");
  stop.setAttribute("tabindex", "0");
  stop.focus({ preventScroll: true });
  reveal(stop);
}

/**
 * Scroll a cell out from under the sticky head and first column.
 * @param {HTMLElement} stop
 */
export function reveal(stop) {
  const scroll = stop.closest(".tt-scroll");
  const head = scroll?.querySelector("thead");
  const first = scroll?.querySelector("tbody th");
  stop.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (!scroll || !head || !first) return;
  const box = stop.getBoundingClientRect();
  const top = head.getBoundingClientRect().bottom;
  const left = scroll.getBoundingClientRect().left + first.getBoundingClientRect().width;
  if (box.top < top) scroll.scrollTop -= top - box.top + 4;
  if (box.left < left) scroll.scrollLeft -= left - box.left + 4;
}

/**
 * Move the focus as a key says.
 * @param {Element} grid @param {HTMLElement} from @param {string} key
 * @returns {boolean} whether the key was one that moves
 */
export function moveFocus(grid, from, key) {
  const cell = cellOf(from);
  if (!cell) return false;
  const rows = matrix(grid);
  if (key === "Home" || key === "End") {
    const row = rows.find((cells) => cells.includes(cell)) ?? [];
    const usable = row.filter((one) => stops(one).length);
    const target = key === "Home" ? usable[0] : usable.at(-1);
    const stop = target && stops(target)[0];
    if (stop) focusOn(stop);
    return true;
  }
  const step = stepOf(key);
  if (!step) return false;
  const [down, right] = step;
  const inside = stops(cell);
  const next = inside[inside.indexOf(from) + down];
  if (down && next) {
    focusOn(next);
    return true;
  }
  const target = neighbour(rows, cell, down, right, (one) => stops(one).length > 0);
  const landing = target ? stops(target) : [];
  const stop = down < 0 ? landing.at(-1) : landing[0];
  if (stop) focusOn(stop);
  return true;
}

/** One thing of the grid can be reached by Tab; the arrow keys do the rest. @param {Element} grid */
export function openToTab(grid) {
  if (grid.querySelector("[tabindex='0']")) return;
  const first = grid.querySelector(ITEM) ?? grid.querySelector("td[data-n]");
  first?.setAttribute("tabindex", "0");
}
