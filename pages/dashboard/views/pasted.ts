// What someone pastes to register jobs: Partner Center's answer to a configure request, several of them, or job ids.

export type Pasted =
  | { readonly kind: "one"; readonly body: object }
  | { readonly kind: "many"; readonly body: readonly unknown[] }
  | { readonly kind: "fault"; readonly text: string };

const JOBS_MAX = 100; // the API takes no more at once

export function readPasted(text: string): Pasted {
  const given = text.trim();
  if (given === "") {
    return { kind: "fault", text: "Paste an answer of Partner Center, or job ids." };
  }
  if (given.startsWith("{") || given.startsWith("[")) {
    return readJson(given);
  }
  // One id a line; lists separated by commas or blanks, with or without quotes, are understood too.
  const ids = given.split(/[\s,;"']+/).filter(Boolean);
  return many([...new Set(ids)].map((jobId) => ({ jobId })));
}

function readJson(given: string): Pasted {
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch {
    return { kind: "fault", text: "This looks like JSON, but is not complete or not valid. Copy the whole answer." };
  }
  if (Array.isArray(value)) {
    return many(value.map((each: unknown) => (typeof each === "string" ? { jobId: each } : each)));
  }
  return { kind: "one", body: value as object };
}

function many(body: readonly unknown[]): Pasted {
  const [first] = body;
  if (first === undefined) {
    return { kind: "fault", text: "There is no job in it." };
  }
  if (body.length > JOBS_MAX) {
    return { kind: "fault", text: `These are ${body.length.toLocaleString("en")} jobs. Paste ${JOBS_MAX} at a time at most.` };
  }
  return body.length === 1 && typeof first === "object" && first !== null ? { kind: "one", body: first } : { kind: "many", body };
}
