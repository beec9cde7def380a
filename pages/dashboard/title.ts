// The title of the page, which browsers show in tabs and screen readers say first.
import { useEffect } from "preact/hooks";

export const NAME = "Offer monitor";

export function setTitle(title: string): void {
  document.title = `${title} · ${NAME}`;
}

/** Name the page after what a view shows, in place of the view's title in views/index.ts. */
export function useTitle(title: string): void {
  useEffect(() => setTitle(title), [title]);
}
