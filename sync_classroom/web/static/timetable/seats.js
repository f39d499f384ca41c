// The listening rooms in the editor: one line each, taken out, brought back, added, or changed in
// place. Lines carry what they stand for in `data-*`; what they were when they came, in `data-was`.

import { h } from "../terminal/dom.js";

/**
 * @typedef {import("./commands.js").Seat} Seat
 * @typedef {[string, string, number][]} Groups classes: id, name, enrolment
 * @typedef {{classes: Record<string, Groups>, assistants: Record<string, [string, string][]>}} Choices
 *   by school
 */

const EXPECTED_MOST = 200;

/** @param {HTMLElement} line @returns {string} what can be changed about it, to compare */
function particulars(line) {
  const { class: group, expected, assistant } = line.dataset;
  return [group ?? "", expected ?? "", assistant ?? ""].join("\n");
}

/** @param {ParentNode} panel @returns {Seat[]} */
export function seatsOf(panel) {
  const lines = /** @type {NodeListOf<HTMLElement>} */ (panel.querySelectorAll("[data-room]"));
  return [...lines].map((line) => {
    const state = /** @type {Seat["state"]} */ (line.dataset.state ?? "");
    const was = line.dataset.was;
    return {
      id: line.dataset.seat ?? "",
      room: line.dataset.room ?? "",
      state: state === "" && was !== undefined && was !== particulars(line) ? "changed" : state,
      group: line.dataset.class || null,
      expected: line.dataset.expected ? Number(line.dataset.expected) : null,
      assistant: line.dataset.assistant || null,
    };
  });
}

/** @param {HTMLElement} line @param {HTMLElement} button @param {"drop" | "back"} state @param {Record<string, string>} words */
export function turnSeat(line, button, state, words) {
  if (line.dataset.state === "new") {
    line.remove();
    return;
  }
  line.querySelector("[data-seat-form]")?.remove();
  const on = line.dataset.state === state;
  if (on) delete line.dataset.state;
  else line.dataset.state = state;
  const gone = (state === "drop") !== on;
  line.classList.toggle("gone", gone);
  button.textContent = (gone ? words.back : words.drop) ?? "";
  for (const edit of /** @type {NodeListOf<HTMLElement>} */ (line.querySelectorAll("[data-edit-seat]"))) {
    edit.hidden = gone;
  }
}

/** @param {ParentNode} panel @param {Choices} choices @param {Record<string, string>} words */
export function addSeat(panel, choices, words) {
  const select = /** @type {HTMLSelectElement | null} */ (panel.querySelector("[data-add-seat]"));
  const list = panel.querySelector("[data-seats]");
  const option = select?.selectedOptions[0];
  if (!select || !list || !option?.value) return;
  for (const hint of list.querySelectorAll("li.hint")) hint.remove();
  const school = /** @type {HTMLOptGroupElement | null} */ (option.closest("optgroup"));
  const chosen = /** @type {HTMLSelectElement | null} */ (panel.querySelector("[data-add-class]"))?.selectedOptions[0];
  const line = h("li", {
    "data-seat": "",
    "data-room": option.value,
    "data-school": school?.dataset.school ?? "",
    "data-class": chosen?.value ?? "",
    "data-expected": (chosen?.value && chosen.dataset.enrolment) || "",
    "data-assistant": "",
    "data-state": "new",
  });
  const name = h("span", {}, `${school?.label ?? ""} ${option.text} `, h("span", { class: "hint", "data-about": "" }));
  const edit = h("button", { class: "link-button", type: "button", "data-edit-seat": "", "aria-expanded": "false" }, words.edit ?? "");
  const drop = h("button", { class: "link-button", type: "button", "data-drop-seat": "" }, words.drop ?? "");
  line.append(name, h("span", { class: "tt-seat-acts" }, edit, drop));
  list.append(line);
  describe(line, choices, words);
  option.remove();
  select.value = "";
  fillClasses(panel, select, choices);
  select.focus();
}

/** @param {ParentNode} panel @param {HTMLSelectElement} rooms the classes of the school whose room is chosen @param {Choices} choices */
export function fillClasses(panel, rooms, choices) {
  const select = /** @type {HTMLSelectElement | null} */ (panel.querySelector("[data-add-class]"));
  const group = /** @type {HTMLElement | null} */ (rooms.selectedOptions[0]?.closest("optgroup"));
  const found = choices.classes?.[group?.dataset.school ?? ""] ?? [];
  const options = found.map(([value, name, enrolment]) => h("option", { value, "data-enrolment": enrolment }, name));
  const first = select?.options[0];
  if (first) select?.replaceChildren(first, ...options);
}

/**
 * Class, head count and assistant of a line, to be changed where it stands; a second press shuts it.
 * @param {HTMLElement} line @param {HTMLElement} button @param {Choices} choices @param {Record<string, string>} words
 */
export function editSeat(line, button, choices, words) {
  const open = line.querySelector("[data-seat-form]");
  button.setAttribute("aria-expanded", String(!open));
  if (open) {
    open.remove();
    button.focus();
    return;
  }
  line.dataset.was ??= particulars(line);
  const school = line.dataset.school ?? "";
  const groups = choices.classes?.[school] ?? [];
  const people = choices.assistants?.[school] ?? [];
  const picked = (/** @type {string} */ part, /** @type {[string, string][]} */ options) => {
    const select = h("select", { "data-of-seat": part });
    select.append(h("option", { value: "" }, "—"), ...options.map(([value, name]) => h("option", { value }, name)));
    select.value = line.dataset[part] ?? "";
    return select;
  };
  const group = picked("class", groups.map(([id, name]) => [id, name]));
  const expected = h("input", { type: "number", min: "0", max: String(EXPECTED_MOST), "data-of-seat": "expected" });
  expected.value = line.dataset.expected ?? "";
  const assistant = picked("assistant", people);
  /** @type {[string, HTMLElement][]} */
  const fields = [
    [words.seatClass ?? "", group],
    [words.seatExpected ?? "", expected],
    [words.seatAssistant ?? "", assistant],
  ];
  const form = h("div", { class: "tt-seat-form", "data-seat-form": "" });
  form.append(...fields.map(([name, field]) => h("label", {}, h("span", {}, name), field)));
  form.addEventListener("change", (event) => {
    const field = /** @type {HTMLInputElement | HTMLSelectElement} */ (event.target);
    line.dataset[field.dataset.ofSeat ?? ""] = field.value;
    if (field === group) {
      // Another class comes with another number of pupils, which can still be changed.
      line.dataset.expected = String(groups.find(([id]) => id === field.value)?.[2] ?? "");
      expected.value = line.dataset.expected;
    }
    describe(line, choices, words);
  });
  line.append(form);
  group.focus();
}

/** @param {HTMLElement} line @param {Choices} choices @param {Record<string, string>} words */
function describe(line, choices, words) {
  const about = line.querySelector("[data-about]");
  if (!about) return;
  const { school = "", class: group = "", expected = "", assistant = "" } = line.dataset;
  const named = (/** @type {[string, string, ...unknown[]][]} */ found, /** @type {string} */ id) =>
    found.find(([value]) => value === id)?.[1] ?? id;
  const parts = [];
  if (group) parts.push(named(choices.classes?.[school] ?? [], group));
  if (expected) parts.push((words.expects ?? "").replace("{n}", expected));
  if (assistant) parts.push((words.assisted ?? "").replace("{name}", named(choices.assistants?.[school] ?? [], assistant)));
  about.textContent = parts.join(" · ");
}
