// What is new in one offer against another: an upgrade against the offer it upgraded.
import { date } from "../time";
import type { Offer, Price } from "./offer";
import { partyText, percent, planText, priceText, pricingTypeText, productText, typeText } from "./words";

export interface OfferChange {
  /** What differs: `Ends`, `Contoso Field Service, Gold`. */
  readonly what: string;
  /** Null if it is new. */
  readonly from: string | null;
  /** Null if it is gone. */
  readonly to: string | null;
}

/** The differences in words, in the order in which an offer shows them. State, ids and times of change do not count. */
export function offerChanges(before: Offer, after: Offer): OfferChange[] {
  const texts: [string, (offer: Offer) => string | null][] = [
    ["Name", ({ name }) => name],
    ["Type", typeText],
    ["Accept by", ({ acceptBy }) => acceptBy && date(acceptBy)],
    ["Starts", ({ start, startsOnAcceptance }) => (start ? date(start) : startsOnAcceptance ? "on acceptance" : null)],
    ["Ends", ({ end }) => end && date(end)],
  ];
  const further: typeof texts = [
    ["Pricing", pricingTypeText],
    ["Markup", ({ markupPercentage }) => (markupPercentage === null ? null : percent(markupPercentage))],
    ["Prepared by", ({ preparedBy }) => preparedBy],
    ["Notes", ({ notes }) => notes],
  ];
  return [
    ...textChanges(texts, before, after),
    ...listChanges("Customers", before.customers.map(partyText), after.customers.map(partyText)),
    ...listChanges("Partners", before.partners.map(partyText), after.partners.map(partyText)),
    ...priceChanges("", before.pricing, after.pricing),
    ...priceChanges("Originator's price: ", before.originatorPricing, after.originatorPricing),
    ...textChanges(further, before, after),
    ...listChanges("Contacts", before.contacts, after.contacts),
    ...listChanges("Documents", before.documents, after.documents),
  ];
}

function textChanges(texts: readonly [string, (offer: Offer) => string | null][], before: Offer, after: Offer): OfferChange[] {
  return texts.map(([what, read]) => ({ what, from: read(before), to: read(after) })).filter(({ from, to }) => from !== to);
}

function listChanges(what: string, before: readonly string[], after: readonly string[]): OfferChange[] {
  const gone = before.filter((each) => !after.includes(each));
  const added = after.filter((each) => !before.includes(each));
  const [from, to] = [gone.join(", ") || null, added.join(", ") || null];
  if (from === null && to === null) {
    return [];
  }
  const isReplaced = gone.length === before.length && added.length === after.length;
  if (isReplaced || from === null || to === null) {
    return [{ what, from, to }];
  }
  return [
    { what, from, to: null },
    { what, from: null, to },
  ];
}

function priceChanges(prefix: string, before: readonly Price[], after: readonly Price[]): OfferChange[] {
  const left = [...before];
  const changes: OfferChange[] = [];
  for (const price of after) {
    const at = left.findIndex((each) => priceKey(each) === priceKey(price));
    const [old] = at < 0 ? [] : left.splice(at, 1);
    const from = old ? fullPrice(old) : null;
    // Partner Center gives an absolute price a new place when it changes.
    const hasMoved = old !== undefined && price.discountType === "absolute" && old.priceDetails !== price.priceDetails;
    if (from !== fullPrice(price) || hasMoved) {
      changes.push({
        what: prefix + priceName(price),
        from,
        to: hasMoved && from === fullPrice(price) ? "Another absolute price" : fullPrice(price),
      });
    }
  }
  return [...changes, ...left.map((price) => ({ what: prefix + priceName(price), from: fullPrice(price), to: null }))];
}

const priceName = (price: Price) => `${productText(price)}, ${price.newPlan ? `new plan ${planText(price)}` : planText(price)}`;
const priceKey = (price: Price) => JSON.stringify([price.product ?? price.productName, price.plan ?? price.planName, price.newPlan?.name]);

function fullPrice(price: Price): string {
  return price.markupPercentage === null ? priceText(price) : `${priceText(price)}, ${percent(price.markupPercentage)} markup`;
}
