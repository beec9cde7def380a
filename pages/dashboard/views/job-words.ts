// Jobs in words: what a job is called, what happened to it, why it failed, and what to do then.
import type { Job, JobState, TimelineEvent } from "../api";
import type { IconName, Tone } from "../components";
import { masked } from "../masked";
import { readOffer } from "../offer";
import { operationText } from "../words";

/** What a job is called: its label, else its external id, else its offer's name, else its id. */
export function jobTitle({ label, externalId, privateOffer, jobId }: Job): string {
  return label ?? externalId ?? readOffer(privateOffer)?.name ?? jobId;
}

/** `productLocked` as `product locked`. */
export function codeText(code: string): string {
  return code
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/[_-]+/g, " ")
    .toLowerCase();
}

/** Why a check failed. The API calls Partner Center "upstream". */
export function pollErrorText(reason: string): string {
  const text = masked(reason).replace(/\bupstream\b/gi, "Partner Center");
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…)]$/.test(sentence) ? sentence : `${sentence}.`;
}

const STATUSES: Readonly<Record<string, string>> = {
  notstarted: "waiting to start",
  running: "running",
  completed: "completed",
};

/** Partner Center's own status of a job; null before the first check. */
export function statusText({ jobStatus }: Pick<Job, "jobStatus">): string | null {
  return jobStatus === null ? null : (STATUSES[jobStatus.trim().toLowerCase()] ?? `“${jobStatus}”`);
}

export interface Happening {
  readonly text: string;
  readonly detail?: string;
  readonly tone: Tone;
  readonly icon: IconName;
}

const ENDS: Readonly<Record<string, Happening>> = {
  succeeded: { text: "Succeeded", tone: "good", icon: "check" },
  failed: { text: "Failed", tone: "bad", icon: "cross" },
  cancelled: { text: "Cancelled", tone: "neutral", icon: "dash" },
  lost: { text: "Lost", detail: "Partner Center no longer knew the job.", tone: "warning", icon: "question" },
  expired: { text: "Expired", detail: "It was pending for too long.", tone: "warning", icon: "warning" },
};
const MEMBERS: Readonly<Record<string, string>> = { operation: "operation", label: "label", externalId: "external id" };

/** An event of a job's timeline. `endpoint` is what the webhook of a delivery is called. */
export function happening(event: TimelineEvent, endpoint: string): Happening {
  switch (event.type) {
    case "registered":
      return { text: "Registered", tone: "neutral", icon: "plus" };
    case "statusChanged": {
      const status = statusText({ jobStatus: event.to ?? "unknown" });
      return { text: `Partner Center: ${status}`, tone: "active", icon: "clock" };
    }
    case "changed": {
      const names = (event.members ?? []).map((name) => MEMBERS[name] ?? name);
      return { text: `Changed the ${enumeration(names) || "job"}`, tone: "neutral", icon: "info" };
    }
    case "pollFailing":
      return {
        text: "Checks began to fail",
        ...(event.reason && { detail: pollErrorText(event.reason) }),
        tone: "warning",
        icon: "warning",
      };
    case "pollRecovered":
      return { text: "Checks work again", tone: "good", icon: "check" };
    case "stalled":
      return { text: "Pending for unusually long", tone: "warning", icon: "warning" };
    case "finished":
      return ENDS[event.state ?? ""] ?? { text: `Ended: ${event.state}`, tone: "neutral", icon: "dash" };
    case "delivery":
      return {
        delivered: { text: `Sent to ${endpoint}`, tone: "good", icon: "webhooks" } as const,
        dead: { text: `Could not be sent to ${endpoint}`, tone: "bad", icon: "webhooks" } as const,
        pending: { text: `Being sent to ${endpoint}`, tone: "active", icon: "webhooks" } as const,
      }[event.status ?? "pending"];
    default:
      return { text: codeText(String(event.type)), tone: "neutral", icon: "info" };
  }
}

/** `label`, `label and operation`, `label, operation and external id`. */
function enumeration(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

const AGAIN = "Each request makes a new job: register it here to follow it.";
const GENERAL_ADVICE = "Correct what the messages name, and send the request again.";
// By the codes of the innermost errors, which say most.
const ADVICE: readonly (readonly [codes: readonly string[], advice: string])[] = [
  [
    ["conflict", "locked", "productlocked"],
    "Something else is changing the same offer or product, or has changed it. Wait for that to end, look at the offer as it is now, and send the request again.",
  ],
  [
    ["invalidstate", "invalidentitystatus"],
    "The offer's state does not allow this. Withdraw a live offer before you change it; upgrade one that was accepted.",
  ],
  [
    ["resourcenotfound", "notfound", "invalidid", "notdeployed"],
    "Something that the request names does not exist in Partner Center. Check its ids of offer, products, plans and customers, and send it again.",
  ],
  [
    ["schemavalidationerror", "invalidrequest", "invalidresource", "badrequest", "collectionlimitexceeded", "notsupported"],
    "Correct the request as the messages say, and send it again.",
  ],
  [["businessvalidationerror"], "The request breaks a rule of Partner Center. Correct what the messages name, and send it again."],
  [
    ["unauthorized", "forbidden"],
    "The app that sent the request may not do this. Give it the role Manager in Partner Center's account settings, and send the request again.",
  ],
  [["operationcanceled"], "The operation was cancelled on the way. Send the request again if it is still wanted."],
  [
    ["internalservererror", "serviceunavailable", "requesttimeout", "notimplemented"],
    "The fault is Partner Center's. Send the request again; if it fails again, ask Microsoft's support and give them the job id.",
  ],
];

/** What to do about a job that did not succeed, or that has been pending for long; null if there is nothing to do. */
export function advice({ state, stalled, errors, operation }: Job): string | null {
  const again = operation === "unknown" ? "request" : `${operationText(operation).toLowerCase()} request`;
  const byState: Partial<Record<JobState, string>> = {
    cancelled: `Someone cancelled the job. If it is still wanted, send the ${again} again and register the new job.`,
    lost: `Look in Partner Center whether the offer has changed. If it has not, send the ${again} again and register the new job.`,
    expired: `Look in Partner Center whether the offer has changed. If it has not, cancel the job there and send the ${again} again.`,
  };
  if (state === "pending") {
    return stalled
      ? "Look at the offer in Partner Center, or ask Microsoft's support and give them the job id. The monitor goes on checking."
      : null;
  }
  if (state !== "failed") {
    return byState[state] ?? null;
  }
  const codes = codesOf(errors, 0);
  const [first, ...others] = ADVICE.filter(([known]) => codes.some((code) => known.includes(code)));
  return `${first === undefined || others.length > 0 ? GENERAL_ADVICE : first[1]} ${AGAIN}`;
}

const NESTED_MAX = 10;

function codesOf(errors: readonly unknown[], depth: number): string[] {
  return errors.flatMap((error) => {
    const { code, details } = (error ?? {}) as { code?: unknown; details?: unknown };
    const within = Array.isArray(details) && depth < NESTED_MAX ? codesOf(details, depth + 1) : [];
    return within.length > 0 ? within : typeof code === "string" ? [code.toLowerCase()] : [];
  });
}
