// Where the focus goes when another page opens: to its heading, so that who hears the page
// hears what it is, and Tab goes on from there. A page may draw its heading anew once it has
// read something; until the person turns to something else the focus follows.
import { useLayoutEffect, useRef } from "preact/hooks";

let wanted = false;

/** lost says whether nothing has the focus, or what has it belongs to no page. */
function lost(): boolean {
  const at = document.activeElement;
  // Who chooses in a list with the arrow keys opens a page with each, and is not done yet.
  return !(at instanceof HTMLSelectElement) && (!at || at === document.body || !at.closest("#page") || at.tagName === "H1");
}

/** turnToHeading moves the focus to the heading of the page that has just opened. */
export function turnToHeading(): void {
  wanted = true;
  const h = document.querySelector<HTMLElement>("#page h1");
  if (h && lost()) h.focus({ preventScroll: true });
}

/** useHeading is for the heading itself: it takes the focus that its page is owed. */
export function useHeading() {
  const ref = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    if (wanted && lost()) ref.current?.focus({ preventScroll: true });
  }, []);
  return ref;
}

// Whatever the person does next, the focus is theirs.
for (const what of ["keydown", "pointerdown"]) addEventListener(what, () => (wanted = false), { capture: true });
