// What the form of an endpoint holds, the bodies that it becomes, and the faults that come back.
import type { Webhook } from "../../api";
import type { Format, NewWebhook, WebhookChange } from "./calls";
import { EVERY_EVENT } from "./choices";
import { isMasked } from "./words";

export interface Header {
  readonly name: string;
  readonly value: string;
}

export interface Values {
  readonly url: string;
  readonly description: string;
  readonly format: Format;
  readonly everyEvent: boolean;
  /** The patterns that are chosen one by one. */
  readonly events: readonly string[];
  /** Undefined: the headers stay as they are. */
  readonly headers: readonly Header[] | undefined;
  /** A secret of the user's own; empty: the monitor makes one. */
  readonly secret: string;
}

export const NEW: Values = {
  url: "",
  description: "",
  format: "standard",
  everyEvent: true,
  events: [],
  headers: [],
  secret: "",
};

export function valuesOf({ url, description, format, events, headers }: Webhook): Values {
  const everyEvent = events.includes(EVERY_EVENT);
  return {
    url,
    description: description ?? "",
    format,
    everyEvent,
    events: everyEvent ? [] : events,
    headers: headers.length === 0 ? [] : undefined,
    secret: "",
  };
}

export const FIELDS = ["url", "description", "format", "events", "headers", "secret"] as const;
/** What is wrong with a field. */
export type FieldFaults = Partial<Record<(typeof FIELDS)[number], string>>;

/** The faults that the page knows without asking. */
export function knownFaults({ url, everyEvent, events, headers }: Values, before?: Webhook): FieldFaults {
  const faults: FieldFaults = {};
  if (url.trim() === "") {
    faults.url = "Enter the address that the monitor sends to.";
  } else if (isMasked(url) && url.trim() !== before?.url) {
    faults.url = "Replace *** with what it hides: the address is needed whole.";
  }
  if (!everyEvent && events.length === 0) {
    faults.events = "Choose at least one event.";
  }
  const given = filled(headers ?? []);
  if (given.some(({ name, value }) => name === "" || value === "")) {
    faults.headers = "Each header needs a name and a value.";
  } else if (new Set(given.map(({ name }) => name.toLowerCase())).size < given.length) {
    faults.headers = "Two headers have the same name.";
  }
  return faults;
}

const filled = (headers: readonly Header[]): readonly Header[] =>
  headers.map(({ name, value }) => ({ name: name.trim(), value: value.trim() })).filter(({ name, value }) => name !== "" || value !== "");

const headersObject = (headers: readonly Header[]): Record<string, string> =>
  Object.fromEntries(filled(headers).map(({ name, value }) => [name, value]));

const patterns = ({ everyEvent, events }: Values): string[] => (everyEvent ? [EVERY_EVENT] : [...events]);

export function newBody(values: Values): NewWebhook {
  const { url, description, format, headers = [], secret } = values;
  return {
    url: url.trim(),
    format,
    events: patterns(values),
    ...(description.trim() && { description: description.trim() }),
    ...(filled(headers).length > 0 && { headers: headersObject(headers) }),
    ...(secret.trim() && { secret: secret.trim() }),
  };
}

/** What is different from the endpoint as it was. */
export function changedBody(values: Values, before: Webhook): WebhookChange {
  const { url, description, format, headers } = values;
  const events = patterns(values);
  const sameEvents = [...events].sort().join() === [...before.events].sort().join();
  const hadHeaders = before.headers.length > 0;
  return {
    ...(url.trim() !== before.url && { url: url.trim() }),
    ...(description.trim() !== (before.description ?? "") && { description: description.trim() || null }),
    ...(format !== before.format && { format }),
    ...(!sameEvents && { events }),
    ...(headers !== undefined && (hadHeaders || filled(headers).length > 0) && { headers: headersObject(headers) }),
  };
}

/** Whether a change of the address leads elsewhere, where the headers of the old address must not go. */
export function changesOrigin(url: string, before: Webhook): boolean {
  return URL.canParse(url.trim()) && URL.canParse(before.url) && new URL(url.trim()).origin !== new URL(before.url).origin;
}
