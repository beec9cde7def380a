import type { ComponentChildren, ComponentProps } from "preact";
import { useState } from "preact/hooks";
import { announce } from "../announce";
import { Icon } from "./Icon";

type ButtonProps = Omit<ComponentProps<"button">, "class" | "type"> & {
  kind?: "primary" | "danger" | "plain" | "quiet";
  type?: "button" | "submit";
  /** Shows that the click is being worked on; another one does nothing meanwhile. */
  busy?: boolean;
};

/** A button. `quiet` has no border: for actions beside text. */
export function Button({ kind = "plain", type = "button", busy = false, children, onClick, ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      class={`button button-${kind}`}
      aria-busy={busy}
      aria-disabled={busy}
      onClick={(event) => (busy ? event.preventDefault() : onClick?.(event))}
    >
      {children}
    </button>
  );
}

/** Copies `text`, and says so. `label` is what is copied: "job id". */
export function CopyButton({ text, label, children }: { text: string; label: string; children?: ComponentChildren }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      announce(`Copied the ${label}.`);
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    } catch {
      announce("The browser does not allow copying: select the text instead.");
    }
  };
  return (
    <Button
      kind={children === undefined ? "quiet" : "plain"}
      aria-label={children === undefined ? `Copy the ${label}` : undefined}
      title={`Copy the ${label}`}
      onClick={() => void copy()}
    >
      <Icon name={copied ? "check" : "copy"} />
      {children}
    </Button>
  );
}

/** Loads more of a list; shows nothing if there is no more. */
export function MoreButton({
  hasMore,
  busy = false,
  onMore,
  children = "Show more",
}: {
  hasMore: boolean;
  busy?: boolean;
  onMore: () => void;
  children?: ComponentChildren;
}) {
  return hasMore ? (
    <div class="more">
      <Button busy={busy} onClick={onMore}>
        {busy ? "Loading …" : children}
      </Button>
    </div>
  ) : null;
}
