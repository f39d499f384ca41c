// Copying a secret address; the button appears only where copying works.

for (const button of document.querySelectorAll("[data-copy]")) {
  const control = /** @type {HTMLButtonElement} */ (button);
  const field = /** @type {HTMLInputElement | null} */ (
    document.getElementById(control.dataset.copy ?? "")
  );
  if (!field) continue;
  field.addEventListener("focus", () => field.select());
  control.hidden = false;
  control.addEventListener("click", async () => {
    const before = control.textContent;
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // Plain HTTP has no clipboard: the address is selected, Ctrl+C does the rest.
      field.focus();
      field.select();
      if (!document.execCommand("copy")) return;
    }
    control.textContent = control.dataset.copied ?? before;
    setTimeout(() => (control.textContent = before), 2_000);
  });
}

export {};
