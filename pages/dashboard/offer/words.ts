// Offers in words. `now` is the current time in milliseconds, as Date.now() gives it.
import type { IconName, Tone } from "../components";
import { date } from "../time";
import type { Offer, Party, Price } from "./offer";

const DAY_MS = 24 * 60 * 60 * 1000;
const EXPIRING_DAYS = 7;
const ENDING_DAYS = 30;

const TYPES: Readonly<Record<string, string>> = {
  customerpromotion: "Offer to a customer",
  csppromotion: "Offer to resellers",
  multipartypromotionoriginator: "Multiparty offer",
  multipartypromotionchannelpartner: "Multiparty offer, as the selling partner",
};
const PRICING_TYPES: Readonly<Record<string, string>> = {
  editexistingofferpricingonly: "Prices for existing plans",
  saasnewcustomizedplans: "New plans for this customer",
  newcustomizedplans: "New plans for this customer",
  vmsoftwarereservations: "Software reservations for virtual machines",
};
const RECIPIENTS: Readonly<Record<string, string>> = { cspcustomer: "customer", billinggroup: "billing group" };

/** What kind of offer this is. */
export const typeText = ({ type }: Offer): string => (type === null ? "Private offer" : (TYPES[type] ?? type));

/** How the offer sets its prices; null if it does not say. */
export const pricingTypeText = ({ pricingType }: Offer): string | null =>
  pricingType === null ? null : (PRICING_TYPES[pricingType] ?? pricingType);

/** The name, or what to call an offer without one. */
export const offerTitle = ({ name, id }: Offer): string => name ?? id ?? "Offer without a name";

/** Where an offer is on its way, as Partner Center's own pages would say it. */
export type Stage =
  | "draft"
  | "waitingForPartner"
  | "waitingForCustomer"
  | "expired"
  | "accepted"
  | "live"
  | "ended"
  | "withdrawn"
  | "deleted"
  | "unknown";

export function stageOf(offer: Offer, now: number): Stage {
  const { state, subState, acceptBy, end } = offer;
  if (state === "draft" || state === "withdrawn" || state === "deleted") {
    return state;
  }
  if (state !== "live") {
    return "unknown";
  }
  if (subState === "accepted" || isForResellers(offer)) {
    return end !== null && isPast(end, now) ? "ended" : subState === "accepted" ? "accepted" : "live";
  }
  if (acceptBy !== null && isPast(acceptBy, now)) {
    return "expired";
  }
  if (subState === "pendingpartneraction") {
    return "waitingForPartner";
  }
  return subState === "pendingacceptance" ? "waitingForCustomer" : "live";
}

const STAGES: Readonly<Record<Exclude<Stage, "unknown">, { text: string; tone: Tone; icon: IconName }>> = {
  draft: { text: "Draft", tone: "neutral", icon: "dash" },
  waitingForPartner: { text: "Waiting for the partner", tone: "active", icon: "clock" },
  waitingForCustomer: { text: "Waiting for acceptance", tone: "active", icon: "clock" },
  expired: { text: "Expired", tone: "warning", icon: "warning" },
  accepted: { text: "Accepted", tone: "good", icon: "check" },
  live: { text: "Live", tone: "good", icon: "check" },
  ended: { text: "Ended", tone: "neutral", icon: "dash" },
  withdrawn: { text: "Withdrawn", tone: "neutral", icon: "dash" },
  deleted: { text: "Deleted", tone: "neutral", icon: "cross" },
};

/** State and sub-state together, for a badge. */
export function stageBadge(offer: Offer, now: number): { text: string; tone: Tone; icon: IconName } {
  const stage = stageOf(offer, now);
  if (stage !== "unknown") {
    return STAGES[stage];
  }
  return { text: [offer.state ?? "State unknown", offer.subState].filter(Boolean).join(", "), tone: "neutral", icon: "question" };
}

export interface OfferDate {
  readonly kind: "acceptBy" | "start" | "end";
  readonly name: string;
  /** The day, or what else is known. */
  readonly text: string;
  /** `expires in 5 days`, `ended 3 days ago`; null if there is nothing to add. */
  readonly note: string | null;
  readonly tone: Tone;
  /** The date as it came; null if there is none. */
  readonly at: string | null;
}

/** The dates of an offer in the order in which they come: accept by, start, end. */
export function offerDates(offer: Offer, now: number): OfferDate[] {
  const { acceptBy, start, end, startsOnAcceptance } = offer;
  const stage = stageOf(offer, now);
  const found: OfferDate[] = [];
  if (acceptBy !== null) {
    const isOpen = stage === "waitingForCustomer" || stage === "waitingForPartner" || stage === "expired" || stage === "live";
    const note = isOpen ? whenText("acceptBy", acceptBy, now) : null;
    found.push({
      kind: "acceptBy",
      name: "Accept by",
      text: date(acceptBy),
      note: stage === "accepted" || stage === "ended" ? "accepted" : note,
      tone: note === null ? "neutral" : stage === "expired" || daysUntil(acceptBy, now) <= EXPIRING_DAYS ? "warning" : "neutral",
      at: acceptBy,
    });
  }
  if (start !== null) {
    found.push({ kind: "start", name: "Starts", text: date(start), note: whenText("start", start, now), tone: "neutral", at: start });
  } else if (startsOnAcceptance) {
    found.push({ kind: "start", name: "Starts", text: "On acceptance", note: null, tone: "neutral", at: null });
  }
  if (end !== null) {
    const runs = stage === "accepted" || stage === "live";
    found.push({
      kind: "end",
      name: "Ends",
      text: date(end),
      note: whenText("end", end, now),
      tone: runs && daysUntil(end, now) <= ENDING_DAYS ? "warning" : "neutral",
      at: end,
    });
  }
  return found;
}

const VERBS = { acceptBy: ["expires", "expired"], start: ["starts", "started"], end: ["ends", "ended"] } as const;

/** `expires in 5 days`, `ends today`, `started 3 days ago`. */
export function whenText(kind: OfferDate["kind"], at: string, now: number): string {
  const [future, past] = VERBS[kind];
  return `${isPast(at, now) ? past : future} ${daysText(daysUntil(at, now))}`;
}

/** `today`, `tomorrow`, `in 5 days`, `3 days ago`; months when the days are many. */
export function daysText(days: number): string {
  const size = Math.abs(days);
  if (size <= 1) {
    return days === 0 ? "today" : days === 1 ? "tomorrow" : "yesterday";
  }
  const amount = size <= 90 ? `${size} days` : size < 730 ? `${Math.round(size / 30.44)} months` : `${Math.round(size / 365.25)} years`;
  return days > 0 ? `in ${amount}` : `${amount} ago`;
}

/** Calendar days in UTC from today to a date: 1 is tomorrow. */
export function daysUntil(at: string, now: number): number {
  return Math.floor(Date.parse(at) / DAY_MS) - Math.floor(now / DAY_MS);
}

/** Whether a date has passed: a day when it is over in UTC, a moment when it was. */
export function isPast(at: string, now: number): boolean {
  return at.includes("T") ? Date.parse(at) <= now : daysUntil(at, now) < 0;
}

/** Whether the offer is to resellers, who need not accept it. */
export const isForResellers = ({ type }: Offer): boolean => type === "csppromotion";

/** What a customer or partner is called. */
export const partyText = ({ name, id }: Party): string => name ?? id ?? "unnamed";

/** `for 2 customers`; null if the offer is for whomever the party sells to. */
export function recipientsText({ recipients }: Party): string | null {
  const [first] = recipients;
  if (first === undefined) {
    return null;
  }
  const kind = (first.type && RECIPIENTS[first.type]) ?? "recipient";
  return `for ${recipients.length} ${kind}${recipients.length === 1 ? "" : "s"}`;
}

export const productText = ({ productName, product }: Price): string => productName ?? product ?? "All products";

/** The plan, or what the price is for if it names none. */
export function planText({ newPlan, planName, plan }: Price): string {
  return newPlan?.name ?? planName ?? plan ?? "All plans";
}

/** `5 % off`, `Absolute price`. */
export function priceText({ discountType, discountPercentage }: Price): string {
  if (discountType === "absolute") {
    return "Absolute price";
  }
  if (discountPercentage === null) {
    return discountType === null || discountType === "percentage" ? "No discount" : discountType;
  }
  return `${percent(discountPercentage)} off`;
}

/** `12.5 %`. */
export const percent = (value: number): string => `${value.toLocaleString("en", { maximumFractionDigits: 4 })} %`;
