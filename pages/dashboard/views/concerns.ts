// What needs someone: found in the monitor's health, its endpoints and its statistics.
import type { DayStats, HealthDetails, Webhook } from "../api";
import { href } from "../router";
import { since } from "../time";

export interface Concern {
  /** A sentence without its full stop. */
  readonly text: string;
  /** What to do, or what the monitor says about it. */
  readonly detail?: string;
  /** Since when it has been so, if that is known. */
  readonly since?: string;
  /** When it was last seen, where its beginning is unknown. */
  readonly seenAt?: string;
  /** Where it is dealt with. */
  readonly href?: string;
  /** Whether the monitor cannot do its work. */
  readonly isSerious: boolean;
}

// The timer fires each minute; one may be late.
const TICKS_MISSING_AFTER_MS = 3 * 60_000;
const TIMER_NAMES: Record<string, string> = {
  poll_pending_jobs: "The check of the jobs",
  deliver_webhooks: "Sending webhooks",
  watch_offers: "Watching the offers",
  clean_up: "Removing old data",
};

export const EXPIRING_DAYS = 7;

/** How many offers nobody has accepted expire within EXPIRING_DAYS; `isMore` if there are more than were counted. */
export interface ExpiringOffers {
  readonly count: number;
  readonly isMore: boolean;
}

export function findConcerns(
  health: HealthDetails,
  webhooks: readonly Webhook[],
  days: readonly DayStats[],
  expiring: ExpiringOffers,
  now: number,
): Concern[] {
  return [
    ...concernsOfTheMonitor(health, now),
    ...concernsOfOffers(health, expiring),
    ...concernsOfJobs(health, days),
    ...concernsOfWebhooks(health, webhooks),
    ...concernsOfRows(health),
  ];
}

function concernsOfTheMonitor(health: HealthDetails, now: number): Concern[] {
  const { lastTick, lastTokenError, failingSince, storageReachable, timers } = health;
  const begun = failingSince === null ? {} : { since: failingSince };
  const found: Concern[] = [];
  if (!storageReachable) {
    found.push({ text: "The monitor cannot reach its storage", detail: "It can neither follow jobs nor send webhooks.", isSerious: true });
  }
  if (lastTick !== null && now - Date.parse(lastTick.at) > TICKS_MISSING_AFTER_MS) {
    const detail = "The timer of the function app does not run. Jobs are not checked meanwhile.";
    found.push({ text: "The jobs have not been checked for over 3 minutes", detail, since: lastTick.at, isSerious: true });
  }
  if (lastTokenError !== null) {
    found.push({
      text: "Partner Center refuses the monitor's credential",
      detail: lastTokenError,
      ...(failingSince === null && lastTick && { seenAt: lastTick.at }),
      ...begun,
      isSerious: true,
    });
  } else if (lastTick !== null && lastTick.outcome === "failed") {
    const detail = lastTick.reason ?? health.problems[0];
    found.push({
      text: "The last check of the jobs failed",
      ...(detail !== undefined && { detail }),
      ...begun,
      isSerious: true,
    });
  }
  for (const [name, { at, ok, reason }] of Object.entries(timers)) {
    if (!ok && name !== "poll_pending_jobs") {
      found.push({
        text: `${TIMER_NAMES[name] ?? name} failed`,
        detail: reason ?? "The app's log says why.",
        seenAt: at,
        isSerious: false,
      });
    }
  }
  return found;
}

function concernsOfOffers({ cppOffers }: HealthDetails, { count: number, isMore }: ExpiringOffers): Concern[] {
  const found: Concern[] = [];
  if (number > 0) {
    const offers = isMore ? `Over ${number.toLocaleString("en")} private offers` : count(number, "private offer");
    found.push({
      text: `${offers} ${number === 1 && !isMore ? "expires" : "expire"} within ${EXPIRING_DAYS} days`,
      detail: "Nobody has accepted yet.",
      href: href("/offers", { show: "expiring" }),
      isSerious: false,
    });
  }
  for (const { publisherId, offerId, reason, since } of cppOffers) {
    found.push({
      text: `The CPP offer ${publisherId}/${offerId} cannot be followed`,
      detail: reason,
      since,
      href: href(`/cpp/${encodeURIComponent(publisherId)}/${encodeURIComponent(offerId)}`),
      isSerious: false,
    });
  }
  return found;
}

function concernsOfJobs(health: HealthDetails, days: readonly DayStats[]): Concern[] {
  const found: Concern[] = [];
  if (health.overdue) {
    found.push({
      text: `${count(health.overdue, "job")} ${health.overdue === 1 ? "has" : "have"} waited over 5 minutes for a check`,
      href: href("/jobs", { state: "pending" }),
      isSerious: true,
    });
  }
  const today = days.at(-1);
  const unsuccessful = today ? today.failed + today.lost + today.expired : 0;
  if (today && unsuccessful > 0) {
    const kinds = [
      [today.failed, "failed"],
      [today.lost, "got lost"],
      [today.expired, "expired"],
    ] as const;
    const parts = kinds.filter(([number]) => number > 0).map(([number, text]) => `${number.toLocaleString("en")} ${text}`);
    const text =
      parts.length === 1
        ? `${count(unsuccessful, "job")} ${kinds.find(([number]) => number > 0)?.[1]} today`
        : `${count(unsuccessful, "job")} ended badly today: ${parts.join(", ")}`;
    found.push({ text, href: href("/jobs", { state: "failed,lost,expired" }), isSerious: false });
  }
  if (health.lastTick !== null && health.lastTick.failedPolls > 0 && health.lastTokenError === null) {
    found.push({
      text: `Partner Center did not answer for ${count(health.lastTick.failedPolls, "job")} at the last check`,
      detail: "The monitor tries again by itself.",
      seenAt: health.lastTick.at,
      href: href("/jobs", { state: "pending" }),
      isSerious: false,
    });
  }
  return found;
}

function concernsOfWebhooks(health: HealthDetails, webhooks: readonly Webhook[]): Concern[] {
  const found: Concern[] = [];
  for (const { id, url, description, disabledReason } of webhooks) {
    if (disabledReason !== null) {
      found.push({
        text: `The webhook endpoint ${description ?? url} is disabled`,
        detail: disabledReason === "gone" ? "It answered that it is gone (410)." : "Nothing sent to it has succeeded for five days.",
        href: href(`/webhooks/${encodeURIComponent(id)}`),
        isSerious: false,
      });
    }
  }
  if (health.deliveriesDead) {
    found.push({
      text: `${count(health.deliveriesDead, "webhook delivery", "webhook deliveries")} could not be delivered`,
      detail: `Send ${health.deliveriesDead === 1 ? "it again once its" : "them again once their"} endpoint works.`,
      href: href("/webhooks"),
      isSerious: false,
    });
  }
  return found;
}

function concernsOfRows({ setAside }: HealthDetails): Concern[] {
  if (setAside === null || setAside.count === 0) {
    return [];
  }
  const { newest } = setAside;
  return [
    {
      text: `${count(setAside.count, "row")} in the jobs table ${setAside.count === 1 ? "is" : "are"} not a job`.replace(
        "are not a job",
        "are not jobs",
      ),
      ...(newest && { detail: `The newest: ${newest.reason}`, seenAt: newest.at }),
      href: href("/set-aside"),
      isSerious: false,
    },
  ];
}

/** The state of everything in one sentence. */
export function headline(health: HealthDetails, concerns: readonly Concern[], now: number): string {
  const [first] = concerns;
  if (first !== undefined && (first.isSerious || concerns.length === 1)) {
    const begun = first.since === undefined ? "" : ` ${since(first.since, now)}`;
    const others = concerns.length - 1;
    const more = others === 0 ? "" : `, and ${words(others)} more ${others === 1 ? "thing needs" : "things need"} you`;
    return `${first.text}${begun}${more}.`;
  }
  if (concerns.length > 1) {
    return `${capitalised(words(concerns.length))} things need you.`;
  }
  const waiting = health.pending;
  if (waiting === null) {
    return "All is well. The monitor has just started.";
  }
  return waiting === 0
    ? "All is well. No job is pending."
    : `All is well. ${count(waiting, "job")} ${waiting === 1 ? "is" : "are"} pending.`;
}

const WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const words = (number: number) => WORDS[number] ?? String(number);
const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
