// CPP offers and their publishing status as the Cloud Partner Portal sends them, read into shapes that the page can rely on.
import type { IconName, Tone } from "../../components";
import { masked } from "../../masked";

export const SLOTS = ["draft", "preview", "production"] as const;
export type Slot = (typeof SLOTS)[number];

export interface Plan {
  readonly id: string | null;
  readonly title: string | null;
}

export interface CppOffer {
  readonly id: string | null;
  /** The name that only the publisher sees. */
  readonly name: string | null;
  /** What customers see. */
  readonly title: string | null;
  readonly type: string | null;
  readonly status: string | null;
  readonly version: string | null;
  /** RFC 3339 with a zone. */
  readonly changedAt: string | null;
  /** In the order of the definition, also those that cannot be read. */
  readonly plans: readonly Plan[];
}

export interface StepMessage {
  readonly text: string;
  readonly isError: boolean;
  readonly at: string | null;
}

export interface Step {
  readonly name: string;
  readonly description: string | null;
  readonly status: string | null;
  readonly progress: number | null;
  readonly estimate: string | null;
  readonly messages: readonly StepMessage[];
}

export interface Publishing {
  readonly status: string | null;
  readonly messages: readonly StepMessage[];
  readonly steps: readonly Step[];
}

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members => typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function text(value: unknown): string | null {
  const found = typeof value === "number" ? String(value) : typeof value === "string" ? value.trim() : "";
  return found === "" ? null : masked(found);
}

/** The first member of `raw` whose name ends like this: names begin with what kind of offer they belong to. */
function ending(raw: unknown, ...ends: readonly string[]): string | null {
  if (!isObject(raw)) {
    return null;
  }
  for (const end of ends) {
    const name = Object.keys(raw).find((each) => each === end || each.endsWith(`.${end}`));
    const found = name === undefined ? null : text(raw[name]);
    if (found !== null) {
      return found;
    }
  }
  return null;
}

export function readCppOffer(raw: unknown): CppOffer {
  const offer = isObject(raw) ? raw : {};
  const definition = isObject(offer.definition) ? offer.definition : {};
  return {
    id: text(offer.id),
    name: text(definition.displayText),
    title: ending(definition.offer, "title"),
    type: text(offer.offerTypeId),
    status: text(offer.status),
    version: text(offer.version),
    changedAt: moment(offer.changedTime),
    plans: list(definition.plans).map((plan) => ({
      id: isObject(plan) ? text(plan.planId) : null,
      title: ending(plan, "skuTitle", "planTitle", "title"),
    })),
  };
}

/** What to call an offer. */
export const cppTitle = ({ name, title, id }: CppOffer): string => name ?? title ?? id ?? "Offer without a name";

/** What to call a plan. */
export const planTitle = ({ id, title }: Plan): string => title ?? id ?? "Plan without a name";

/** Times come without a zone in lists: they are in UTC. */
function moment(value: unknown): string | null {
  const found = text(value);
  if (found === null || found.startsWith("0001-")) {
    return null;
  }
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/i.test(found) ? found : `${found}Z`;
  return Number.isNaN(Date.parse(zoned)) ? null : zoned;
}

export function readPublishing(raw: unknown): Publishing {
  const status = isObject(raw) ? raw : {};
  return {
    status: text(status.status),
    messages: messages(status.messages),
    steps: list(status.steps)
      .filter(isObject)
      .map((step) => ({
        name: text(step.stepName) ?? text(step.id) ?? "Step",
        description: text(step.description),
        status: text(step.status),
        progress: typeof step.progressPercentage === "number" ? step.progressPercentage : null,
        estimate: text(step.estimatedTimeFrame)?.replace(/^<\s*/, "less than ") ?? null,
        messages: messages(step.messages),
      })),
  };
}

function messages(raw: unknown): StepMessage[] {
  return list(raw)
    .filter(isObject)
    .flatMap(({ messageHtml, level, timestamp }) => {
      const shown = text(messageHtml);
      return shown === null ? [] : [{ text: withoutTags(shown), isError: !/^info/i.test(text(level) ?? ""), at: moment(timestamp) }];
    });
}

const SIMPLE_TAG = /<(\/?)(a|abbr|b|br|code|div|em|i|li|ol|p|pre|small|span|strong|u|ul)(?:\s[^<>]*)?\/?>/gi;
const BLOCK = /^(?:br|div|li|ol|p|pre|ul)$/i;
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ", "#39": "'" };

/** A message without its simple tags. Other HTML stays as the text that it is: nothing of it is ever made part of the page. */
function withoutTags(html: string): string {
  return html
    .replace(SIMPLE_TAG, (_, __, tag: string) => (BLOCK.test(tag) ? " " : ""))
    .replace(/&(#39|[a-z]{2,4});/g, (whole, name: string) => ENTITIES[name] ?? whole)
    .replace(/\s+/g, " ")
    .trim();
}

interface StatusWords {
  readonly text: string;
  readonly tone: Tone;
  readonly icon: IconName;
}

const STATUSES: Readonly<Record<string, StatusWords>> = {
  neverpublished: { text: "Never published", tone: "neutral", icon: "dash" },
  notstarted: { text: "Not started", tone: "neutral", icon: "dash" },
  waitingforpublisherreview: { text: "Waiting for your review", tone: "warning", icon: "warning" },
  waitingforapproval: { text: "Waiting for approval", tone: "active", icon: "clock" },
  running: { text: "Being published", tone: "active", icon: "clock" },
  inprogress: { text: "In progress", tone: "active", icon: "clock" },
  succeeded: { text: "Published", tone: "good", icon: "check" },
  published: { text: "Published", tone: "good", icon: "check" },
  complete: { text: "Done", tone: "good", icon: "check" },
  completed: { text: "Done", tone: "good", icon: "check" },
  canceled: { text: "Cancelled", tone: "neutral", icon: "cross" },
  cancelled: { text: "Cancelled", tone: "neutral", icon: "cross" },
  failed: { text: "Failed", tone: "bad", icon: "cross" },
  rejected: { text: "Rejected", tone: "bad", icon: "cross" },
  blocked: { text: "Blocked", tone: "bad", icon: "warning" },
};

/** The status of an offer or of a step in words. */
export function statusWords(status: string | null): StatusWords {
  return (
    STATUSES[status?.toLowerCase() ?? ""] ?? {
      text: status ?? "Status unknown",
      tone: "neutral",
      icon: "question",
    }
  );
}

const REVIEW = "waitingForPublisherReview";

export const waitsForReview = (status: string | null): boolean => status?.toLowerCase() === REVIEW.toLowerCase();

/** The status of publishing; `running` as a whole while a step waits for the publisher counts as waiting. */
export function effectiveStatus({ status, steps }: Publishing): string | null {
  return steps.some((step) => waitsForReview(step.status)) ? REVIEW : status;
}

const TYPES: Readonly<Record<string, string>> = {
  virtualmachines: "Virtual machine",
  corevm: "Virtual machine",
  containers: "Container",
  consultingservices: "Consulting service",
  managedservices: "Managed service",
  iotedgemodules: "IoT Edge module",
  applications: "Azure application",
};

/** What kind of offer this is. */
export function typeText(type: string | null): string | null {
  return type === null ? null : (TYPES[type.replace(/^microsoft-azure-/i, "").toLowerCase()] ?? type);
}

/** Where the address of an offer's page is. */
export const pathOf = (publisherId: string, offerId: string): string =>
  `/cpp/${encodeURIComponent(publisherId)}/${encodeURIComponent(offerId)}`;
