// Calls to the API. `answer(api.GET("/jobs", ...))` is the data, or throws an ApiProblem that can be shown as it is.
import createClient, { type Middleware } from "openapi-fetch";
import { forgetKey, keyStore } from "./key";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
export type DayStats = Schemas["DayStats"];
export type Delivery = Schemas["DeliveryRecord"];
export type HealthDetails = Schemas["HealthDetails"];
export type LastTick = Schemas["LastTick"];
export type Job = Schemas["JobRecord"];
export type JobState = Schemas["JobState"];
export type JobChange = Schemas["JobChange"];
export type JobRegistration = Schemas["JobRegistration"];
export type Operation = Schemas["Operation"];
export type RegisteredJob = Schemas["RegisteredJob"];
export type SetAsideRow = Schemas["SetAsideRecord"];
export type TimelineEvent = Schemas["TimelineEvent"];
export type WatchedOffer = Schemas["WatchedOffer"];
export type CppChange = Schemas["Change"];
export type OfferChange = Schemas["OfferChange"];
export type OfferDiff = Schemas["OfferDiff"];
export type Webhook = Schemas["WebhookRecord"];

const KEY_HEADER = "x-functions-key";
const TIMEOUT_MS = 30_000;

/** What went wrong with a call, in words. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";

  constructor(
    readonly title: string,
    readonly detail: string,
    /** The answer's status; 0 if there was no answer. */
    readonly status: number,
    readonly more: {
      /** Seconds to wait before the next try, if the API said so. */
      readonly retryAfter?: number;
      /** Everything that is wrong with the request. */
      readonly faults?: readonly string[];
      /** Partner Center's own errors. */
      readonly errors?: readonly unknown[];
      /** Partner Center's id of the request, for its support. */
      readonly upstreamRequestId?: string;
    } = {},
  ) {
    super(`${title}: ${detail}`);
  }

  /** Whether the monitor did not answer at all, or something in front of it did. */
  get isAway(): boolean {
    return this.status === 0;
  }
}

const carryKey: Middleware = {
  onRequest({ request }) {
    const { key } = keyStore.get();
    if (key !== null && !request.headers.has(KEY_HEADER)) {
      request.headers.set(KEY_HEADER, key);
    }
  },
  onResponse({ request, response }) {
    // The answer to a request with an earlier key says nothing about this one.
    if (response.status === 401 && request.headers.get(KEY_HEADER) === keyStore.get().key) {
      forgetKey({ refused: true });
    }
  },
};

/** The address of the API: the page is at `<API>/dashboard`. */
export const API_URL = new URL(".", document.baseURI).href.replace(/\/$/, "");

export const api = createClient<paths>({
  baseUrl: API_URL,
  fetch: (request) => fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]) }),
});
api.use(carryKey);

interface Result<D> {
  data?: D;
  error?: unknown;
  response: Response;
}

/** The data of a call. Raises ApiProblem; and AbortError if the call was given up. */
export async function answer<D>(call: Promise<Result<D>>): Promise<NonNullable<D>> {
  const result = await received(call);
  if (!result.response.ok) {
    throw problemOf(result.response, result.error);
  }
  return result.data as NonNullable<D>;
}

/** The parts of the monitor's health. They come with status 503 when it is degraded. */
export async function readHealth(signal: AbortSignal): Promise<HealthDetails> {
  const result = await received(api.GET("/health/details", { signal }));
  const details: unknown = result.data ?? result.error;
  if (isObject(details) && "storageReachable" in details) {
    return details as HealthDetails;
  }
  throw problemOf(result.response, result.error);
}

/** Whether the API takes this key. Raises ApiProblem if it cannot tell. */
export async function accepts(key: string): Promise<boolean> {
  const { response, error } = await received(api.GET("/health/details", { headers: { [KEY_HEADER]: key } }));
  if (response.status === 401 || response.status === 403) {
    return false;
  }
  const known = response.ok || (isObject(error) && "storageReachable" in error);
  if (!known) {
    throw problemOf(response, error);
  }
  return true;
}

async function received<D>(call: Promise<Result<D>>): Promise<Result<D>> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") {
      throw error;
    }
    throw new ApiProblem("The monitor does not answer", "It may be restarting, or your connection is down.", 0);
  }
}

function problemOf(response: Response, body: unknown): ApiProblem {
  const { status } = response;
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const retryAfter = Number.isFinite(seconds) ? { retryAfter: seconds } : {};
  if (status === 401) {
    return new ApiProblem("The key was refused", "Enter a key that is valid.", status);
  }
  if (!isObject(body) || typeof body.detail !== "string") {
    // Not the monitor's own words: something in front of it answers while it is away.
    const away = status === 502 || status === 503 || status === 504;
    return new ApiProblem("The monitor does not answer", `The answer was ${status}.`, away ? 0 : status, retryAfter);
  }
  return new ApiProblem(typeof body.title === "string" ? body.title : "Error", body.detail, status, {
    ...retryAfter,
    ...(Array.isArray(body.faults) ? { faults: body.faults.map(String) } : {}),
    ...(Array.isArray(body.errors) ? { errors: body.errors as unknown[] } : {}),
    ...(typeof body.upstreamRequestId === "string" ? { upstreamRequestId: body.upstreamRequestId } : {}),
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Any error as a problem. What is not one is a fault of this page. */
export function asProblem(error: unknown): ApiProblem {
  return error instanceof ApiProblem
    ? error
    : new ApiProblem("Something went wrong in this page", error instanceof Error ? error.message : String(error), -1);
}

export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
