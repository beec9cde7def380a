// What was announced of an offer, and whom an offer is for, in words.
import type { IconName, Tone } from "../../components";
import { type Offer, partyText } from "../../offer";

interface EventWords {
  readonly text: string;
  readonly tone: Tone;
  readonly icon: IconName;
}

const EVENTS: Readonly<Record<string, EventWords>> = {
  "private_offer.created": { text: "Appeared", tone: "neutral", icon: "plus" },
  "private_offer.changed": { text: "Changed", tone: "active", icon: "info" },
  "private_offer.accepted": { text: "Accepted", tone: "good", icon: "check" },
  "private_offer.expiring": { text: "About to expire", tone: "warning", icon: "clock" },
  "private_offer.expired": { text: "Expired", tone: "warning", icon: "warning" },
  "private_offer.ending": { text: "About to end", tone: "neutral", icon: "clock" },
  "private_offer.ended": { text: "Ended", tone: "neutral", icon: "dash" },
  "private_offer.deleted": { text: "Gone from Partner Center", tone: "bad", icon: "cross" },
};

/** What an event says: `Accepted`, `About to expire`. */
export function eventWords(type: string): EventWords {
  return EVENTS[type] ?? { text: type, tone: "neutral", icon: "info" };
}

const MEMBERS: Readonly<Record<string, string>> = {
  state: "State",
  subState: "Acceptance",
  start: "Start",
  end: "End",
  acceptBy: "Accept-by date",
  variableStartDate: "Start on acceptance",
  pricing: "Prices",
  originatorPricing: "Originator's prices",
  markupPercentage: "Markup",
  beneficiaries: "Customers",
  partners: "Partners",
};

/** The members that JSON Pointers name, each once: `Accept-by date`, `Prices (discount percentage)`. */
export function changedMembers(pointers: readonly string[]): string[] {
  const parts = new Map<string, Set<string>>();
  for (const pointer of pointers) {
    const [member = "", ...rest] = pointer
      .split("/")
      .slice(1)
      .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
    const part = rest.findLast((segment) => !/^\d+$/.test(segment));
    const found = parts.get(member) ?? new Set();
    if (part !== undefined) {
      found.add(spaced(part));
    }
    parts.set(member, found);
  }
  return [...parts].map(([member, found]) => {
    const name = MEMBERS[member] ?? capitalised(spaced(member));
    return found.size === 0 ? name : `${name} (${[...found].join(", ")})`;
  });
}

/** `discountPercentage` as `discount percentage`. */
export const spaced = (name: string): string =>
  name.replaceAll(/([a-z0-9])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);

export const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const PARTIES_SHOWN = 2;

/** `Northwind Traders`; `Wide World Importers, through Adatum`; `Contoso, Fabrikam and 3 more`. */
export function partiesText({ customers, partners }: Offer): string | null {
  const to = names(customers.map(partyText));
  const through = names(partners.map(partyText));
  return to !== null && through !== null ? `${to}, through ${through}` : (to ?? through);
}

function names(all: readonly string[]): string | null {
  const shown = all.slice(0, PARTIES_SHOWN).join(", ");
  return all.length === 0 ? null : all.length > PARTIES_SHOWN ? `${shown} and ${all.length - PARTIES_SHOWN} more` : shown;
}
