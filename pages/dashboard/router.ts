// Routes are in the fragment: `#/jobs/<id>?state=failed`. The page's address never changes otherwise, so that the host needs one route.
import { useCallback, useState } from "preact/hooks";
import { createStore, useStore } from "./store";

export interface Route {
  readonly path: string;
  readonly query: URLSearchParams;
  /** Which entry of the browser's history this is. */
  readonly entry: string;
}

export type Query = Readonly<Record<string, string | null | undefined>>;

// What views keep for an entry of the history, so that they look as they did when someone comes back.
const ENTRIES_MAX = 50;
const kept = new Map<string, Map<string, unknown>>();

export const routeStore = createStore<Route>(readRoute());

function readRoute(): Route {
  const [path = "", query = ""] = splitOnce(location.hash.slice(1), "?");
  return { path: path.startsWith("/") ? path : "/", query: new URLSearchParams(query), entry: entryId() };
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** The id of the current entry of the history, which gets one if it has none. */
function entryId(): string {
  const state: unknown = history.state;
  if (typeof state === "object" && state !== null && "entry" in state && typeof state.entry === "string") {
    return state.entry;
  }
  const entry = Math.random().toString(36).slice(2);
  history.replaceState({ entry }, "");
  return entry;
}

/** Follow the address. `readKey` has to run first: it may change it. */
export function startRouter(): void {
  history.scrollRestoration = "manual";
  let { entry } = routeStore.get();
  addEventListener("scroll", () => keep(entry, "scroll", scrollY), { passive: true });
  const follow = () => {
    const route = readRoute();
    entry = route.entry;
    routeStore.set(route);
  };
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  follow();
}

/** A link within the page. Parameters without a value are left out; segments of the path are the caller's to encode. */
export function href(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const text = new URLSearchParams(given).toString();
  return `#${path}${text ? `?${text}` : ""}`;
}

export function navigate(path: string, query: Query = {}): void {
  location.hash = href(path, query);
}

/** Change parameters of the current route, without an entry in the history: a filter that is being typed. */
export function replaceQuery(changes: Query): void {
  const { path, query, entry } = routeStore.get();
  const merged = { ...Object.fromEntries(query), ...changes };
  history.replaceState({ entry }, "", href(path, merged));
  routeStore.set(readRoute());
}

/** The parameters of a path that matches a pattern such as `/jobs/:jobId`; null if it does not match. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const given = path.replace(/(.)\/$/, "$1").split("/");
  if (wanted.length !== given.length) {
    return null;
  }
  const params: Record<string, string> = {};
  for (const [at, segment] of wanted.entries()) {
    const value = given[at] ?? "";
    if (segment.startsWith(":")) {
      try {
        params[segment.slice(1)] = decodeURIComponent(value);
      } catch {
        return null;
      }
    } else if (segment !== value) {
      return null;
    }
  }
  return params;
}

function keep(entry: string, name: string, value: unknown): void {
  const values = kept.get(entry) ?? new Map<string, unknown>();
  values.set(name, value);
  kept.delete(entry);
  kept.set(entry, values);
  for (const oldest of kept.keys()) {
    if (kept.size <= ENTRIES_MAX) {
      break;
    }
    kept.delete(oldest);
  }
}

/** State that is there again when someone comes back to this entry of the history, but not after a reload. */
export function useKept<T>(name: string, initial: T): [T, (value: T) => void] {
  const { entry } = useStore(routeStore);
  const [, render] = useState(0);
  const change = useCallback(
    (value: T) => {
      keep(entry, name, value);
      render((count) => count + 1);
    },
    [entry, name],
  );
  return [(kept.get(entry)?.get(name) as T | undefined) ?? initial, change];
}

/** Forget what views have kept. */
export function forgetKept(): void {
  kept.clear();
}

/** Where the window was scrolled to at this entry of the history; null for a new one. */
export function keptScroll(entry: string): number | null {
  return (kept.get(entry)?.get("scroll") as number | undefined) ?? null;
}
