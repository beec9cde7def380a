import { useMemo } from "preact/hooks";
import { CopyButton } from "./Button";

// More would make the page slow; it can be copied all the same.
const SHOWN_CHARACTERS_MAX = 200_000;

/** JSON to read and to copy. `value` is shown as it would be sent; text is shown as it is. */
export function Json({ value, label }: { value: unknown; label: string }) {
  const text = useMemo(() => (typeof value === "string" ? value : JSON.stringify(value, null, 2)), [value]);
  return (
    <div class="json">
      <div class="json-copy">
        <CopyButton text={text} label={label} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls has to be reachable by keyboard */}
      <section class="json-text" tabIndex={0} aria-label={label}>
        <pre>
          {text.slice(0, SHOWN_CHARACTERS_MAX)}
          {text.length > SHOWN_CHARACTERS_MAX && "\n… (copy it to see the rest)"}
        </pre>
      </section>
    </div>
  );
}
