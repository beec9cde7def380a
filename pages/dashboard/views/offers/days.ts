// The dates of the next time, grouped by day, and where their labels have room on an axis.

import { daysText, daysUntil, type Offer, offerTitle, whenText } from "../../offer";
import { shortDate } from "../../time";
import { type Coming, comingDates, DAYS_AHEAD, dayOf } from "./followed";

export interface ComingDay {
  /** `2027-01-31`. */
  readonly day: string;
  /** From today, in calendar days of UTC. */
  readonly days: number;
  readonly dates: readonly Coming[];
}

/** The days of the next 60 on which something expires or ends, and how many dates come later. */
export function comingDays(offers: readonly Offer[], now: number): { days: ComingDay[]; later: number } {
  const byDay = new Map<string, Coming[]>();
  let later = 0;
  for (const coming of offers.flatMap((offer) => comingDates(offer, now))) {
    if (daysUntil(coming.at, now) > DAYS_AHEAD) {
      later += 1;
      continue;
    }
    const day = dayOf(coming.at);
    byDay.set(day, [...(byDay.get(day) ?? []), coming]);
  }
  const days = [...byDay].map(([day, dates]) => ({ day, days: daysUntil(day, now), dates }));
  return { days: days.sort((one, other) => one.days - other.days), later };
}

/** What a day is called: the offer's name, or `3 offers`. */
export function dayTitle({ dates }: ComingDay): string {
  const [first] = dates;
  const offers = new Set(dates.map(({ offer }) => offer));
  return first !== undefined && offers.size === 1 ? offerTitle(first.offer) : `${offers.size.toLocaleString("en")} offers`;
}

const NAMES_MAX = 5;

/** The names of the offers of a day with several; null for one, whose name is the day's title. */
export function dayNames({ dates }: ComingDay): string | null {
  const names = [...new Set(dates.map(({ offer }) => offerTitle(offer)))];
  const shown = names.slice(0, NAMES_MAX).join(", ");
  return names.length < 2
    ? null
    : names.length > NAMES_MAX
      ? `${shown} and ${(names.length - NAMES_MAX).toLocaleString("en")} more`
      : shown;
}

/** `expires tomorrow`; `expire in 5 days`; `2 expire, 1 ends`. */
export function dayNote({ dates, days, day }: ComingDay, now: number): string {
  const [first] = dates;
  if (first !== undefined && dates.length === 1) {
    return whenText(first.kind, day, now);
  }
  const expiring = dates.filter(({ kind }) => kind === "acceptBy").length;
  const ending = dates.length - expiring;
  const verbs = [counted(expiring, ending > 0, "expires", "expire"), counted(ending, expiring > 0, "ends", "end")].filter(Boolean);
  return verbs.length > 1 ? verbs.join(", ") : `${verbs.join("")} ${daysText(days)}`;
}

const counted = (count: number, withCount: boolean, one: string, many: string): string =>
  count === 0 ? "" : `${withCount ? `${count.toLocaleString("en")} ` : ""}${count === 1 ? one : many}`;

const LABEL_ROWS = 4;
const LABEL_MAX_PX = 148;
const LABEL_GAP_PX = 8;
const CHARACTER_PX = 6.2;
const LABEL_PADDING_PX = 8;

/** The part of the axis, in pixels from its left end, that days are spread over. */
const AXIS_START_PX = 8;
export const axisX = (days: number, width: number): number =>
  AXIS_START_PX + (days / DAYS_AHEAD) * Math.max(0, width - AXIS_START_PX - LABEL_MAX_PX);

export interface Placed extends ComingDay {
  readonly x: number;
  /** Which row the label is in, from the top; null if there is no room for it. */
  readonly row: number | null;
}

/**
 * The days with their place on an axis of `width` pixels. A label is right of its line, and no line crosses a label: it goes
 * into the topmost row below which all rows are free.
 */
export function place(days: readonly ComingDay[], width: number, now: number): Placed[] {
  const ends: number[] = Array.from({ length: LABEL_ROWS }, () => Number.NEGATIVE_INFINITY);
  return days.map((day) => {
    const x = axisX(day.days, width);
    const row = ends.findLastIndex((end) => end > x) + 1;
    if (row >= LABEL_ROWS) {
      return { ...day, x, row: null };
    }
    const characters = Math.max(dayTitle(day).length, dayNote(day, now).length);
    ends[row] = x + Math.min(characters * CHARACTER_PX + LABEL_PADDING_PX, LABEL_MAX_PX) + LABEL_GAP_PX;
    return { ...day, x, row };
  });
}

/** Each week from today, every other one with its date. */
export function ticks(width: number, now: number): { x: number; text: string | null }[] {
  return Array.from({ length: Math.floor(DAYS_AHEAD / 7) + 1 }, (_, week) => {
    const day = new Date(now + week * 7 * 24 * 60 * 60 * 1000).toISOString();
    return { x: axisX(week * 7, width), text: week === 0 ? "Today" : week % 2 === 0 ? shortDate(day) : null };
  });
}
