// The rows of an import by keyboard: arrows from row to row, N to the next one with a problem.

const rows = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-preview] tbody.row")]);
const sheet = /** @type {HTMLElement | null} */ (document.querySelector(".preview"));

/** @param {number} at */
function go(at) {
  const row = rows[at];
  if (!row) return;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

/**
 * @param {number} from
 * @param {number} step
 * @returns {number} the next row with a problem, or where it was
 */
function nextProblem(from, step) {
  for (let n = from + step; n >= 0 && n < rows.length; n += step) {
    if (rows[n]?.hasAttribute("data-problem")) return n;
  }
  return from;
}

document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.altKey || event.ctrlKey || event.metaKey || target.matches("input, select, textarea")) return;
  const at = rows.findIndex((row) => row === document.activeElement);
  const inside = at >= 0 || document.activeElement === sheet;
  if (event.key === "n" || event.key === "N") {
    const found = nextProblem(at, event.shiftKey ? -1 : 1);
    if (found >= 0) go(found);
  } else if (inside && event.key === "ArrowDown") go(Math.min(at + 1, rows.length - 1));
  else if (inside && event.key === "ArrowUp") go(Math.max(at - 1, 0));
  else if (inside && event.key === "Home") go(0);
  else if (inside && event.key === "End") go(rows.length - 1);
  else return;
  event.preventDefault();
});

export {};
