// A recording's marks are set where its player stands.

/** @param {number} seconds */
function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}

for (const form of document.querySelectorAll("form[data-cut]")) {
  const player = /** @type {HTMLVideoElement | null} */ (form.closest("article")?.querySelector("video") ?? null);
  for (const button of form.querySelectorAll("[data-mark]")) {
    const name = /** @type {HTMLElement} */ (button).dataset.mark;
    const field = /** @type {HTMLInputElement | null} */ (form.querySelector(`[name="${name}"]`));
    if (!player || !field) continue;
    /** @type {HTMLElement} */ (button).hidden = false;
    button.addEventListener("click", () => (field.value = clock(player.currentTime)));
  }
}

export {};
