// The calendar by keyboard: arrow keys move from day to day, Home and End to the ends of a week.
// In a day's form, whoever says what is followed need not also say that something is.

/** @param {HTMLTableElement} table */
function grid(table) {
  return [...table.tBodies].flatMap((body) =>
    [...body.rows].map((row) =>
      [...row.cells].slice(1).map((cell) => /** @type {HTMLElement | null} */ (cell.querySelector("a"))),
    ),
  );
}

/**
 * The next day that can be opened from `(row, column)` on in a direction; none at the edge.
 * @param {(HTMLElement | null)[][]} days
 * @param {number} row
 * @param {number} column
 * @param {[number, number]} step rows and columns
 */
function next(days, row, column, [down, right]) {
  for (;;) {
    row += down;
    column += right;
    const line = days[row];
    if (!line || column < 0 || column >= line.length) return null;
    if (line[column]) return line[column];
  }
}

/** @type {Record<string, [number, number]>} */
const STEPS = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };

/** @param {KeyboardEvent} event */
function move(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const table = /** @type {HTMLTableElement | null} */ (target.closest("[data-cells]"));
  if (!table || event.altKey || event.ctrlKey || event.metaKey) return;
  const days = grid(table);
  const row = days.findIndex((line) => line.includes(target));
  const line = days[row];
  if (!line) return;
  const step = STEPS[event.key];
  const found = step
    ? next(days, row, line.indexOf(target), step)
    : event.key === "Home"
      ? line.find(Boolean)
      : event.key === "End"
        ? line.findLast(Boolean)
        : undefined;
  if (found === undefined) return;
  event.preventDefault();
  found?.focus();
}

/** Who chooses which day is followed has chosen to follow one. */
function chooseWithParts() {
  for (const parts of document.querySelectorAll("[data-chooses]")) {
    const value = /** @type {HTMLElement} */ (parts).dataset.chooses;
    const choice = /** @type {HTMLInputElement | null} */ (document.querySelector(`input[type=radio][value="${value}"]`));
    parts.addEventListener("change", () => {
      if (choice) choice.checked = true;
    });
  }
}

document.addEventListener("keydown", move);
chooseWithParts();
