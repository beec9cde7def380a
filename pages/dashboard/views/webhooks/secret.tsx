// The one moment at which a secret is shown: after an endpoint was added, or its secret rotated.
import { useEffect } from "preact/hooks";
import { Button, CopyButton, Dialog, Notice } from "../../components";
import { keyStore } from "../../key";
import { createStore, useStore } from "../../store";
import { exactTime } from "../../time";
import type { WebhookWithSecret } from "./calls";
import { isChat } from "./choices";

interface Shown {
  readonly webhook: WebhookWithSecret;
  readonly isRotated: boolean;
  readonly onClose: () => void;
}

// Not a view's own state: going back must not lose what cannot be shown again.
const shownStore = createStore<Shown | null>(null);
keyStore.subscribe(() => keyStore.get().key === null && shownStore.set(null));

/** Show the secret until someone says that it is stored; then call `onClose`. */
export function showSecret(webhook: WebhookWithSecret, more: { isRotated?: boolean; onClose?: () => void } = {}): void {
  shownStore.set({ webhook, isRotated: more.isRotated ?? false, onClose: more.onClose ?? (() => {}) });
}

/** The dialog, where there is a secret to show. Every view of webhooks has it. */
export function SecretDialog() {
  const shown = useStore(shownStore);
  return shown && <Secret {...shown} />;
}

function Secret({ webhook: { secret, format, previousSecretUntil }, isRotated, onClose }: Shown) {
  useEffect(() => {
    const ask = (event: Event) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, []);
  const close = () => {
    shownStore.set(null);
    onClose();
  };
  return (
    <Dialog title={isRotated ? "The new secret" : "The endpoint is added"} mustAnswer onClose={close}>
      <div class="stack">
        <Notice tone="warning" title="Copy the secret now: it is not shown again.">
          {isChat(format)
            ? "A chat does not check it. You need it only if something in between checks signatures."
            : "The receiver uses it to check that requests come from this monitor. If you lose it, rotate it."}
        </Notice>
        <div class="secret">
          <code class="secret-text">{secret}</code>
          <CopyButton text={secret} label="secret">
            Copy the secret
          </CopyButton>
        </div>
        {isRotated && previousSecretUntil !== null && (
          <p>
            Give it to the receiver before {exactTime(previousSecretUntil)}. Until then requests are signed with the old secret too, so that
            no event is missed.
          </p>
        )}
      </div>
      <footer class="dialog-footer">
        <Button kind="primary" onClick={close}>
          I have stored it
        </Button>
      </footer>
    </Dialog>
  );
}
