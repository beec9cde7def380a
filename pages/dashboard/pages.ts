// Lists that are read page by page, newest first: more on demand, and fresh without losing the place.
import { useCallback, useRef, useState } from "preact/hooks";
import { type ApiProblem, asProblem } from "./api";
import { useFresh } from "./refresh";
import { useKept } from "./router";

const PAGE_ITEMS = 50;
const REFRESHED_ITEMS_MAX = 500;
// A page may be short, even empty, and still not be the last one.
const SHORT_PAGES_MAX = 4;

export interface PageOf<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

export interface Pages<T> {
  /** What has been loaded; undefined until the first page is there. */
  readonly items: readonly T[] | undefined;
  readonly hasMore: boolean;
  readonly isLoadingMore: boolean;
  readonly problem: ApiProblem | undefined;
  /** Why loading more failed. */
  readonly moreProblem: ApiProblem | undefined;
  readonly more: () => void;
  readonly refresh: () => void;
}

export type LoadPage<T> = (cursor: string | null, limit: number, signal: AbortSignal) => Promise<PageOf<T>>;

/**
 * The pages of a list. What is loaded is loaded again each `everySeconds`, the first 500 items at most.
 *
 * `key` names the list, filters included; `idOf` tells items apart.
 */
export function usePages<T>(
  key: string,
  loadPage: LoadPage<T>,
  { everySeconds, idOf }: { everySeconds: number; idOf: (item: T) => string },
): Pages<T> {
  const [loaded, setLoaded] = useKept<{ key: string; page: PageOf<T> } | null>("pages", null);
  const current = useRef<PageOf<T> | null>(null);
  current.current = loaded?.key === key ? loaded.page : null;
  const [moreState, setMoreState] = useState<{ isLoading: boolean; problem?: ApiProblem }>({ isLoading: false });
  const loadingMore = useRef(0);

  const fresh = useFresh(
    key,
    async (signal) => {
      const limit = Math.min(Math.max(current.current?.items.length ?? 0, PAGE_ITEMS), REFRESHED_ITEMS_MAX);
      const head = await loadItems(loadPage, null, limit, signal);
      loadingMore.current += 1; // what is being loaded after the old list does not fit the new one
      setMoreState({ isLoading: false });
      const page = joined(head, current.current, idOf);
      current.current = page;
      setLoaded({ key, page });
      return page;
    },
    { everySeconds },
  );

  const more = useCallback(async () => {
    const page = current.current;
    if (page === null || page.nextCursor === null) {
      return;
    }
    loadingMore.current += 1;
    const own = loadingMore.current;
    setMoreState({ isLoading: true });
    try {
      const next = await loadItems(loadPage, page.nextCursor, PAGE_ITEMS, new AbortController().signal);
      if (own === loadingMore.current) {
        const known = new Set(page.items.map(idOf));
        const items = [...page.items, ...next.items.filter((item) => !known.has(idOf(item)))];
        setLoaded({ key, page: { items, nextCursor: next.nextCursor } });
        setMoreState({ isLoading: false });
      }
    } catch (error) {
      if (own === loadingMore.current) {
        setMoreState({ isLoading: false, problem: asProblem(error) });
      }
    }
  }, [key, loadPage, idOf, setLoaded]);

  const page = current.current ?? fresh.data;
  return {
    items: page?.items,
    hasMore: page !== undefined && page.nextCursor !== null,
    isLoadingMore: moreState.isLoading,
    problem: fresh.problem,
    moreProblem: moreState.problem,
    more: () => void more(),
    refresh: fresh.refresh,
  };
}

async function loadItems<T>(loadPage: LoadPage<T>, cursor: string | null, limit: number, signal: AbortSignal): Promise<PageOf<T>> {
  let { items, nextCursor } = await loadPage(cursor, limit, signal);
  for (let pages = 1; pages < SHORT_PAGES_MAX && nextCursor !== null && items.length < limit; pages += 1) {
    const next = await loadPage(nextCursor, limit - items.length, signal);
    items = [...items, ...next.items];
    nextCursor = next.nextCursor;
  }
  return { items, nextCursor };
}

/** The new beginning of a list, and what was loaded before and comes after it. */
function joined<T>(head: PageOf<T>, before: PageOf<T> | null, idOf: (item: T) => string): PageOf<T> {
  const last = head.items.at(-1);
  if (before === null || last === undefined || head.nextCursor === null) {
    return head;
  }
  const at = before.items.findIndex((item) => idOf(item) === idOf(last));
  const tail = at < 0 ? [] : before.items.slice(at + 1);
  return tail.length === 0 ? head : { items: [...head.items, ...tail], nextCursor: before.nextCursor };
}
