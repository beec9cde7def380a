import { useState } from "preact/hooks";
import { Button } from "./Button";

const SHOWN_CHARACTERS = 300;
const HALF_A_CHARACTER = /[\uD800-\uDBFF]$/;

/** Text that someone else wrote, set apart from the text around it. Much of it is shown on demand. */
export function LongText({ text, max = SHOWN_CHARACTERS }: { text: string; max?: number }) {
  const [all, setAll] = useState(false);
  if (all || text.length <= max) {
    return <bdi>{text}</bdi>;
  }
  return (
    <>
      <bdi>{text.slice(0, max).replace(HALF_A_CHARACTER, "")}…</bdi>{" "}
      <Button kind="quiet" onClick={() => setAll(true)}>
        Show all
      </Button>
    </>
  );
}
