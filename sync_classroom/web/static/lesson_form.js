// Planning a lesson: a period fills in the host school's clock times, a class its head count.

/** @typedef {{no: number, start: string, end: string}} Period */
/** @typedef {{from: string, to: string, periods: Period[]}} Run the bells of a school for some dates */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no #${id}`);
  return /** @type {T} */ (found);
}

/** @param {HTMLFormElement} form */
function fillTimes(form) {
  /** @type {Record<string, Run[]>} */
  const bells = JSON.parse(byId("bells").textContent ?? "{}");
  const room = /** @type {HTMLSelectElement} */ (byId("classroom"));
  const date = /** @type {HTMLInputElement} */ (byId("date"));
  const period = /** @type {HTMLSelectElement} */ (byId("period"));
  const periods = /** @type {HTMLInputElement} */ (byId("periods"));
  const starts = /** @type {HTMLInputElement} */ (byId("starts"));
  const ends = /** @type {HTMLInputElement} */ (byId("ends"));
  const hint = /** @type {HTMLElement | null} */ (form.querySelector("[data-bell-hint]"));

  const bellsNow = () => bells[room.value]?.find((run) => run.from <= date.value && date.value <= run.to)?.periods;
  const fill = () => {
    const table = bellsNow();
    label(period, table);
    if (!period.value) return say(hint, "unset");
    const first = Number(period.value);
    const wanted = (table ?? []).filter((p) => p.no >= first && p.no < first + Number(periods.value || 1));
    const last = wanted[wanted.length - 1];
    if (!wanted[0] || !last || wanted.length < Number(periods.value || 1)) {
      return say(hint, table ? "missing" : "unset");
    }
    starts.value = wanted[0].start;
    ends.value = last.end;
    return say(hint, "unset");
  };
  for (const input of [room, date, period, periods]) input.addEventListener("change", fill);
  for (const input of [starts, ends]) input.addEventListener("input", () => (period.value = ""));
  label(period, bellsNow());
}

/**
 * Write the clock times of the chosen school behind each period.
 * @param {HTMLSelectElement} select
 * @param {Period[] | undefined} table
 */
function label(select, table) {
  for (const option of select.options) {
    option.dataset.plain ??= option.text;
    const found = table?.find((p) => String(p.no) === option.value);
    option.text = found ? `${option.dataset.plain} ${found.start}–${found.end}` : option.dataset.plain;
    option.disabled = Boolean(table && option.value && !found);
  }
}

/**
 * @param {HTMLElement | null} hint
 * @param {"unset" | "missing"} which
 */
function say(hint, which) {
  if (hint) hint.textContent = hint.dataset[which] ?? "";
}

/** @param {HTMLFormElement} form */
function countSeats(form) {
  const count = /** @type {HTMLElement | null} */ (form.querySelector("[data-seat-count]"));
  const show = () => {
    const n = form.querySelectorAll("input[name='seats']:checked").length;
    if (count) count.textContent = n ? (count.dataset.text ?? "").replace("{n}", String(n)) : "";
  };
  form.addEventListener("change", show);
  show();
}

/** @param {HTMLFormElement} form */
function chooseWholeSchools(form) {
  for (const school of form.querySelectorAll("[data-seat-school]")) {
    const button = /** @type {HTMLElement | null} */ (school.querySelector("[data-all]"));
    if (!button) continue;
    button.hidden = false;
    button.addEventListener("click", () => {
      const boxes = /** @type {NodeListOf<HTMLInputElement>} */ (
        school.querySelectorAll("input[name='seats']")
      );
      const all = [...boxes].every((box) => box.checked);
      boxes.forEach((box) => (box.checked = !all));
      form.dispatchEvent(new Event("change"));
    });
  }
}

/** @param {HTMLFormElement} form */
function expectTheClass(form) {
  form.addEventListener("change", (event) => {
    const select = event.target;
    if (!(select instanceof HTMLSelectElement) || !select.name.startsWith("class-")) return;
    const row = select.closest(".seat-choice");
    const box = /** @type {HTMLInputElement | null} */ (row?.querySelector("input[name='seats']") ?? null);
    const expected = /** @type {HTMLInputElement | null} */ (
      row?.querySelector("input[type='number']") ?? null
    );
    const enrolment = select.selectedOptions[0]?.dataset.enrolment;
    if (expected && enrolment) expected.value = enrolment;
    if (box && select.value) box.checked = true;
  });
}

const form = /** @type {HTMLFormElement | null} */ (document.querySelector("[data-lesson-form]"));
if (form) {
  fillTimes(form);
  expectTheClass(form);
  countSeats(form);
  chooseWholeSchools(form);
}
