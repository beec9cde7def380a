// What an endpoint can choose: events and formats, with a sentence each.
//
// Both tables are checked against the API's types: one that the API gets or loses is an error of the type checker.
import type { EventType, Format } from "./calls";

export const EVERY_EVENT = "*";

// `webhook.test` is sent on demand only, whatever an endpoint chose, and is never a stored delivery.
type ChosenType = Exclude<EventType, "webhook.test">;

const MEANINGS: Record<ChosenType, string> = {
  "job.succeeded": "A job ended well.",
  "job.failed": "A job failed; Partner Center's reasons are in the event.",
  "job.cancelled": "A job was cancelled.",
  "job.lost": "Partner Center no longer knows a job.",
  "job.expired": "A job was pending for too long, and is no longer checked.",
  "job.stalled": "A job is pending for unusually long, and is still checked.",
  "monitor.degraded": "The monitor cannot do its work.",
  "monitor.recovered": "The monitor works again.",
  "private_offer.created": "There is a private offer that was not there before.",
  "private_offer.changed": "The state, dates, prices or parties of a private offer changed.",
  "private_offer.accepted": "The partner or the customer accepted a private offer.",
  "private_offer.expiring": "A private offer that is not accepted expires soon.",
  "private_offer.expired": "A private offer expired without being accepted.",
  "private_offer.ending": "An accepted private offer ends soon.",
  "private_offer.ended": "An accepted private offer ended.",
  "private_offer.deleted": "A private offer was deleted.",
  "cpp_offer.status_changed": "The publishing status of a CPP offer, or of one of its steps, changed.",
};

type GroupOf<T extends string> = T extends `${infer Group}.${string}` ? Group : never;

const GROUPS: Record<GroupOf<ChosenType>, string> = {
  job: "Jobs",
  private_offer: "Private offers",
  monitor: "The monitor itself",
  cpp_offer: "CPP offers",
};

export const EVENT_TYPES = Object.keys(MEANINGS) as readonly ChosenType[];

export interface EventGroup {
  /** The pattern for all events of the group: `job.*`. */
  readonly pattern: string;
  readonly title: string;
  readonly events: readonly { readonly type: ChosenType; readonly meaning: string }[];
}

export const EVENT_GROUPS: readonly EventGroup[] = Object.entries(GROUPS).map(([name, title]) => ({
  pattern: `${name}.*`,
  title,
  events: EVENT_TYPES.filter((type) => type.startsWith(`${name}.`)).map((type) => ({ type, meaning: MEANINGS[type] })),
}));

export function asEventType(text: string | null): ChosenType | undefined {
  return EVENT_TYPES.find((type) => type === text);
}

/** What an endpoint gets, in a few words: `Every event`, `job.*`, `job.failed, job.lost and 2 more`. */
export function eventsText(patterns: readonly string[]): string {
  if (patterns.includes(EVERY_EVENT)) {
    return "Every event";
  }
  const [first = "", second, ...others] = patterns;
  if (second === undefined) {
    return first;
  }
  return others.length === 0 ? `${first} and ${second}` : `${first}, ${second} and ${others.length} more`;
}

export const FORMATS: Readonly<Record<Format, { readonly name: string; readonly meaning: string }>> = {
  standard: {
    name: "Standard Webhooks",
    meaning: "Signed JSON, for receivers of your own. Libraries in many languages check the signature.",
  },
  teams: {
    name: "Microsoft Teams",
    meaning: "A card in a channel, through a Teams workflow that takes webhook requests.",
  },
  slack: { name: "Slack", meaning: "A message in a channel, through an incoming webhook of Slack." },
  cloudevents: {
    name: "CloudEvents",
    meaning: "CloudEvents 1.0 as JSON, for Event Grid, Logic Apps and Knative. Signed too.",
  },
};

export const FORMAT_NAMES = Object.keys(FORMATS) as readonly Format[];

/** Whether what gets this format is a chat, which does not check signatures. */
export const isChat = (format: Format): boolean => format === "teams" || format === "slack";
