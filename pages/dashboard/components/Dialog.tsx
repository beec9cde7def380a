import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { type ApiProblem, asProblem } from "../api";
import { Button } from "./Button";
import { Icon } from "./Icon";
import { ProblemView } from "./Notice";

/** A dialog over the page, for as long as it is rendered. Escape, its cross and a click beside it call `onClose`. */
export function Dialog({
  title,
  mustAnswer = false,
  onClose,
  children,
}: {
  title: string;
  /** Escape and a click beside it do nothing, and there is no cross: only its own buttons close it. */
  mustAnswer?: boolean;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = element.current;
    const focused = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (focused instanceof HTMLElement) {
        focused.focus();
      }
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape does the same, as in every dialog
    <dialog
      ref={element}
      class="dialog"
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        if (!mustAnswer) {
          onClose();
        }
      }}
      // Browsers close a dialog on the second Escape, whatever was said to the first.
      onClose={() => mustAnswer && element.current?.isConnected && element.current.showModal()}
      onClick={(event) => event.target === element.current && !mustAnswer && onClose()}
    >
      <div class="dialog-inner">
        <header class="dialog-header">
          <h2 id={titleId}>{title}</h2>
          {!mustAnswer && (
            <Button kind="quiet" aria-label="Close" onClick={onClose}>
              <Icon name="cross" />
            </Button>
          )}
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** Asks before something that cannot be undone. The dialog stays until `onConfirm` is done, and shows why it failed. */
export function Confirm({
  title,
  action,
  danger = false,
  onConfirm,
  onClose,
  children,
}: {
  title: string;
  /** What the button says: "Stop following". */
  action: string;
  danger?: boolean;
  onConfirm: () => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const confirm = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="stack">
        {children}
        {problem && <ProblemView problem={problem} />}
      </div>
      <footer class="dialog-footer">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind={danger ? "danger" : "primary"} busy={busy} onClick={() => void confirm()}>
          {action}
        </Button>
      </footer>
    </Dialog>
  );
}
