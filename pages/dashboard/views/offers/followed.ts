// The offers that the monitor follows: read, sorted by what comes next, and filtered.
import { answer, api, type HealthDetails, readHealth, type WatchedOffer } from "../../api";
import { daysUntil, isForResellers, isPast, type Offer, offerTitle, partyText, readOffer, stageOf } from "../../offer";
import type { LoadPage } from "../../pages";

export const OFFERS_MAX = 5000;
export const EXPIRING_DAYS = 14;
export const ENDING_DAYS = 30;
/** How far the dates reach that "What comes next" shows. */
export const DAYS_AHEAD = 60;
const PAGE_MAX = 1000;

export type LastChange = NonNullable<WatchedOffer["lastChange"]>;

export interface Followed {
  readonly offer: Offer;
  /** Null if none was announced, or if nobody keeps any. */
  readonly lastChange: LastChange | null;
}

export interface FollowedList {
  readonly items: readonly Followed[];
  /** Whether there are more offers than were read. */
  readonly isCut: boolean;
  readonly run: HealthDetails["timers"][string] | undefined;
}

/** All followed offers, the first 5,000 of more, but then with all those that expire or end in the next time. */
export async function loadFollowed(signal: AbortSignal, onCount: (count: number) => void): Promise<FollowedList> {
  const [{ items, isCut }, health] = await Promise.all([readAll({}, signal, onCount), readHealth(signal)]);
  const found = new Map(items.map((item) => [idOf(item), item]));
  if (isCut) {
    const within = `${DAYS_AHEAD}d`;
    for (const filter of [{ expiringWithin: within }, { endingWithin: within }]) {
      for (const item of (await readAll(filter, signal)).items) {
        found.set(idOf(item), item);
      }
    }
  }
  return { items: [...found.values()], isCut, run: health.timers.watch_offers };
}

async function readAll(
  filter: { expiringWithin?: string; endingWithin?: string },
  signal: AbortSignal,
  onCount: (count: number) => void = () => {},
): Promise<{ items: Followed[]; isCut: boolean }> {
  const items: Followed[] = [];
  let cursor: string | null = null;
  do {
    const query = { ...filter, limit: PAGE_MAX, ...(cursor !== null && { cursor }) };
    const page: { privateOffers: WatchedOffer[]; nextCursor: string | null } = await answer(
      api.GET("/watch/private-offers", { signal, params: { query } }),
    );
    items.push(...page.privateOffers.flatMap(({ privateOffer, lastChange }) => read(privateOffer, lastChange)));
    cursor = page.nextCursor;
    onCount(items.length);
  } while (cursor !== null && items.length < OFFERS_MAX);
  return { items, isCut: cursor !== null };
}

/** Partner Center's own list, page by page. */
export const loadPartnerCenter: LoadPage<Followed> = async (cursor, limit, signal) => {
  const query = { limit, ...(cursor !== null && { cursor }) };
  const { privateOffers, nextCursor } = await answer(api.GET("/private-offers", { signal, params: { query } }));
  return { items: privateOffers.flatMap((raw) => read(raw, null)), nextCursor };
};

function read(raw: unknown, lastChange: LastChange | null): Followed[] {
  const offer = readOffer(raw);
  return offer === null ? [] : [{ offer, lastChange }];
}

export const idOf = ({ offer: { id, name } }: Followed): string => id ?? name ?? "";

/** Whether the offer is live and waits for the customer, or for the partner first. */
export function isWaiting(offer: Offer, now: number): boolean {
  const stage = stageOf(offer, now);
  return stage === "waitingForCustomer" || stage === "waitingForPartner" || (stage === "live" && !isForResellers(offer));
}

function isRunning(offer: Offer, now: number): boolean {
  const stage = stageOf(offer, now);
  return stage === "accepted" || (stage === "live" && isForResellers(offer));
}

const isWithin = (at: string | null, days: number, now: number): boolean => at !== null && !isPast(at, now) && daysUntil(at, now) <= days;

export const isExpiring = (offer: Offer, days: number, now: number): boolean =>
  isWaiting(offer, now) && isWithin(offer.acceptBy, days, now);
export const isEnding = (offer: Offer, days: number, now: number): boolean => isRunning(offer, now) && isWithin(offer.end, days, now);

export interface Coming {
  readonly offer: Offer;
  readonly kind: "acceptBy" | "end";
  /** The date as it came. */
  readonly at: string;
}

/** The dates that are ahead of an offer: of a draft, or of one that is over, none. */
export function comingDates(offer: Offer, now: number): Coming[] {
  const { acceptBy, end } = offer;
  const waits = isWaiting(offer, now);
  const dates: Coming[] = [];
  if (waits && acceptBy !== null && !isPast(acceptBy, now)) {
    dates.push({ offer, kind: "acceptBy", at: acceptBy });
  }
  if ((waits || isRunning(offer, now)) && end !== null && !isPast(end, now)) {
    dates.push({ offer, kind: "end", at: end });
  }
  return dates;
}

/** The offers with a date ahead come first, the nearest date first; then drafts; then what is over, the newest first. */
export function sorted(items: readonly Followed[], now: number): Followed[] {
  const ranked = items.map((item) => ({ item, rank: rankOf(item.offer, now), name: offerTitle(item.offer) }));
  ranked.sort((one, other) => one.rank[0] - other.rank[0] || one.rank[1] - other.rank[1] || one.name.localeCompare(other.name, "en"));
  return ranked.map(({ item }) => item);
}

function rankOf(offer: Offer, now: number): [group: number, order: number] {
  const [next] = comingDates(offer, now);
  if (next !== undefined) {
    return [0, Date.parse(next.at)];
  }
  const { acceptBy, end, lastModified } = offer;
  const newest = (at: string | null) => (at === null ? 0 : -Date.parse(at));
  switch (stageOf(offer, now)) {
    case "draft":
    case "unknown":
      return [2, newest(lastModified)];
    case "expired":
      return [3, newest(acceptBy)];
    case "ended":
      return [4, newest(end)];
    case "withdrawn":
    case "deleted":
      return [5, newest(lastModified)];
    default:
      return [1, 0];
  }
}

export const SHOWS = ["waiting", "expiring", "ending"] as const;
export type Show = (typeof SHOWS)[number];

export interface Filter {
  readonly show: Show | null;
  readonly state: string | null;
  /** A day in UTC, such as `2027-01-31`, on which something expires or ends. */
  readonly on: string | null;
  readonly search: string;
}

export function isShown(offer: Offer, show: Show | null, now: number): boolean {
  switch (show) {
    case "waiting":
      return isWaiting(offer, now);
    case "expiring":
      return isExpiring(offer, EXPIRING_DAYS, now);
    case "ending":
      return isEnding(offer, ENDING_DAYS, now);
    default:
      return true;
  }
}

export function fits(offer: Offer, { show, state, on, search }: Filter, now: number): boolean {
  return (
    isShown(offer, show, now) &&
    (state === null || offer.state === state) &&
    (on === null || comingDates(offer, now).some(({ at }) => dayOf(at) === on)) &&
    (search === "" || isFound(offer, search.toLowerCase()))
  );
}

function isFound({ id, name, customers, partners }: Offer, search: string): boolean {
  return [id, name, ...[...customers, ...partners].map(partyText)].some((text) => text?.toLowerCase().includes(search));
}

/** The day of a date in UTC. */
export const dayOf = (at: string): string => new Date(at).toISOString().slice(0, 10);
