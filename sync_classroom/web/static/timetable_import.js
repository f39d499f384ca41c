// Choosing a timetable file: its size is checked here, its content on the server.

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

/**
 * Send a file as it is; XMLHttpRequest, because fetch does not tell how much has been sent.
 * @param {string} term
 * @param {File} file
 * @param {(share: number) => void} sent
 * @returns {Promise<{status: number, body: any}>} rejects when the server cannot be reached
 */
function send(term, file, sent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/timetable/${encodeURIComponent(term)}/imports`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name).slice(0, 600));
    request.responseType = "json";
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) sent(event.loaded / event.total);
    };
    request.onload = () => resolve({ status: request.status, body: request.response });
    request.onerror = request.ontimeout = () => reject(new Error("unreachable"));
    request.timeout = 200_000;
    request.send(file);
  });
}

/** @param {HTMLFormElement} form */
function prepare(form) {
  const input = /** @type {HTMLInputElement} */ (one(form, "input[type=file]"));
  const term = /** @type {HTMLSelectElement} */ (one(form, "select"));
  const button = /** @type {HTMLButtonElement} */ (one(form, "[data-send]"));
  const error = /** @type {HTMLElement} */ (one(form, "[data-error]"));
  const progress = /** @type {HTMLElement} */ (one(form, "[data-progress]"));
  const drop = /** @type {HTMLElement} */ (one(form, "[data-drop]"));
  const words = form.dataset;

  /** @param {string} text */
  const complain = (text) => {
    error.textContent = text;
    error.hidden = text === "";
    input.setAttribute("aria-invalid", String(text !== ""));
    if (text) input.focus();
  };

  /** @param {File} file */
  const take = async (file) => {
    complain("");
    if (file.size > Number(words.maxBytes)) return complain(words.tooLarge ?? "");
    button.disabled = true;
    try {
      const { status, body } = await send(term.value, file, (share) => {
        progress.textContent =
          share < 1 ? `${words.sending} ${Math.round(100 * share)} %` : (words.reading ?? "");
      });
      if (status === 201) return location.assign(body.href);
      if (status === 401) return location.reload();
      complain((document.documentElement.lang === "en" ? body?.en : body?.zh) ?? words.failed ?? "");
    } catch {
      complain(words.failed ?? "");
    } finally {
      button.disabled = false;
      progress.textContent = "";
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = input.files?.[0];
    if (file) void take(file);
    else complain(words.choose ?? "");
  });
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.toggleAttribute("data-over", true);
  });
  drop.addEventListener("dragleave", () => drop.removeAttribute("data-over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.removeAttribute("data-over");
    const files = event.dataTransfer?.files;
    if (!files?.[0]) return;
    input.files = files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    void take(files[0]);
  });
}

const form = document.getElementById("upload");
if (form) prepare(/** @type {HTMLFormElement} */ (form));

export {};
