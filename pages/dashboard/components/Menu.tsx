import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Button } from "./Button";
import { Icon } from "./Icon";

export interface MenuItem {
  readonly text: string;
  readonly danger?: boolean;
  readonly onClick: () => void;
}

/** Actions that are needed rarely, behind a button. Escape, a click elsewhere and leaving it close the list. */
export function Menu({ label, items, children }: { label: string; items: readonly MenuItem[]; children?: ComponentChildren }) {
  const [isOpen, setIsOpen] = useState(false);
  const element = useRef<HTMLDivElement>(null);
  const listId = useId();
  useEffect(() => {
    if (!isOpen) {
      return;
    }
    const closeOutside = (event: Event) => {
      if (!(event.target instanceof Node) || !element.current?.contains(event.target)) {
        setIsOpen(false);
      }
    };
    const closeOnEscape = (event: KeyboardEvent) => {
      if (event.key === "Escape") {
        setIsOpen(false);
        element.current?.querySelector("button")?.focus();
      }
    };
    element.current?.querySelector<HTMLElement>(".menu-list button")?.focus();
    addEventListener("click", closeOutside);
    addEventListener("focusin", closeOutside);
    addEventListener("keydown", closeOnEscape);
    return () => {
      removeEventListener("click", closeOutside);
      removeEventListener("focusin", closeOutside);
      removeEventListener("keydown", closeOnEscape);
    };
  }, [isOpen]);
  return (
    <div class="menu" ref={element}>
      <Button
        aria-label={children === undefined ? label : undefined}
        aria-expanded={isOpen}
        aria-controls={listId}
        onClick={() => setIsOpen(!isOpen)}
      >
        {children ?? <Icon name="more" />}
      </Button>
      <ul id={listId} class="menu-list" hidden={!isOpen} aria-label={label}>
        {items.map(({ text, danger = false, onClick }) => (
          <li key={text}>
            <button
              type="button"
              class={danger ? "menu-item menu-danger" : "menu-item"}
              onClick={() => {
                // Back to the button, so that a dialog that opens now returns the focus there.
                element.current?.querySelector("button")?.focus();
                setIsOpen(false);
                onClick();
              }}
            >
              {text}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
