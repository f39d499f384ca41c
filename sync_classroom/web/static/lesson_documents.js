// Documents on a lesson's page: a file is sent as it is, and the list follows its conversion.

import { keepFresh } from "./live.js";

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
  const give = (file) => {
    complain("");
    busy(true);
    // Not fetch: it does not tell how much has been sent.
    const request = new XMLHttpRequest();
    request.open("POST", words.document ?? "");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.setRequestHeader("Idempotency-Key", crypto.getRandomValues(new Uint32Array(4)).join("-"));
    request.responseType = "json";
    request.upload.onprogress = (event) => {
      bar.value = event.loaded / Math.max(1, event.total);
      progress.textContent = `${words.sending} ${Math.floor(100 * bar.value)} %`;
    };
    request.onerror = () => complain(words.failed ?? "");
    request.onload = () => {
      running = false;
      if (request.status === 201) {
        const next = words.next ?? "";
        // The same address but for its fragment would not be loaded again.
        location.assign(next);
        if (location.href.endsWith(next)) location.reload();
      } else if (request.status === 401) location.reload();
      else {
        const { zh = "", en = "" } = request.response ?? {};
        complain((document.documentElement.lang === "en" ? en : zh) || (words.failed ?? ""));
      }
    };
    request.send(file);
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const [file] = input.files ?? [];
    if (!file) complain(words.choose ?? "");
    else if (file.size > Number(words.maxBytes)) complain(words.tooLarge ?? "");
    else give(file);
    if (!error.hidden) input.focus();
  });
  addEventListener("beforeunload", (event) => {
    if (running) event.preventDefault();
  });
}

for (const form of document.querySelectorAll("form[data-document]")) {
  prepare(/** @type {HTMLFormElement} */ (form));
}
