// Documents on a lesson's page: a file is sent as it is, and the list follows its conversion.

import { keepFresh } from "./live.js";
import { RefusedError, shownBy, takeIn, upload } from "./uploads.js";

const list = document.getElementById("documents-list");
if (list?.dataset.live) keepFresh(list, { selector: "#documents-list" });

/**
 * @param {HTMLFormElement} form
 * @param {string} selector
 */
function part(form, selector) {
  const found = form.querySelector(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
}

/** @param {HTMLFormElement} form */
function prepare(form) {
  const words = form.dataset;
  const input = /** @type {HTMLInputElement} */ (part(form, "input[type=file]"));
  const send = /** @type {HTMLButtonElement} */ (part(form, "[data-send]"));
  const bar = /** @type {HTMLProgressElement} */ (part(form, "[data-bar]"));
  const error = /** @type {HTMLElement} */ (part(form, "[data-error]"));
  const progress = /** @type {HTMLElement} */ (part(form, "[data-progress]"));
  let running = false;

  /** @param {boolean} on */
  const busy = (on) => {
    running = send.disabled = on;
    bar.hidden = !on;
    if (!on) progress.textContent = "";
  };

  /** @param {string} text */
  const complain = (text) => {
    busy(false);
    error.textContent = text;
    error.hidden = text === "";
    input.setAttribute("aria-invalid", String(text !== ""));
  };

  /** @param {File} file */
  const give = async (file) => {
    complain("");
    busy(true);
    const { signal } = new AbortController();
    const key = crypto.getRandomValues(new Uint32Array(4)).join("-");
    try {
      const id = await upload(file, { signal, ...shownBy(bar, progress, words) });
      await takeIn(file, words.document ?? "", { upload: id }, key, { signal });
    } catch (failure) {
      running = false;
      if (!(failure instanceof RefusedError)) complain(words.failed ?? "");
      else if (failure.status === 401) location.reload();
      else complain(failure.said || (words.failed ?? ""));
      return;
    }
    running = false;
    const next = words.next ?? "";
    // The same address but for its fragment would not be loaded again.
    location.assign(next);
    if (location.href.endsWith(next)) location.reload();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const [file] = input.files ?? [];
    if (!file) complain(words.choose ?? "");
    else if (file.size > Number(words.maxBytes)) complain(words.tooLarge ?? "");
    else void give(file);
    if (!error.hidden) input.focus();
  });
  addEventListener("beforeunload", (event) => {
    if (running) event.preventDefault();
  });
}

for (const form of document.querySelectorAll("form[data-document]")) {
  prepare(/** @type {HTMLFormElement} */ (form));
}
