// A value of a CPP offer's definition, readable.
import { useState } from "preact/hooks";
import { Button } from "../../components";
import { masked } from "../../masked";

const SHOWN_CHARACTERS = 240;
const SHORT_CHARACTERS = 48;

export interface Text {
  readonly text: string;
  readonly isCode: boolean;
  /** Whether the monitor cut it. */
  readonly isStart: boolean;
}

/** A value of a definition, readable; much of it on demand, and always as text. */
export function Value({ value: { text, isCode, isStart } }: { value: Text }) {
  const [all, setAll] = useState(false);
  const shown = all || text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS).replace(/[\uD800-\uDBFF]$/, "")}…`;
  return (
    <>
      {isCode ? (
        <pre>
          <bdi>{shown}</bdi>
        </pre>
      ) : (
        <bdi>{shown}</bdi>
      )}
      {shown !== text && (
        <>
          {" "}
          <Button kind="quiet" onClick={() => setAll(true)}>
            Show all
          </Button>
        </>
      )}
      {isStart && shown === text && <span class="diff-cut muted">… The rest is left out: the value is longer than 1,000 characters.</span>}
    </>
  );
}

// The monitor gives the first 1,000 characters of the JSON of a value that is longer.
const CUT_CHARACTERS = 1000;
const ELEMENTS_MAX = 20;

/** A value of a definition in words. `isCut`: one value of the change is only the beginning of its JSON. */
export function valueText(value: unknown, isCut: boolean): Text {
  const safe: unknown = masked(value);
  if (isCut && typeof value === "string" && value.length >= CUT_CHARACTERS) {
    const start = startOfText(value);
    return { text: masked(start ?? value), isCode: start === null, isStart: true };
  }
  const isStart = false;
  if (typeof safe === "object" && safe !== null) {
    const elements: readonly unknown[] = Object.values(safe);
    const isPlain =
      Array.isArray(safe) && safe.length <= ELEMENTS_MAX && elements.every((each) => typeof each === "string" || typeof each === "number");
    if (elements.length === 0 || isPlain) {
      return { text: elements.join(", ") || "empty", isCode: false, isStart };
    }
    const compact = JSON.stringify(safe);
    return { text: compact.length <= SHORT_CHARACTERS ? compact : JSON.stringify(safe, null, 2), isCode: true, isStart };
  }
  const text = safe === null || safe === undefined ? "none" : typeof safe === "boolean" ? (safe ? "yes" : "no") : String(safe) || "empty";
  return { text, isCode: false, isStart };
}

/** The text whose JSON begins like this; null if it is not of a text. */
function startOfText(json: string): string | null {
  if (!json.startsWith('"')) {
    return null;
  }
  try {
    // The cut may be within an escape.
    return String(JSON.parse(`${json.replace(/\\(?:u[0-9a-fA-F]{0,3})?$/, "")}"`));
  } catch {
    return null;
  }
}

/** Whether two such values fit on one line. */
export const isShort = ({ text, isCode }: Text): boolean => !isCode && text.length <= SHORT_CHARACTERS;
