// Data that keeps itself fresh while someone looks at it.
//
// What was loaded is shown until something newer is there, also after someone comes back to a view. While the monitor is
// away, tries get rarer, one notice in the page says when the next one is, and everything goes on by itself afterwards.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ApiProblem, asProblem, isAborted } from "./api";
import { createStore } from "./store";

const FIRST_RETRY_SECONDS = 2;
const LAST_RETRY_SECONDS = 60;
const RESULTS_MAX = 40;

export interface Fresh<T> {
  /** The newest data; undefined until the first is there. */
  readonly data: T | undefined;
  /** Why the last load failed; undefined after a success. */
  readonly problem: ApiProblem | undefined;
  readonly isLoading: boolean;
  /** Load again now. */
  readonly refresh: () => void;
}

export interface Away {
  /** When the next try is, in milliseconds as of Date.now(). */
  readonly retryAt: number;
}

/** Set while the monitor does not answer. */
export const awayStore = createStore<Away | null>(null);

const results = new Map<string, unknown>();
const refreshing = new Set<() => void>();

/** Load everything that is shown again now: after a change, or when the next try is too far away. */
export function refreshAll(): void {
  for (const refresh of [...refreshing]) {
    refresh();
  }
}

/** Forget all data, and that the monitor was away. */
export function forgetData(): void {
  results.clear();
  awayStore.set(null);
}

function remember(key: string, data: unknown): void {
  results.delete(key);
  results.set(key, data);
  for (const oldest of results.keys()) {
    if (results.size <= RESULTS_MAX) {
      break;
    }
    results.delete(oldest);
  }
}

/**
 * The data of `load`, loaded now and then each `everySeconds` (0: never by itself) while the page is visible.
 *
 * `key` names the data: where it changes, other data is loaded; where it is the same, data is there at once.
 */
export function useFresh<T>(key: string, load: (signal: AbortSignal) => Promise<T>, { everySeconds }: { everySeconds: number }): Fresh<T> {
  const [, render] = useState(0);
  const state = useRef({ key, problem: undefined as ApiProblem | undefined, isLoading: true });
  if (state.current.key !== key) {
    state.current = { key, problem: undefined, isLoading: true };
  }
  const newestLoad = useRef(load);
  newestLoad.current = load;
  const start = useRef<() => void>(() => {});

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let loading: AbortController | undefined;
    let failures = 0;
    let isDue = true;

    const plan = (seconds: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        isDue = true;
        runIfVisible();
      }, seconds * 1000);
    };
    const update = (change: Partial<(typeof state)["current"]>) => {
      Object.assign(state.current, change);
      render((count) => count + 1);
    };
    const run = async () => {
      clearTimeout(timer);
      loading?.abort();
      const own = new AbortController();
      loading = own;
      isDue = false;
      update({ isLoading: true });
      try {
        const data = await newestLoad.current(own.signal);
        if (own.signal.aborted) {
          return;
        }
        failures = 0;
        remember(key, data);
        awayStore.set(null);
        update({ problem: undefined, isLoading: false });
        if (everySeconds > 0) {
          plan(everySeconds);
        }
      } catch (error) {
        if (own.signal.aborted || isAborted(error)) {
          return;
        }
        const problem = asProblem(error);
        failures += 1;
        if (problem.status === 0 || problem.status >= 500 || problem.status === 429) {
          const pause = Math.min(FIRST_RETRY_SECONDS * 2 ** (failures - 1), LAST_RETRY_SECONDS);
          const seconds = Math.max(pause, problem.more.retryAfter ?? 0);
          plan(seconds);
          if (problem.isAway) {
            awayStore.set({ retryAt: Date.now() + seconds * 1000 });
          }
        } else if (everySeconds > 0) {
          plan(everySeconds);
        }
        update({ problem, isLoading: false });
      }
    };
    const runIfVisible = () => {
      if (isDue && document.visibilityState === "visible") {
        void run();
      }
    };
    const runNow = () => void run();

    start.current = runNow;
    refreshing.add(runNow);
    document.addEventListener("visibilitychange", runIfVisible);
    runNow();
    return () => {
      refreshing.delete(runNow);
      document.removeEventListener("visibilitychange", runIfVisible);
      clearTimeout(timer);
      loading?.abort();
    };
  }, [key, everySeconds]);

  const refresh = useCallback(() => start.current(), []);
  const { problem, isLoading } = state.current;
  return { data: results.get(key) as T | undefined, problem, isLoading, refresh };
}
