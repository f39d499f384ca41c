// Taking up a lesson with mouse, pen or finger. A finger must rest first: else it scrolls.

import { ITEM } from "./cells.js";

/** A pointer that moves less is still a click. */
const SLACK = 5;
/** A finger that rests so long takes up what is under it. */
const REST_MS = 350;

/**
 * @param {HTMLElement} page
 * @param {import("./carry.js").Carrying} carrying
 * @param {(element: HTMLElement) => import("./carry.js").Carried | null} carriedOf
 */
export function dragging(page, carrying, carriedOf) {
  /** @type {{x: number, y: number, element: HTMLElement, pointer: number, touch: boolean} | null} */
  let pressed = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  let dragged = false;

  const begin = () => {
    const carried = pressed && carriedOf(pressed.element);
    if (!pressed || !carried) return;
    dragged = true;
    carrying.start(carried);
    carrying.follow(pressed.x, pressed.y);
  };
  const end = () => {
    clearTimeout(resting);
    pressed = null;
  };

  page.addEventListener("pointerdown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const element = /** @type {HTMLElement | null} */ (target.closest(`${ITEM}, [data-waiting]`));
    if (!element || event.button !== 0 || carrying.on) return;
    const touch = event.pointerType === "touch";
    pressed = { x: event.clientX, y: event.clientY, element, pointer: event.pointerId, touch };
    dragged = false;
    if (touch) resting = setTimeout(begin, REST_MS);
  });
  addEventListener("pointermove", (event) => {
    if (!pressed || event.pointerId !== pressed.pointer) return;
    if (dragged) {
      carrying.follow(event.clientX, event.clientY);
      return;
    }
    const far = Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > SLACK;
    if (!far) return;
    if (pressed.touch) end();
    else begin();
  });
  addEventListener("pointerup", (event) => {
    if (!pressed || event.pointerId !== pressed.pointer) return;
    if (dragged) void carrying.drop();
    end();
  });
  addEventListener("pointercancel", () => {
    if (dragged) carrying.stop();
    end();
  });
  // A finger that stops the page in mid-scroll goes on scrolling it: the browser does not ask.
  page.addEventListener(
    "touchstart",
    (event) => {
      if (!event.cancelable && pressed?.touch) end();
    },
    { passive: true },
  );
  // Once it is taken up, the finger carries it and no longer scrolls.
  page.addEventListener(
    "touchmove",
    (event) => {
      if (pressed && dragged) event.preventDefault();
    },
    { passive: false },
  );
  // A finger that rests asks the browser for its menu, too.
  page.addEventListener("contextmenu", (event) => {
    if (pressed?.touch) event.preventDefault();
  });
  // The click that ends a drag opens nothing.
  page.addEventListener(
    "click",
    (event) => {
      if (!dragged) return;
      dragged = false;
      event.preventDefault();
      event.stopPropagation();
    },
    true,
  );
  page.addEventListener("dragstart", (event) => event.preventDefault());
}
