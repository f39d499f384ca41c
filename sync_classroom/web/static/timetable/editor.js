// The editor beside the grid: its forms, its list of rooms, and asking the draft for what they say.

import { fetchPart } from "../server.js";
import { h } from "../terminal/dom.js";
import { Refusal } from "./api.js";
import { cancelCommands, newCommands, savedCommands } from "./commands.js";
import { addSeat, editSeat, fillClasses, seatsOf, turnSeat } from "./seats.js";

/**
 * @typedef {import("./api.js").Command} Command
 * @typedef {{ask: (commands: Command[]) => Promise<void>, failed: (error: unknown) => void,
 *   closed: () => void, take: (lesson: string) => void, words: Record<string, string>}} Host
 *   `ask` makes one step of the commands and rejects with what the server refused
 */

/** One thing open at a time. */
export class Editor {
  /** @param {HTMLElement} panel @param {Host} host */
  constructor(panel, host) {
    this.panel = panel;
    this.host = host;
    this.url = "";
    panel.addEventListener("submit", (event) => void this.submitted(event));
    panel.addEventListener("click", (event) => this.clicked(event));
    panel.addEventListener("change", (event) => this.changed(event));
  }

  get open() {
    return !this.panel.hidden;
  }

  /** @param {string} url @param {{cancelling?: boolean}} [options] begin at the reason for 停课 */
  async show(url, { cancelling = false } = {}) {
    this.url = url;
    let html;
    try {
      html = await fetchPart(url);
    } catch (error) {
      this.host.failed(error);
      return;
    }
    if (this.url !== url) return;
    const parsed = new DOMParser().parseFromString(html, "text/html");
    this.panel.replaceChildren(...document.adoptNode(parsed.body).childNodes);
    this.panel.hidden = false;
    this.panel.parentElement?.classList.add("editing");
    const cancel = /** @type {HTMLDetailsElement | null} */ (this.panel.querySelector("[data-cancel]"));
    if (cancelling && cancel) {
      cancel.open = true;
      const reason = /** @type {HTMLElement | null} */ (cancel.querySelector("[name='reason']"));
      reason?.focus({ preventScroll: true });
      cancel.scrollIntoView({ block: "nearest" });
    } else {
      const blank = this.panel.querySelector("[data-new-form] [name='subject']");
      const title = this.panel.querySelector("#tt-editor-title");
      this.panel.parentElement?.scrollTo(0, 0);
      /** @type {HTMLElement | null} */ (blank ?? title)?.focus({ preventScroll: true });
    }
  }

  close() {
    if (!this.open) return;
    this.url = "";
    this.panel.hidden = true;
    this.panel.replaceChildren();
    this.panel.parentElement?.classList.remove("editing");
    this.host.closed();
  }

  /** @returns {any} what the editor was opened for */
  thing() {
    return JSON.parse(this.panel.querySelector("[data-thing]")?.textContent ?? "{}");
  }

  /** @param {SubmitEvent} event */
  async submitted(event) {
    const form = /** @type {HTMLFormElement} */ (event.target);
    event.preventDefault();
    const thing = this.thing();
    const cancels = "cancelForm" in form.dataset;
    const made = cancels
      ? cancelCommands(form, thing)
      : "newForm" in form.dataset
        ? newCommands(form, thing, seatsOf(this.panel))
        : savedCommands(form, thing, seatsOf(this.panel));
    const complaint = this.panel.querySelector(cancels ? "[data-cancel-error]" : "[data-editor-error]");
    await this.send(made, /** @type {HTMLElement | null} */ (complaint), form);
  }

  /** @param {Command[]} commands @param {HTMLElement | null} complaint @param {HTMLElement} [form] */
  async send(commands, complaint, form = this.panel) {
    if (!commands.length) {
      this.complain(complaint, this.host.words.nothing ?? "");
      return;
    }
    try {
      await this.host.ask(commands);
      this.close();
    } catch (error) {
      if (!(error instanceof Refusal) || error.status === 409) {
        this.host.failed(error);
        return;
      }
      this.complain(complaint, error.sentence(document.documentElement.lang));
      const field = /** @type {HTMLElement | null} */ (
        form.querySelector(`[name="${CSS.escape(error.problem.field ?? "")}"]`)
      );
      field?.setAttribute("aria-invalid", "true");
      field?.focus();
    }
  }

  /** @param {HTMLElement | null} place @param {string} text */
  complain(place, text) {
    for (const wrong of this.panel.querySelectorAll("[aria-invalid]")) wrong.removeAttribute("aria-invalid");
    if (!place) return;
    place.textContent = text;
    place.hidden = false;
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    if (!button) return;
    if ("close" in button.dataset) this.close();
    if ("addSeatButton" in button.dataset) addSeat(this.panel, this.thing(), this.host.words);
    if ("take" in button.dataset) {
      const lesson = this.thing().lesson;
      this.close();
      this.host.take(lesson);
    }
    if (button.dataset.do) {
      const complaint = /** @type {HTMLElement | null} */ (this.panel.querySelector("[data-editor-error]"));
      void this.send([{ do: button.dataset.do, lesson: this.thing().lesson }], complaint);
    }
    const line = /** @type {HTMLElement | null} */ (button.closest("[data-room]"));
    if (line && "editSeat" in button.dataset) editSeat(line, button, this.thing(), this.host.words);
    if (line && "dropSeat" in button.dataset) turnSeat(line, button, "drop", this.host.words);
    if (line && "backSeat" in button.dataset) turnSeat(line, button, "back", this.host.words);
  }

  /** @param {Event} event */
  changed(event) {
    const field = /** @type {HTMLInputElement | HTMLSelectElement} */ (event.target);
    field.removeAttribute("aria-invalid");
    if (field.name === "scope") this.showFor(field.value === "this" ? "this" : "series");
    if (field.name === "kind") this.showFor(field.value);
    if (field.name === "weeks") {
      const listed = /** @type {HTMLElement | null} */ (this.panel.querySelector("[data-listed]"));
      if (listed) listed.hidden = field.value !== "listed";
    }
    if (field.name === "host") this.fillFor(field.value);
    if (field.matches("[data-add-seat]")) {
      fillClasses(this.panel, /** @type {HTMLSelectElement} */ (field), this.thing());
    }
  }

  /** @param {string} what */
  showFor(what) {
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (this.panel.querySelectorAll("[data-when]"))) {
      part.hidden = part.dataset.when !== what;
    }
  }

  /** @param {string} school the choices of another host school */
  fillFor(school) {
    const choices = this.thing().schools?.[school] ?? {};
    for (const select of /** @type {NodeListOf<HTMLSelectElement>} */ (this.panel.querySelectorAll("[data-of-host]"))) {
      const found = /** @type {[string, string][]} */ (choices[select.dataset.ofHost ?? ""] ?? []);
      const none = select.name === "class" ? [h("option", { value: "" }, "—")] : [];
      select.replaceChildren(...none, ...found.map(([value, name]) => h("option", { value }, name)));
    }
  }
}
