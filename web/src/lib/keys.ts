// The keyboard: a page says which keys it knows, and g with a letter goes to a page.

export type Keys = Record<string, () => void>;

const inUse: Keys[] = [];
let afterG = -Infinity;

/** useKeys adds keys until the returned function is called. The latest come first. */
export function useKeys(keys: Keys): () => void {
  inUse.unshift(keys);
  return () => {
    const at = inUse.indexOf(keys);
    if (at >= 0) inUse.splice(at, 1);
  };
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
}

addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.altKey || e.metaKey || e.isComposing || document.querySelector("dialog[open]")) return;
  if (typing(e.target)) {
    if (e.key === "Escape") (e.target as HTMLElement).blur();
    return;
  }
  // A button that has the focus is pressed by these, a link by Enter alone.
  const pressed = { Enter: "button, a, input, summary", " ": "button, input, summary" }[e.key];
  if (pressed && e.target instanceof HTMLElement && e.target.matches(pressed)) return;
  let name = e.key === " " ? "Space" : e.key;
  if (afterG > performance.now() - 1500) name = "g " + name;
  afterG = -Infinity;
  if (name === "g") {
    afterG = performance.now();
    return;
  }
  for (const keys of inUse) {
    const act = keys[name];
    if (act) {
      e.preventDefault();
      act();
      return;
    }
  }
});
