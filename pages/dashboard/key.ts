// The function key: in this tab's session storage, or taken from the address (`#key=...`), where it does not stay.
import { createStore } from "./store";

const STORED_AS = "offer-monitor.key";

export interface KeyState {
  readonly key: string | null;
  /** Whether the last key was refused. */
  readonly refused: boolean;
}

export const keyStore = createStore<KeyState>({ key: null, refused: false });

/** Read the key at the start: from the address, else from the session. */
export function readKey(): void {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const given = location.hash.startsWith("#key=") ? fragment.get("key") : null;
  if (given !== null) {
    const to = fragment.get("to") ?? "/";
    history.replaceState(null, "", `#${to.startsWith("/") ? to : `/${to}`}`);
    if (given.trim() !== "") {
      storeKey(given.trim());
      return;
    }
  }
  keyStore.set({ key: stored(), refused: false });
}

export function storeKey(key: string): void {
  try {
    sessionStorage.setItem(STORED_AS, key);
  } catch {
    // The browser keeps nothing for this page: the key lives until it is reloaded.
  }
  keyStore.set({ key, refused: false });
}

/** Forget the key, because someone asked for it or because it was refused. */
export function forgetKey({ refused = false } = {}): void {
  try {
    sessionStorage.removeItem(STORED_AS);
  } catch {
    // It was not stored.
  }
  keyStore.set({ key: null, refused });
}

function stored(): string | null {
  try {
    return sessionStorage.getItem(STORED_AS);
  } catch {
    return null;
  }
}
