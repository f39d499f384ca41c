// An administrator at the timetable: what keys, pointer and buttons do, and the draft behind them.

import { SignedOutError, listen } from "../server.js";
import { Draft, Refusal, SignedOut, newKey } from "./api.js";
import { Carrying } from "./carry.js";
import { ITEM, cellOf, focusOn, moveFocus, openToTab, reveal, stepOf, stops } from "./cells.js";
import { dragging } from "./drag.js";
import { Editor } from "./editor.js";
import { hush, say } from "./messages.js";
import { Panels, address } from "./panels.js";
import { publishing } from "./publish.js";
import { entryOf, renew } from "./renew.js";

/**
 * @typedef {import("./api.js").Command} Command
 * @typedef {import("./carry.js").Carried} Carried
 */

const words = /** @type {Record<string, string>} */ (
  JSON.parse(document.getElementById("tt-words")?.textContent ?? "{}")
);

/** @param {string} name @param {Record<string, string>} values */
function worded(name, values) {
  return (words[name] ?? "").replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/** The page of somebody who edits. */
export class Office {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.draft = new Draft(root.dataset.term ?? "");
    this.live = document.createElement("p");
    this.live.className = "visually-hidden";
    this.live.setAttribute("aria-live", "assertive");
    root.after(this.live);
    /** @type {Promise<void>} steps are sent one after the other, in the order they were asked */
    this.queue = Promise.resolve();
    this.stale = false;
    this.carrying = new Carrying(root, {
      places: (carried) =>
        address(this.root, "/timetable/places", { lesson: carried.lesson ?? undefined, series: carried.series ?? undefined }),
      drop: (drop) => this.dropped(drop),
      tell: (text) => (this.live.textContent = text),
      failed: (error) => this.failed(error),
      words,
    });
    const panel = /** @type {HTMLElement} */ (document.getElementById("tt-editor"));
    this.editor = new Editor(panel, {
      ask: (commands) => this.ask(commands),
      failed: (error) => this.failed(error),
      closed: () => this.editorClosed(),
      take: (lesson) => this.takeUp(root.querySelector(`[data-lesson="${CSS.escape(lesson)}"]`)),
      words,
    });
    const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("tt-publish"));
    this.publishing = publishing(dialog, {
      draft: this.draft,
      seen: () => this.revision,
      url: address(this.root, "/timetable/publish", {}),
      failed: (error) => this.failed(error),
      changed: () => this.refresh(),
      drop: () => this.ask([{ do: "drop_overtaken" }]),
    });
    this.dialog = dialog;
    this.panels = new Panels(root, {
      failed: (error, retry) => this.failed(error, retry),
      editing: () => this.editor.open,
    });
    this.openedFrom = "";
  }

  get revision() {
    return Number(/** @type {HTMLElement | null} */ (document.querySelector("[data-revision]"))?.dataset.revision ?? 0);
  }

  get inDraft() {
    return this.root.dataset.shown === "draft";
  }

  start() {
    openToTab(this.root);
    this.panels.start();
    dragging(this.root, this.carrying, (element) => this.carriedOf(element));
    document.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("click", (event) => this.clicked(event));
    this.root.addEventListener("dblclick", (event) => {
      const cell = cellOf(/** @type {Element} */ (event.target));
      if (cell && stops(cell)[0] === cell) this.openNew("lesson", cell);
    });
    listen(
      "/api/events",
      {
        changed: () => {
          this.stale = true;
          void this.catchUp();
        },
        connected: (on) => {
          if (on) void this.catchUpIfBehind();
        },
      },
      ["draft", "plan", "lesson", "resync"],
    );
    this.goToHash();
    addEventListener("hashchange", () => this.goToHash());
  }

  // ------------------------------------------------------------------ keeping up

  /** What was done between the page's making and the first moment one hears of changes. */
  async catchUpIfBehind() {
    try {
      if ((await this.draft.revision()) !== this.revision) this.stale = true;
    } catch {
      return; // whatever stands in the way will say so at the next edit
    }
    await this.catchUp();
  }

  /** Look again when somebody else did something, unless a lesson is in hand. */
  async catchUp() {
    if (!this.stale || this.carrying.on || this.dialog.open) return;
    await this.refresh();
  }

  async refresh() {
    this.stale = false;
    try {
      // A lesson may have been taken up while the answer was on its way: its grid must stay.
      const renewed = await renew(this.root, ["tt-status", "tt-grid", "tt-lists"], () => !this.carrying.on);
      if (!renewed) this.stale = true;
    } catch (error) {
      this.failed(error, () => void this.refresh());
      return;
    }
    this.panels.again();
  }

  // ------------------------------------------------------------------ asking the draft

  /**
   * One step of these commands, then the page as it is now. Rejects with what was refused.
   * @param {Command[]} commands @param {string} [key]
   */
  async ask(commands, key = newKey()) {
    const turn = this.queue.then(() => this.draft.step(commands, this.revision, key));
    this.queue = turn.then(
      () => this.refresh(),
      () => {},
    );
    await turn;
    await this.queue;
    hush();
  }

  /** @param {Command[]} commands @param {() => void} [done] @param {string} [key] */
  async perform(commands, done, key = newKey()) {
    try {
      await this.ask(commands, key);
      done?.();
    } catch (error) {
      if (error instanceof Refusal && error.problem.code === "draft_changed") {
        await this.refresh();
        say(error.sentence(document.documentElement.lang), {
          bad: true,
          more: this.whoDidWhat(error),
          actions: [{ label: words.again ?? "", run: () => void this.perform(commands, done) }],
        });
      } else {
        this.failed(error, () => void this.perform(commands, done, key));
      }
    }
  }

  /** @param {Refusal} refusal @returns {string[]} */
  whoDidWhat(refusal) {
    if (refusal.problem.code !== "draft_changed" || !Array.isArray(refusal.problem.value)) return [];
    const acts = refusal.problem.value;
    return acts.map((act) => {
      const lessons = /** @type {string[]} */ (act.lessons ?? []);
      const texts = lessons.map((id) => this.root.querySelector(`[data-lesson="${CSS.escape(id)}"]`)?.getAttribute("aria-label") ?? document.getElementById(`d-${id}`)?.textContent ?? id);
      return `${act.by} ${new Date(act.at).toLocaleTimeString(document.documentElement.lang)}：${texts.slice(0, 3).join("；")}`;
    });
  }

  /** @param {"undo" | "redo"} what */
  async turn(what) {
    try {
      await this.draft.turn(what, this.revision, newKey());
      hush();
    } catch (error) {
      this.failed(error);
      return;
    }
    await this.refresh();
  }

  async discard() {
    if (!confirm(words.sure)) return;
    try {
      await this.draft.turn("discard", this.revision, newKey());
      say(words.discarded ?? "");
    } catch (error) {
      this.failed(error);
      return;
    }
    await this.refresh();
  }

  /** @param {unknown} error @param {() => void} [retry] */
  failed(error, retry) {
    if (error instanceof SignedOut || error instanceof SignedOutError) {
      location.reload();
      return;
    }
    if (error instanceof Refusal) {
      // Somebody was here first: the draft as it is now stands beside what they are told.
      if (error.status === 409) void this.refresh();
      say(error.sentence(document.documentElement.lang), { bad: true, more: this.whoDidWhat(error) });
      return;
    }
    const actions = retry ? [{ label: words.retry ?? "", run: retry }] : [];
    say(words.failed ?? "", { bad: true, actions });
  }

  // ------------------------------------------------------------------ carrying

  /** @param {HTMLElement} element @returns {Carried | null} */
  carriedOf(element) {
    const waiting = element.dataset.waiting;
    if (waiting) return { lesson: null, series: waiting, element };
    if (this.inDraft && element.dataset.lesson) return { lesson: element.dataset.lesson, series: null, element };
    if (this.root.dataset.shown === "pattern" && element.dataset.series) {
      return { lesson: null, series: element.dataset.series, element };
    }
    return null;
  }

  /** @param {Element | null} element */
  takeUp(element) {
    const carried = element && this.carriedOf(/** @type {HTMLElement} */ (element));
    if (!carried) return;
    reveal(carried.element);
    if (!carried.element.dataset.waiting) focusOn(carried.element);
    this.carrying.start(carried);
  }

  /** @param {import("./carry.js").Drop} drop */
  dropped(drop) {
    if (drop.place.free) {
      this.put(drop);
      return;
    }
    const actions = drop.place.hard ? [] : [{ label: words.anyway ?? "", run: () => this.put(drop) }];
    const [first, second] = [drop.carried.lesson, drop.place.swap];
    if (first && second) {
      const swap = { do: "swap_lessons", first, second };
      const undo = { label: words.undo ?? "", run: () => void this.turn("undo") };
      const done = () => say(words.swapped ?? "", { actions: [undo] });
      actions.unshift({ label: words.swap ?? "", run: () => void this.perform([swap], done) });
    }
    say(worded("cannot", { why: drop.place.why }), { bad: true, actions });
    void this.catchUp();
  }

  /** @param {import("./carry.js").Drop} drop */
  put({ carried, place, series }) {
    const values = { day: words[`day${place.weekday}`] ?? "", date: place.date.slice(5).replace("-", "/"), n: String(place.period), start: place.start };
    const undo = { label: words.undo ?? "", run: () => void this.turn("undo") };
    if (carried.lesson === null) {
      const changed = { ...series, weekday: place.weekday, period: place.period };
      void this.perform([{ do: "change_series", series: changed, since: null }], () =>
        say(worded("placed", values), { actions: [undo] }),
      );
      return;
    }
    const lesson = carried.lesson;
    const move = { do: "move_lesson", lesson, place: { date: place.date, period: place.period } };
    void this.perform([move], () => {
      const every = { label: words.everyWeek ?? "", run: () => void this.everyWeek(series, place) };
      say(worded("moved", values), { actions: series ? [undo, every] : [undo] });
    });
  }

  /**
   * Not only this once: take the one move back and move the rule, from the week shown on.
   * @param {Record<string, any> | null} series @param {import("./api.js").Place} place
   */
  async everyWeek(series, place) {
    await this.turn("undo");
    const changed = { ...series, weekday: place.weekday, period: place.period };
    const since = this.root.dataset.monday;
    await this.perform([{ do: "change_series", series: changed, since }], () => say(words.everyWeekDone ?? ""));
  }

  // ------------------------------------------------------------------ keys and clicks

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (this.dialog.open || target.closest("[data-picker], .top")) return;
    if (this.carrying.on) {
      this.keyCarrying(event);
      return;
    }
    if (target.matches("input, select, textarea")) {
      if (event.key === "Escape" && this.editor.open) this.editor.close();
      return;
    }
    const z = event.key === "z" || event.key === "Z";
    if (z || ((event.ctrlKey || event.metaKey) && event.key === "y")) {
      event.preventDefault();
      void this.turn(event.shiftKey || event.key === "y" ? "redo" : "undo");
      return;
    }
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape" && this.editor.open) {
      this.editor.close();
      return;
    }
    if (target.closest("[data-list]")) this.keyList(event, target);
    const grid = target.closest("[data-grid]");
    if (grid) this.keyGrid(event, grid, target);
  }

  /** @param {KeyboardEvent} event */
  keyCarrying(event) {
    const step = stepOf(event.key);
    if (step) this.carrying.step(...step);
    else if (event.key === "Enter" || event.key === " ") void this.carrying.drop();
    else if (event.key === "Escape") {
      this.carrying.stop();
      this.live.textContent = words.letGo ?? "";
      void this.catchUp();
    } else if (event.key === "Tab") {
      this.carrying.stop();
      void this.catchUp();
    } else return;
    if (event.key !== "Tab") event.preventDefault();
  }

  /** @param {KeyboardEvent} event @param {Element} grid @param {HTMLElement} from */
  keyGrid(event, grid, from) {
    const item = from.closest(ITEM);
    if (event.key === "PageUp" || event.key === "PageDown") {
      const link = document.querySelector(event.key === "PageUp" ? "[data-earlier][href]" : "[data-later][href]");
      /** @type {HTMLElement | null} */ (link)?.click();
    } else if (item && (event.key === " " || event.key.toLowerCase() === "m")) this.takeUp(item);
    else if (item && (event.key === "Delete" || event.key === "Backspace")) this.openItem(item, true);
    else if (event.key === "Enter" && item) this.openItem(item);
    else if (event.key === "Enter" && from.matches("td")) this.openNew("lesson", from);
    else if (!moveFocus(grid, from, event.key)) return;
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event @param {HTMLElement} from */
  keyList(event, from) {
    const list = from.closest("[data-list]");
    const all = /** @type {HTMLElement[]} */ ([...(list?.querySelectorAll("a[href], button") ?? [])]);
    const at = all.indexOf(from);
    if (event.key === "ArrowDown") all[at + 1]?.focus();
    else if (event.key === "ArrowUp") all[at - 1]?.focus();
    else if (from.dataset.waiting && (event.key === " " || event.key.toLowerCase() === "m")) this.takeUp(from);
    else return;
    event.preventDefault();
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const button = /** @type {HTMLElement | null} */ (target.closest("button, a, [data-series]"));
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    const data = button.dataset;
    if ("undo" in data) void this.turn("undo");
    else if ("redo" in data) void this.turn("redo");
    else if ("publish" in data) void this.publishing.open();
    else if ("follow" in data) void this.perform([{ do: "follow_calendar" }], () => say(words.followed ?? ""));
    else if ("discard" in data) void this.discard();
    else if (data.open) this.panels.show(data.open);
    else if (data.new) this.openNew(data.new, null);
    else if (data.free) void this.panels.showFree(button, data.free);
    else if (data.move) this.moveTo(data);
    else if (data.waiting) void this.openEditor(address(this.root, "/timetable/editor", { series: data.waiting }), button);
    else if (data.goto) this.goTo(data.goto, event);
    else if (data.lesson || data.series) this.openItem(button);
  }

  /** @param {DOMStringMap} data */
  moveTo(data) {
    const place = { date: data.date, period: Number(data.period) };
    const undo = { label: words.undo ?? "", run: () => void this.turn("undo") };
    void this.perform([{ do: "move_lesson", lesson: data.move, place }], () =>
      say(words.movedFree ?? "", { actions: [undo] }),
    );
  }

  /** A lesson of a list is focused if it stands in this grid; else the link leads to its own. */
  goTo(/** @type {string} */ lesson, /** @type {Event} */ event) {
    const here = /** @type {HTMLElement | null} */ (this.root.querySelector(entryOf(lesson)));
    if (!here) return;
    event.preventDefault();
    focusOn(here);
  }

  goToHash() {
    const id = decodeURIComponent(location.hash.replace(/^#lesson-/, ""));
    if (!id || !location.hash.startsWith("#lesson-")) return;
    const here = /** @type {HTMLElement | null} */ (this.root.querySelector(entryOf(id)));
    if (here) focusOn(here);
  }

  // ------------------------------------------------------------------ what stands beside

  /** @param {Element} item @param {boolean} [cancelling] */
  openItem(item, cancelling = false) {
    const data = /** @type {HTMLElement} */ (item).dataset;
    const url = address(this.root, "/timetable/editor", { lesson: data.lesson, series: data.series });
    void this.openEditor(url, /** @type {HTMLElement} */ (item), cancelling);
  }

  /** @param {string} kind @param {Element | null} cell */
  openNew(kind, cell) {
    const data = /** @type {HTMLElement | null} */ (cell)?.dataset;
    const room = /** @type {HTMLElement | null} */ (cell?.closest("[data-room]"))?.dataset.room;
    const given = data?.n ? { date: data.d, weekday: data.w, period: data.n } : {};
    const whose = room ? { by: "classroom", id: room } : {};
    const what = this.inDraft ? kind : "series";
    const url = address(this.root, "/timetable/editor", { new: what, ...given, ...whose });
    void this.openEditor(url, /** @type {HTMLElement | null} */ (cell));
  }

  /** @param {string} url @param {HTMLElement | null} from @param {boolean} [cancelling] */
  async openEditor(url, from, cancelling = false) {
    this.openedFrom = from?.dataset.lesson ?? from?.dataset.series ?? "";
    this.cameFrom = from;
    this.root.dataset.side = "";
    await this.editor.show(url, { cancelling });
  }

  editorClosed() {
    const again = this.openedFrom
      ? /** @type {HTMLElement | null} */ (this.root.querySelector(entryOf(this.openedFrom)))
      : null;
    const stop = again ?? (this.cameFrom?.isConnected ? this.cameFrom : null);
    this.panels.leave();
    if (stop?.closest("[data-grid]")) focusOn(stop);
    else if (stop) stop.focus();
    else /** @type {HTMLElement | null} */ (this.root.querySelector("#tt-grid [tabindex='0']"))?.focus();
    void this.catchUp();
  }
}
