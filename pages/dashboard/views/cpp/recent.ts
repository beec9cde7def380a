// The offers that were looked up last, kept for this tab.
import { createStore } from "../../store";

export interface Looked {
  readonly publisherId: string;
  readonly offerId: string;
  readonly name: string;
}

const STORED_AS = "offer-monitor.cpp";
const KEPT_MAX = 6;
const NAME_MAX = 200;

export const recentStore = createStore<readonly Looked[]>(stored());

/** Put an offer at the head of the list. */
export function remember({ publisherId, offerId, name }: Looked): void {
  const others = recentStore.get().filter((each) => each.publisherId !== publisherId || each.offerId !== offerId);
  const all = [{ publisherId, offerId, name: name.slice(0, NAME_MAX) }, ...others].slice(0, KEPT_MAX);
  recentStore.set(all);
  try {
    sessionStorage.setItem(STORED_AS, JSON.stringify(all));
  } catch {
    // The browser keeps nothing for this page: the list lives until it is reloaded.
  }
}

function stored(): readonly Looked[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(STORED_AS) ?? "[]");
    return Array.isArray(found) ? found.filter(isLooked).slice(0, KEPT_MAX) : [];
  } catch {
    return [];
  }
}

function isLooked(value: unknown): value is Looked {
  const { publisherId, offerId, name } = (value ?? {}) as Record<string, unknown>;
  return [publisherId, offerId, name].every((each) => typeof each === "string");
}
