// Short news: shown for a moment, and read aloud by screen readers.
import { createStore } from "./store";

export interface Announcement {
  readonly id: number;
  readonly text: string;
}

const SHOWN_MS = 4000;
let last = 0;

export const announcementStore = createStore<Announcement | null>(null);

export function announce(text: string): void {
  last += 1;
  const id = last;
  announcementStore.set({ id, text });
  setTimeout(() => announcementStore.get()?.id === id && announcementStore.set(null), SHOWN_MS);
}
