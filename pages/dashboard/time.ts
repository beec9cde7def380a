// Times and durations in words. All functions take the current time in milliseconds, as Date.now() gives it.
import { useEffect, useState } from "preact/hooks";
import { createStore, useStore } from "./store";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const exactFormat = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
});
const dateFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const shortDateFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const relativeFormat = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** `21 Nov 2026, 20:27:24 CET`. */
export const exactTime = (at: string): string => formatted(exactFormat, at);
/** `21 Nov 2026`: the day in UTC, as offers mean their dates. */
export const date = (at: string): string => formatted(dateFormat, at);
/** `21 Nov`. */
export const shortDate = (at: string): string => formatted(shortDateFormat, at);
/** `20:27`. */
export const clockTime = (at: string): string => formatted(clockFormat, at);

function formatted(format: Intl.DateTimeFormat, at: string): string {
  const moment = Date.parse(at);
  return Number.isNaN(moment) ? at : format.format(moment);
}

/** `just now`, `3 minutes ago`, `in 2 hours`, `yesterday`. */
export function relative(at: string, now: number): string {
  const distance = Date.parse(at) - now;
  if (Number.isNaN(distance)) {
    return at;
  }
  const size = Math.abs(distance);
  if (size < 5 * SECOND) {
    return "just now";
  }
  if (size < MINUTE) {
    return relativeFormat.format(Math.trunc(distance / SECOND), "second");
  }
  if (size < HOUR) {
    return relativeFormat.format(Math.trunc(distance / MINUTE), "minute");
  }
  if (size < DAY) {
    return relativeFormat.format(Math.trunc(distance / HOUR), "hour");
  }
  const days = Math.round(distance / DAY);
  return Math.abs(days) < 60 ? relativeFormat.format(days, "day") : relativeFormat.format(Math.round(days / 30), "month");
}

/** When something happened, in a sentence: `since 20:27`, or `since 19 Nov` if that was over a day ago. */
export function since(at: string, now: number): string {
  return `since ${now - Date.parse(at) < DAY ? clockTime(at) : date(at)}`;
}

/** A duration in its two largest units: `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / SECOND));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) {
    return "0 s";
  }
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

// One clock for the page, which runs while someone looks at it.
const nowStore = createStore(Date.now());
let watchers = 0;
let ticking: ReturnType<typeof setInterval> | undefined;

/** The current time in milliseconds, moving on each second. */
export function useNow(): number {
  useEffect(() => {
    watchers += 1;
    nowStore.set(Date.now());
    ticking ??= setInterval(() => document.visibilityState === "visible" && nowStore.set(Date.now()), SECOND);
    return () => {
      watchers -= 1;
      if (watchers === 0) {
        clearInterval(ticking);
        ticking = undefined;
      }
    };
  }, []);
  return useStore(nowStore);
}

/** The current time in milliseconds, moving on each minute: for what would be too much work each second. */
export function useMinute(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), MINUTE);
    return () => clearInterval(timer);
  }, []);
  return now;
}
