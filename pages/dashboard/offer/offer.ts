// A private offer as Partner Center sends it, read into a shape that the page can rely on.
//
// Nothing of it is certain: members may be missing, null, of another type, in another case (`Live`), or a date of the year 1
// that means "none". What has no sense is left out; the raw JSON shows it all the same.
import { masked } from "../masked";

export interface Party {
  readonly id: string | null;
  readonly name: string | null;
  /** A country's code, of a partner. */
  readonly location: string | null;
  /** Whom a reseller may sell to, or the customer's billing groups. */
  readonly recipients: readonly { readonly id: string | null; readonly type: string | null }[];
}

export interface Price {
  readonly product: string | null;
  readonly productName: string | null;
  readonly plan: string | null;
  readonly planName: string | null;
  /** A plan that this offer makes. */
  readonly newPlan: { readonly name: string | null; readonly description: string | null } | null;
  /** `percentage` or `absolute`, in lower case. */
  readonly discountType: string | null;
  readonly discountPercentage: number | null;
  readonly markupPercentage: number | null;
  /** Where Partner Center keeps an absolute price. */
  readonly priceDetails: string | null;
}

export interface Validation {
  readonly code: string | null;
  readonly message: string | null;
  /** `informational` or `warning`, in lower case. */
  readonly level: string | null;
}

export interface Offer {
  /** Without the `private-offer/` in front. */
  readonly id: string | null;
  readonly name: string | null;
  /** Types and states are in lower case. */
  readonly type: string | null;
  readonly pricingType: string | null;
  readonly state: string | null;
  readonly subState: string | null;
  readonly startsOnAcceptance: boolean;
  /** Dates are `2027-01-31`, or a moment in RFC 3339. */
  readonly start: string | null;
  readonly end: string | null;
  readonly acceptBy: string | null;
  readonly lastModified: string | null;
  readonly customers: readonly Party[];
  readonly partners: readonly Party[];
  readonly pricing: readonly Price[];
  /** The originator's prices, as the selling partner sees them. */
  readonly originatorPricing: readonly Price[];
  readonly markupPercentage: number | null;
  readonly renewsContract: boolean;
  readonly preparedBy: string | null;
  readonly contacts: readonly string[];
  readonly notes: string | null;
  /** Names of the documents; their links are signed and not for showing. */
  readonly documents: readonly string[];
  readonly upgradedFrom: { readonly id: string | null; readonly name: string | null } | null;
  readonly validations: readonly Validation[];
}

type Members = Readonly<Record<string, unknown>>;

/** Read an offer; null if `raw` is not an object. */
export function readOffer(raw: unknown): Offer | null {
  if (!isObject(raw)) {
    return null;
  }
  const base = raw.upgradedFrom;
  return {
    id: bareId(text(raw.id)),
    name: text(raw.name),
    type: word(raw.privateOfferType),
    pricingType: word(raw.offerPricingType),
    state: word(raw.state),
    subState: word(raw.subState),
    startsOnAcceptance: raw.variableStartDate === true,
    start: dateOf(raw.start),
    end: dateOf(raw.end),
    acceptBy: dateOf(raw.acceptBy),
    lastModified: dateOf(raw.lastModified),
    customers: objects(raw.beneficiaries).map((each) => party(each, each.description)),
    partners: objects(raw.partners).map((each) => party(each, each.partnerName)),
    pricing: objects(raw.pricing).map(price),
    originatorPricing: objects(raw.originatorPricing).map(price),
    markupPercentage: number(raw.markupPercentage),
    renewsContract: raw.customerContractRenewal === true,
    preparedBy: text(raw.preparedBy),
    contacts: list(raw.notificationContacts).flatMap((each) => text(each) ?? []),
    notes: text(raw.notes),
    documents: documents(raw),
    upgradedFrom: isObject(base) ? { id: bareId(text(base.id)), name: text(base.name) } : null,
    validations: objects(raw.validations).map(({ code, message, level }) => ({
      code: text(code),
      message: text(message),
      level: word(level),
    })),
  };
}

function party(raw: Members, name: unknown): Party {
  return {
    id: text(raw.id),
    name: text(name),
    location: text(raw.location),
    recipients: objects(raw.beneficiaryRecipients).map(({ id, recipientType }) => ({ id: text(id), type: word(recipientType) })),
  };
}

function price(raw: Members): Price {
  const { newPlanDetails, priceDetails } = raw;
  return {
    product: text(raw.product),
    productName: text(raw.productName),
    plan: text(raw.plan) ?? text(raw.basePlan),
    planName: text(raw.planName),
    newPlan: isObject(newPlanDetails) ? { name: text(newPlanDetails.name), description: text(newPlanDetails.description) } : null,
    discountType: word(raw.discountType),
    discountPercentage: number(raw.discountPercentage),
    markupPercentage: number(raw.markupPercentage),
    priceDetails: text(isObject(priceDetails) ? priceDetails.resourceName : priceDetails),
  };
}

function documents(raw: Members): string[] {
  const named = [...objects(raw.originatorTermsAndConditionsDocs), ...objects(raw.termsAndConditionsDocs)];
  const names = named.map(({ customerFacingDocumentName, fileName }) => text(customerFacingDocumentName) ?? text(fileName) ?? "Document");
  return text(raw.termsAndConditionsDocSasUrl) === null ? names : ["Terms and conditions", ...names];
}

/** An id without what kind of resource it names: `private-offer/<id>` becomes `<id>`. */
function bareId(id: string | null): string | null {
  return id === null ? null : id.slice(id.lastIndexOf("/") + 1) || null;
}

const isObject = (value: unknown): value is Members => typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const objects = (value: unknown): readonly Members[] => list(value).filter(isObject);
const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

/** Text without links that carry a signature. */
function text(value: unknown): string | null {
  const found = typeof value === "number" ? String(value) : typeof value === "string" ? value.trim() : "";
  return found === "" ? null : masked(found);
}

const word = (value: unknown): string | null => (typeof value === "string" ? text(value)?.toLowerCase() : null) ?? null;

function dateOf(value: unknown): string | null {
  const found = text(value);
  return found === null || found.startsWith("0001-") || !isDate(found) ? null : found;
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:$|T)/;

/** Whether this is a date that the calendar has: the browser takes 31 February for 3 March. */
function isDate(value: string): boolean {
  const [, year, month, day] = DATE.exec(value) ?? [];
  if (year === undefined || Number.isNaN(Date.parse(value))) {
    return false;
  }
  const moment = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return moment.getUTCMonth() === Number(month) - 1 && moment.getUTCDate() === Number(day);
}
