// Planning a research session: a subject group ticks its people, and how many are chosen is said.

const planning = /** @type {HTMLFormElement | null} */ (document.querySelector("[data-research-form]"));
const count = /** @type {HTMLElement | null} */ (document.querySelector("[data-chosen]"));

/** @returns {HTMLInputElement[]} */
function people() {
  return [.../** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input[name='invited']"))];
}

/** @returns {HTMLInputElement[]} */
function groups() {
  return [.../** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input[name='groups']"))];
}

/** A group is ticked while all of its people are: it stands for them and nothing else. */
function show() {
  const ticked = new Set(people().filter((p) => p.checked).map((p) => p.value));
  for (const group of groups()) {
    const own = (group.dataset.people ?? "").split(" ");
    const some = own.filter((id) => ticked.has(id)).length;
    group.checked = some === own.length;
    group.indeterminate = some > 0 && some < own.length;
  }
  if (count) count.textContent = (count.dataset.text ?? "").replace("{n}", String(ticked.size));
}

planning?.addEventListener("change", (event) => {
  const input = /** @type {HTMLInputElement} */ (event.target);
  if (input.name === "groups") {
    const own = new Set((input.dataset.people ?? "").split(" "));
    for (const person of people()) if (own.has(person.value)) person.checked = input.checked;
  }
  if (input.name === "groups" || input.name === "invited") show();
});
// Without script the server reads the groups; here their people are ticked already.
planning?.addEventListener("submit", () => {
  for (const group of groups()) if (group.indeterminate) group.checked = false;
});
show();
