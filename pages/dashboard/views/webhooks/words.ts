// Endpoints, deliveries and attempts in words.
import type { Webhook } from "../../api";
import type { IconName, Tone } from "../../components";
import type { Attempt, Delivery, DeliveryStatus } from "./calls";

export interface Words {
  readonly tone: Tone;
  readonly icon: IconName;
  readonly text: string;
}

export const DELIVERY_STATUSES: Readonly<Record<DeliveryStatus, Words>> = {
  delivered: { tone: "good", icon: "check", text: "Delivered" },
  pending: { tone: "active", icon: "clock", text: "Pending" },
  dead: { tone: "bad", icon: "cross", text: "Dead" },
};

const RETRYING: Words = { tone: "warning", icon: "clock", text: "Retrying" };

/** A delivery's status; one that is pending after a failure is called otherwise than one that was not tried yet. */
export function statusOf({ status, attempts }: Pick<Delivery, "status" | "attempts">): Words {
  return status === "pending" && attempts.length > 0 ? RETRYING : DELIVERY_STATUSES[status];
}

export const SETTINGS_ID = "settings";

/** What an endpoint is called: its description, or its address. */
export function nameOf({ id, description, url }: Webhook): string {
  return id === SETTINGS_ID ? "Endpoint from the settings" : (description ?? hostAndPath(url));
}

const SHORT_CHARACTERS = 48;

/** The name, cut where it would not fit beside other things. */
export function shortNameOf(webhook: Webhook): string {
  const name = nameOf(webhook);
  return name.length <= SHORT_CHARACTERS ? name : `${name.slice(0, SHORT_CHARACTERS - 1).trimEnd()}…`;
}

function hostAndPath(url: string): string {
  return url.replace(/^https?:\/\//, "");
}

/** Whether parts of the address are hidden, because they may be secret. */
export const isMasked = (url: string): boolean => url.includes("***");

/** Why the monitor disabled an endpoint; what a person disabled has no reason. */
export function disabledText({ disabledReason }: Webhook): string {
  switch (disabledReason) {
    case "gone":
      return "It answered that it is gone (410).";
    case "failing":
      return "Every attempt of the last five days failed.";
    default:
      return "Someone disabled it.";
  }
}

const PHRASES: Readonly<Record<number, string>> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** `503 Service Unavailable`. */
export function statusText(status: number): string {
  const phrase = PHRASES[status];
  return phrase === undefined ? String(status) : `${status} ${phrase}`;
}

export const isSuccess = (status: number | null): boolean => status !== null && status >= 200 && status < 300;

/** What to do about an attempt that failed, where its result tells. */
export function advice({ status }: Pick<Attempt, "status">): string | undefined {
  if (status === null || isSuccess(status)) {
    return undefined;
  }
  if (status >= 300 && status < 400) {
    return "Redirects are not followed: enter the address that it leads to.";
  }
  switch (status) {
    case 401:
    case 403:
      return "The receiver refuses the request: check its signature check, its key and the endpoint's headers.";
    case 404:
      return "There is nothing at this address: check it.";
    case 405:
      return "The address does not take POST requests: check it.";
    case 410:
      return "The receiver wants no more requests, so the monitor disabled the endpoint.";
    case 429:
      return "The receiver asks for fewer requests.";
    default:
      return undefined;
  }
}

/** `31 ms`, `1.2 s`. */
export function latency(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** The result of an attempt in a line: `500 Internal Server Error after 12 ms`. */
export function attemptText({ status, latencyMs, error }: Pick<Attempt, "status" | "latencyMs" | "error">): string {
  if (status === null) {
    return `${errorText(error)} (after ${latency(latencyMs)})`;
  }
  return `${statusText(status)} ${isSuccess(status) ? "in" : "after"} ${latency(latencyMs)}`;
}

/** Why no answer came, without what people do not need: the operating system's number, and a preface to its words. */
export function errorText(error = "no answer"): string {
  return capitalised(error.replace(/\[Errno -?\d+\] /, "").replace(/^no connection or no readable answer: (?=.)/, ""));
}

// Control characters except line breaks and tabs, and those that turn the direction of text around.
const UNSEEN = /(?![\n\r\t])[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Someone else's text, with the characters that could make it look like another written out. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A sentence: its first letter a capital, a full stop at its end. */
export function sentence(text: string): string {
  const trimmed = capitalised(text.trim());
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

/** `1 delivery`, `12 deliveries`. */
export function deliveries(count: number): string {
  return count === 1 ? "1 delivery" : `${count.toLocaleString("en")} deliveries`;
}
