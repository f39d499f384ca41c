// Whose timetable: a list that narrows while one types, and goes by keyboard.

/** @param {HTMLDetailsElement} picker */
export function narrow(picker) {
  const search = /** @type {HTMLInputElement | null} */ (picker.querySelector("[data-picker-search]"));
  const none = /** @type {HTMLElement | null} */ (picker.querySelector("[data-picker-none]"));
  if (!search) return;
  const items = /** @type {HTMLElement[]} */ ([...picker.querySelectorAll("[data-picker-item]")]);
  const words = items.map((item) => (item.textContent ?? "").toLowerCase());
  const visible = () => items.filter((item) => !(item.closest("li") ?? item).hidden);

  search.addEventListener("input", () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    items.forEach((item, n) => {
      (item.closest("li") ?? item).hidden = !wanted.every((word) => words[n]?.includes(word));
    });
    for (const group of /** @type {NodeListOf<HTMLElement>} */ (picker.querySelectorAll("[data-picker-group]"))) {
      group.hidden = !group.querySelector("li:not([hidden])");
    }
    if (none) none.hidden = visible().length > 0;
  });
  picker.addEventListener("toggle", () => {
    if (picker.open) search.focus();
  });
  picker.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      picker.open = false;
      picker.querySelector("summary")?.focus();
      return;
    }
    if (!picker.open) return;
    const shown = visible();
    const at = shown.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (event.key === "Enter" && event.target === search) {
      event.preventDefault();
      shown[0]?.click();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      shown[Math.min(at + 1, shown.length - 1)]?.focus();
    } else if (event.key === "ArrowUp") {
      event.preventDefault();
      if (at <= 0) search.focus();
      else shown[at - 1]?.focus();
    }
  });
  document.addEventListener("pointerdown", (event) => {
    if (picker.open && !picker.contains(/** @type {Node} */ (event.target))) picker.open = false;
  });
}
