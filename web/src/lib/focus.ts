// What has the focus may go away: a row that is scrolled out of sight, a button whose action is done. A reader who uses
// the keyboard would begin again at the top of the page.

/** keepFocus gives the focus of what goes away to what is around it, until the returned function is called. */
export function keepFocus(): () => void {
  let focused: Element | undefined;
  let around: HTMLElement | null | undefined;
  const take = (e: FocusEvent) => {
    focused = e.target as Element;
    around = focused.parentElement?.closest<HTMLElement>("[tabindex]");
  };
  const leave = (e: FocusEvent) => {
    const left = e.target as Element;
    setTimeout(() => left.isConnected && left === focused && left !== document.activeElement && (focused = undefined));
  };
  const observer = new MutationObserver(() => {
    if (!focused || focused.isConnected || document.activeElement !== document.body) return;
    focused = undefined;
    const near = around?.isConnected && around.tagName !== "MAIN" ? around : document.querySelector<HTMLElement>("main h1");
    near?.focus({ preventScroll: true });
  });
  document.addEventListener("focusin", take);
  document.addEventListener("focusout", leave);
  observer.observe(document.body, { childList: true, subtree: true });
  return () => {
    document.removeEventListener("focusin", take);
    document.removeEventListener("focusout", leave);
    observer.disconnect();
  };
}
