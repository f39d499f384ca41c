// Whom an order reaches is shown while it is filled in.

/** Changes that follow each other are one question, ms. */
const SETTLE_MS = 250;

const form = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-push]"));
const place = /** @type {HTMLElement | null} */ (document.querySelector("[data-targets]"));

/** @param {HTMLFormElement} asked @param {HTMLElement} shown */
function follow(asked, shown) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let soon;
  /** @type {AbortController | null} */
  let running = null;
  const look = async () => {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    try {
      const values = /** @type {[string, string][]} */ (
        [...new FormData(asked)].filter(([, value]) => typeof value === "string")
      );
      const response = await fetch("/pushes/preview", {
        method: "POST",
        body: new URLSearchParams(values),
        redirect: "manual",
        signal,
      });
      if (response.type === "opaqueredirect") return location.reload();
      if (!response.ok) throw new Error(String(response.status));
      shown.innerHTML = await response.text();
    } catch {
      if (!signal.aborted) shown.textContent = shown.dataset.failed ?? "";
    }
  };
  asked.addEventListener("change", () => {
    clearTimeout(soon);
    soon = setTimeout(() => void look(), SETTLE_MS);
  });
  const button = /** @type {HTMLElement | null} */ (asked.querySelector("[data-look]"));
  if (button) button.hidden = true;
}

if (form && place) follow(form, place);

export {};
