// Hides what gives access: links that carry a signature, and Partner Center's links to accept an offer.

export const SIGNED_LINK = "(signed link)";

const SECRET_MEMBER = /^(?:sig|.*(?:sas(?:url|uri|token)|acceptancelinks?))$/i;
const LINK = /https?:\/\/[^\s"'<>]+/gi;
const SIGNATURE = /[?&;](?:sig|signature|x-amz-signature)=/i;
const ENCODED_MAX = 3;
const NESTED_MAX = 100;

/** A copy of JSON without signed links. What is nested deeper than 100 levels is left out. */
export function masked<T>(value: T): T {
  return mask(value, false, 0) as T;
}

function mask(value: unknown, isSecret: boolean, depth: number): unknown {
  if (typeof value === "string") {
    return isSecret && value !== "" ? SIGNED_LINK : value.replace(LINK, (link) => (isSigned(link) ? SIGNED_LINK : link));
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (depth > NESTED_MAX) {
    return "(nested too deeply)";
  }
  if (Array.isArray(value)) {
    return value.map((each) => mask(each, isSecret, depth + 1));
  }
  const entries = Object.entries(value).map(([name, member]) => {
    // Of an acceptance link, whom it is for is no secret.
    const inherits = isSecret && !/id$/i.test(name);
    return [name, mask(member, inherits || SECRET_MEMBER.test(name.replaceAll(/[-_]/g, "")), depth + 1)];
  });
  return Object.fromEntries(entries);
}

/** Whether a link carries a signature, also one that is encoded within another link. */
export function isSigned(link: string): boolean {
  let decoded = link;
  for (let round = 0; round < ENCODED_MAX; round += 1) {
    if (SIGNATURE.test(decoded)) {
      return true;
    }
    decoded = decoded.replaceAll(/%([0-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  }
  return SIGNATURE.test(decoded);
}
