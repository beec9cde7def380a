// Keyboard shortcuts. A shortcut is one key, or two in a row ("g j"); `?` lists those that work now.
import { useLayoutEffect, useRef } from "preact/hooks";
import { createStore } from "./store";

export interface Shortcut {
  readonly keys: string;
  readonly does: string;
}

interface Registered extends Shortcut {
  readonly run: () => void;
}

const SECOND_KEY_WITHIN_MS = 1000;
const registered = createStore<readonly Registered[]>([]);
let before: { key: string; at: number } | null = null;

/** The shortcuts that work now, in the order in which their parts of the page appeared. */
export const shortcutStore: { get(): readonly Shortcut[] } = registered;

/** `run` when `keys` are pressed, while this component is there. */
export function useShortcut(keys: string, does: string, run: () => void): void {
  const newest = useRef(run);
  newest.current = run;
  // Before the browser shows the component: who sees it may press the keys at once.
  useLayoutEffect(() => {
    const own: Registered = { keys, does, run: () => newest.current() };
    registered.set([...registered.get(), own]);
    return () => registered.set(registered.get().filter((other) => other !== own));
  }, [keys, does]);
}

export function startShortcuts(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) {
      return;
    }
    const first = before !== null && Date.now() - before.at < SECOND_KEY_WITHIN_MS ? `${before.key} ` : "";
    before = { key: event.key, at: Date.now() };
    const shortcut = find(first + event.key) ?? find(event.key);
    if (shortcut !== undefined) {
      before = null;
      event.preventDefault();
      shortcut.run();
    }
  });
}

function find(keys: string): Registered | undefined {
  return registered.get().findLast((shortcut) => shortcut.keys === keys);
}

/** Whether keys belong to what has the focus: a field, or an open dialog. */
function isTyping(target: EventTarget | null): boolean {
  return (
    document.querySelector("dialog[open]") !== null ||
    (target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null)
  );
}

/** Move the focus to the next (1) or previous (-1) row of the view. Rows are marked with `data-row`. */
export function moveToRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("main [data-row]")];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}
