// The library's pages: a file is sent and taken in, and the page of the resource opens.

import { forget, RefusedError, shownBy, takeIn, upload } from "./uploads.js";

/**
 * @template {Element} T
 * @param {ParentNode} from
 * @param {string} selector
 * @returns {T}
 */
function one(from, selector) {
  const found = from.querySelector(selector);
  if (!found) throw new Error(`no ${selector}`);
  return /** @type {T} */ (found);
}

/** Say that a resource belongs to something else too. @param {string} where @param {string} id */
async function belongs(where, id) {
  const response = await fetch(where, { method: "POST", body: new URLSearchParams({ resource: id }) });
  if (!response.ok) throw new Error(`${where}: ${response.status}`);
}

/** @param {HTMLFormElement} form */
function prepare(form) {
  const input = /** @type {HTMLInputElement} */ (one(form, "input[type=file]"));
  const title = /** @type {HTMLInputElement | null} */ (form.querySelector("[name=title]"));
  const send = /** @type {HTMLButtonElement} */ (one(form, "[data-send]"));
  const cancel = /** @type {HTMLButtonElement} */ (one(form, "[data-cancel]"));
  const error = /** @type {HTMLElement} */ (one(form, "[data-error]"));
  const bar = /** @type {HTMLProgressElement} */ (one(form, "[data-bar]"));
  const progress = /** @type {HTMLElement} */ (one(form, "[data-progress]"));
  const words = form.dataset;
  /** @type {AbortController | null} */
  let running = null;

  /** @param {string} text */
  const complain = (text) => {
    error.textContent = text;
    error.hidden = text === "";
    input.setAttribute("aria-invalid", String(text !== ""));
  };

  /** @param {File} file */
  const wanted = (file, /** @type {string} */ id) => {
    if (words.resource) return { upload: id, resource: words.resource };
    const data = new FormData(form);
    const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
    return {
      upload: id,
      title: text("title") || file.name.replace(/\.[^.]*$/, ""),
      subject: text("subject"),
      grade: text("grade") ? Number(text("grade")) : null,
      note: text("note"),
    };
  };

  /** @param {File} file */
  const take = async (file) => {
    complain("");
    if (file.size > Number(words.maxBytes)) return complain(words.tooLarge ?? "");
    running = new AbortController();
    const { signal } = running;
    const key = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    send.disabled = true;
    cancel.hidden = bar.hidden = false;
    try {
      const id = await upload(file, { signal, ...shownBy(bar, progress, words) });
      progress.textContent = words.checking ?? "";
      const made = await takeIn(file, "/api/library", wanted(file, id), key, { signal });
      if (words.then) await belongs(words.then, String(made.id));
      location.assign(words.done || `/library/${made.id}?done=resource-added`);
    } catch (failure) {
      if (signal.aborted) await forget(file);
      else if (failure instanceof RefusedError && failure.status === 401) location.reload();
      else if (failure instanceof RefusedError)
        complain(failure.said || (words.failed ?? ""));
      else complain(words.failed ?? "");
      send.disabled = false;
      cancel.hidden = bar.hidden = true;
      progress.textContent = "";
    } finally {
      running = null;
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = input.files?.[0];
    if (file) void take(file);
    else {
      complain(words.choose ?? "");
      input.focus();
    }
  });
  cancel.addEventListener("click", () => running?.abort());
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    complain("");
    if (file && title && !title.value) title.value = file.name.replace(/\.[^.]*$/, "");
  });
  // Leaving loses nothing that was sent, but nobody leaves by accident.
  addEventListener("beforeunload", (event) => {
    if (running) event.preventDefault();
  });
}

for (const form of document.querySelectorAll("form[data-upload]")) {
  prepare(/** @type {HTMLFormElement} */ (form));
}
