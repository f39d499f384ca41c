// What a filled form asks of the draft, as commands. Reads forms, changes nothing.

/** @typedef {import("./api.js").Command} Command */
/**
 * @typedef {{id: string, room: string, state: "" | "new" | "drop" | "back" | "changed",
 *   group: string | null, expected: number | null, assistant: string | null}} Seat `group`: its class
 * @typedef {{lesson: string | null, date: string | null, series: Record<string, any> | null,
 *   since: string}} Thing what the editor was opened for
 */

/**
 * Which fields of a form are not as they were when it came.
 * @param {HTMLFormElement} form
 * @returns {Set<string>}
 */
export function changedFields(form) {
  /** @type {Set<string>} */
  const changed = new Set();
  for (const field of form.elements) {
    if (field instanceof HTMLSelectElement) {
      const first = [...field.options].find((o) => o.defaultSelected) ?? field.options[0];
      if (first && field.value !== first.value) changed.add(field.name);
    } else if (field instanceof HTMLInputElement && field.type !== "radio" && field.type !== "checkbox") {
      if (field.value !== field.defaultValue) changed.add(field.name);
    }
  }
  return changed;
}

/** @param {string} text `1-8,10` or `1–8、10` @returns {number[]} ascending, each once */
export function weeksOf(text) {
  /** @type {Set<number>} */
  const weeks = new Set();
  for (const part of text.split(/[,，、;；\s]+/).filter(Boolean)) {
    const [, first, last] = /^(\d{1,2})(?:[-–~至](\d{1,2}))?$/.exec(part) ?? [];
    if (!first) return [];
    for (let n = Number(first); n <= Number(last ?? first); n += 1) weeks.add(n);
  }
  return [...weeks].sort((a, b) => a - b);
}

/** @param {string} value @returns {number | null} */
function number(value) {
  return value === "" ? null : Number(value);
}

/** @param {FormData} data */
function ruleOf(data) {
  const kind = String(data.get("weeks"));
  return { kind, weeks: kind === "listed" ? weeksOf(String(data.get("listed") ?? "")) : [] };
}

/** @param {Seat} seat what can be changed about it, as commands have it */
function ofSeat({ group, expected, assistant }) {
  return { class: group, expected, assistant };
}

/** @param {Seat[]} seats the new ones, as commands have them */
function addedSeats(seats) {
  return seats
    .filter((seat) => seat.state === "new")
    .map((seat) => ({ classroom: seat.room, ...ofSeat(seat) }));
}

/**
 * The rule as the form has it.
 * @param {Record<string, any>} series @param {FormData} data @param {Set<string>} changed
 * @param {Seat[]} seats
 */
function changedSeries(series, data, changed, seats) {
  const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
  const dropped = new Set(seats.filter((s) => s.state === "drop").map((s) => s.room));
  const changedSeats = new Map(seats.filter((s) => s.state === "changed").map((s) => [s.room, ofSeat(s)]));
  const added = addedSeats(seats);
  /** @type {Record<string, any>} */
  const next = { ...series, host: { ...series.host } };
  if (changed.has("subject")) next.subject = text("subject");
  if (changed.has("title")) next.title = text("title");
  if (changed.has("periods")) next.periods = number(text("periods"));
  if (changed.has("teacher")) next.host.teacher = text("teacher");
  if (changed.has("classroom")) next.host.classroom = text("classroom");
  if (changed.has("class")) next.host.class = text("class") || null;
  if (changed.has("weekday") || changed.has("number")) {
    next.weekday = number(text("weekday"));
    next.period = next.weekday === null ? null : number(text("number"));
  }
  if (changed.has("weeks") || changed.has("listed")) next.weeks = ruleOf(data);
  next.seats = [
    ...series.seats
      .filter((/** @type {{classroom: string}} */ s) => !dropped.has(s.classroom))
      .map((/** @type {{classroom: string}} */ s) => ({ ...s, ...changedSeats.get(s.classroom) })),
    ...added,
  ];
  return next;
}

/**
 * What saving the editor asks: nothing if nothing was changed.
 * @param {HTMLFormElement} form @param {Thing} thing @param {Seat[]} seats
 * @returns {Command[]}
 */
export function savedCommands(form, thing, seats) {
  const data = new FormData(form);
  const changed = changedFields(form);
  const reason = String(data.get("reason") ?? "").trim();
  const scope = String(data.get("scope"));
  const moved = seats.some((s) => s.state !== "");
  if (scope !== "this" && thing.series) {
    const series = changedSeries(thing.series, data, changed, seats);
    const relevant = [...changed].filter((name) => !["date", "period", "reason", "since"].includes(name));
    if (!relevant.length && !moved) return [];
    const since = String(data.get("since") ?? "") || (scope === "since" ? thing.since : null);
    return [{ do: "change_series", series, since, reason }];
  }
  return lessonCommands(data, changed, thing, seats, reason);
}

/**
 * @param {FormData} data @param {Set<string>} changed @param {Thing} thing @param {Seat[]} seats
 * @param {string} reason
 * @returns {Command[]}
 */
function lessonCommands(data, changed, thing, seats, reason) {
  const lesson = thing.lesson;
  const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
  /** @type {Command[]} */
  const commands = [];
  const particulars = ["subject", "title", "periods", "class"].filter((name) => changed.has(name));
  if (particulars.length) {
    /** @type {Command} */
    const change = { do: "change_lesson", lesson, reason };
    for (const name of particulars) change[name] = name === "periods" ? number(text(name)) : text(name) || null;
    commands.push(change);
  }
  if (changed.has("teacher")) commands.push({ do: "substitute", lesson, teacher: text("teacher"), reason });
  for (const seat of seats) {
    if (seat.state === "new") commands.push({ do: "add_seat", lesson, seat: addedSeats([seat])[0] });
    if (seat.state === "back") commands.push({ do: "restore_seat", lesson, seat: seat.id });
    if (seat.state === "changed") commands.push({ do: "change_seat", lesson, seat: seat.id, ...ofSeat(seat) });
    if (seat.state === "drop") commands.push({ do: "drop_seat", lesson, seat: seat.id, reason, excused: true });
  }
  // Last, because a published lesson goes on under another id once it is moved.
  if (changed.has("date") || changed.has("period") || changed.has("classroom")) {
    const place = { date: text("date"), period: number(text("period")) };
    const classroom = changed.has("classroom") ? text("classroom") : null;
    commands.push({ do: "move_lesson", lesson, place: { ...place, classroom }, reason });
  }
  return commands;
}

/**
 * @param {HTMLFormElement} form @param {{series: string, term: string}} given @param {Seat[]} seats
 * @returns {Command[]}
 */
export function newCommands(form, given, seats) {
  const data = new FormData(form);
  const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
  const rooms = addedSeats(seats);
  const span = number(text("span")) ?? 1;
  const shared = { title: text("title") || text("subject"), subject: text("subject"), seats: rooms };
  const grade = number(text("grade"));
  if (data.get("kind") === "lesson") {
    const place = { date: text("date"), period: number(text("number")), classroom: text("classroom") };
    const people = { teacher: text("teacher"), class: text("class") || null };
    return [{ do: "add_lesson", ...shared, ...people, place, periods: span, span, grade }];
  }
  const host = {
    school: text("host"),
    classroom: text("classroom"),
    teacher: text("teacher"),
    class: text("class") || null,
  };
  const weekday = number(text("weekday"));
  const placed = { weekday, period: weekday === null ? null : number(text("number")) };
  const series = {
    id: given.series,
    term: given.term,
    ...shared,
    host,
    ...placed,
    span,
    periods: span,
    grade,
    weeks: ruleOf(data),
  };
  return [{ do: "add_series", series }];
}

/**
 * @param {HTMLFormElement} form @param {Thing} thing
 * @returns {Command[]}
 */
export function cancelCommands(form, thing) {
  const data = new FormData(form);
  const reason = String(data.get("reason") ?? "").trim();
  const excused = data.get("excused") === "1";
  if (thing.lesson === null || data.get("whole") === "1") {
    return [{ do: "remove_series", series: thing.series?.id, reason, excused }];
  }
  return [{ do: "cancel_lesson", lesson: thing.lesson, reason, excused }];
}
