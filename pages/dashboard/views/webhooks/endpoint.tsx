// One endpoint: what it is, what can be done with it, and what it was sent.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { announce } from "../../announce";
import { type ApiProblem, asProblem, type Webhook } from "../../api";
import { Button, Confirm, CopyButton, Facts, Menu, Notice, PageHeader, ProblemView, Skeleton, Time } from "../../components";
import { refreshAll, useFresh } from "../../refresh";
import { href, navigate } from "../../router";
import { exactTime } from "../../time";
import { useTitle } from "../../title";
import type { ViewProps } from "..";
import { changeWebhook, readWebhook, removeWebhook, rotateSecret, type TestResult, testWebhook } from "./calls";
import { EVERY_EVENT, FORMATS } from "./choices";
import { Deliveries } from "./deliveries";
import { HealthBadge, loadHealth } from "./health";
import { SecretDialog, showSecret } from "./secret";
import { advice, attemptText, disabledText, nameOf, sentence } from "./words";

const EVERY_SECONDS = 15;
const FEW_NAMES = 2;

export function WebhookView({ params: { webhookId = "" }, query }: ViewProps) {
  const { data, problem, refresh } = useFresh(`webhook ${webhookId}`, (signal) => readWebhook(webhookId, signal), {
    everySeconds: EVERY_SECONDS,
  });
  return (
    <>
      {data === undefined ? (
        <>
          <PageHeader title="Endpoint" back={{ href: href("/webhooks"), text: "Webhooks" }} />
          {problem ? !problem.isAway && <ProblemView problem={problem} onRetry={refresh} /> : <Skeleton rows={6} />}
        </>
      ) : (
        <Shown webhook={data} problem={problem} refresh={refresh} query={query} />
      )}
      <SecretDialog />
    </>
  );
}

function Shown({
  webhook,
  problem,
  refresh,
  query,
}: {
  webhook: Webhook;
  problem: ApiProblem | undefined;
  refresh: () => void;
  query: URLSearchParams;
}) {
  const { id, url, enabled } = webhook;
  const { data: health } = useFresh(`webhook health ${id}`, (signal) => loadHealth(id, signal), {
    everySeconds: EVERY_SECONDS,
  });
  useTitle(nameOf(webhook));
  const [result, setResult] = useState<ComponentChildren>(null);
  return (
    <>
      <PageHeader
        title={nameOf(webhook)}
        back={{ href: href("/webhooks"), text: "Webhooks" }}
        actions={<Actions webhook={webhook} onResult={setResult} />}
      >
        <div class="endpoint-lead">
          <HealthBadge webhook={webhook} health={health} />
          <code>{url}</code>
        </div>
      </PageHeader>
      <div class="stack notices">
        {problem && !problem.isAway && <ProblemView problem={problem} onRetry={refresh} />}
        {!enabled && <WhyDisabled webhook={webhook} />}
        <div role="status">{result}</div>
      </div>
      <About webhook={webhook} />
      <Deliveries webhook={webhook} query={query} hasDead={health !== undefined && health.dead > 0} />
    </>
  );
}

function About({ webhook: { id, events, format, headers, createdAt, previousSecretUntil, editable } }: { webhook: Webhook }) {
  const secret =
    previousSecretUntil !== null && Date.parse(previousSecretUntil) > Date.now()
      ? `Set. The one before signs too until ${exactTime(previousSecretUntil)}.`
      : "Set, not shown";
  return (
    <div class="card">
      <Facts
        facts={[
          ["Events", events.includes(EVERY_EVENT) ? "Every event" : <Names names={events} />],
          ["Format", FORMATS[format].name],
          ["Headers", headers.length > 0 ? <Names names={headers} /> : "None"],
          ["Secret", secret],
          ["Added", createdAt && <Time at={createdAt} />],
          [
            "Id",
            <span key="id" class="with-copy wide">
              <code>{id}</code>
              <CopyButton text={id} label="id" />
            </span>,
          ],
        ]}
      />
      {!editable && (
        <p class="card-note">
          This endpoint is <code>WEBHOOK_URL</code> and <code>WEBHOOK_SECRET</code> of the app's settings. It gets every event in the
          standard format, and can be changed and removed only there.
        </p>
      )}
    </div>
  );
}

function Names({ names }: { names: readonly string[] }) {
  return (
    <span class={names.length > FEW_NAMES ? "names wide" : "names"}>
      {names.map((name) => (
        <code key={name}>{name}</code>
      ))}
    </span>
  );
}

function WhyDisabled({ webhook }: { webhook: Webhook }) {
  const { disabledReason, editable } = webhook;
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const enable = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await changeWebhook(webhook.id, { enabled: true });
      announce("Enabled.");
      goOn();
    } catch (error) {
      setProblem(asProblem(error));
    }
    setBusy(false);
  };
  const action = editable ? (
    <Button busy={busy} onClick={() => void enable()}>
      Enable
    </Button>
  ) : undefined;
  return (
    <>
      <Notice tone={disabledReason === null ? "neutral" : "bad"} title={`Disabled. ${disabledText(webhook)}`} action={action}>
        {disabledReason === null && "It gets no events, and those that happen meanwhile are not kept for it."}
        {disabledReason !== null &&
          (editable
            ? "Events wait here as dead. Correct the receiver or the address, enable the endpoint, then send the dead ones again."
            : "Events wait here as dead. A test that succeeds enables it; then send the dead ones again.")}
      </Notice>
      {problem && <ProblemView problem={problem} />}
    </>
  );
}

/** Show what is true now, and put the focus where it is not lost: what had it is gone. */
function goOn(): void {
  refreshAll();
  document.querySelector<HTMLElement>("main h1")?.focus();
}

function Actions({ webhook, onResult }: { webhook: Webhook; onResult: (result: ComponentChildren) => void }) {
  const { id, enabled, editable } = webhook;
  const [isTesting, setIsTesting] = useState(false);
  const [asking, setAsking] = useState<"disable" | "rotate" | "remove" | null>(null);
  const test = async () => {
    setIsTesting(true);
    onResult(null);
    try {
      onResult(<TestNotice result={await testWebhook(id)} webhook={webhook} />);
      refreshAll();
    } catch (error) {
      onResult(<ProblemView problem={asProblem(error)} />);
    }
    setIsTesting(false);
  };
  const close = () => setAsking(null);
  return (
    <>
      <Button kind="primary" busy={isTesting} onClick={() => void test()}>
        {isTesting ? "Sending …" : "Send a test"}
      </Button>
      {editable && (
        <>
          <a class="button button-plain" href={href(`/webhooks/${encodeURIComponent(id)}/edit`)}>
            Edit
          </a>
          <Menu
            label="More actions"
            items={[
              { text: "Rotate the secret", onClick: () => setAsking("rotate") },
              ...(enabled ? [{ text: "Disable", onClick: () => setAsking("disable") }] : []),
              { text: "Remove", danger: true, onClick: () => setAsking("remove") },
            ]}
          />
        </>
      )}
      {asking === "rotate" && (
        <Confirm
          title="Rotate the secret?"
          action="Rotate"
          onClose={close}
          onConfirm={async () => showSecret(await rotateSecret(id), { isRotated: true, onClose: goOn })}
        >
          <p>
            You get a new secret. For 24 hours requests are signed with the old one too, so that the receiver can change without missing an
            event.
          </p>
        </Confirm>
      )}
      {asking === "disable" && (
        <Confirm
          title="Disable this endpoint?"
          action="Disable"
          onClose={close}
          onConfirm={async () => {
            await changeWebhook(id, { enabled: false });
            announce("Disabled.");
            refreshAll();
          }}
        >
          <p>It is sent nothing more until you enable it, and events that happen meanwhile are not kept for it.</p>
        </Confirm>
      )}
      {asking === "remove" && (
        <Confirm
          title="Remove this endpoint?"
          action="Remove"
          danger
          onClose={close}
          onConfirm={async () => {
            await removeWebhook(id);
            announce("Removed.");
            navigate("/webhooks");
          }}
        >
          <p>
            <strong>{nameOf(webhook)}</strong> is sent nothing more, and its deliveries are removed with it. This cannot be undone.
          </p>
        </Confirm>
      )}
    </>
  );
}

function TestNotice({ result, webhook }: { result: TestResult; webhook: Webhook }) {
  const { delivered, status, latencyMs, error } = result;
  const what = attemptText({ status, latencyMs, ...(error !== null && { error }) });
  return delivered ? (
    <Notice tone="good" title="The test was delivered.">
      The endpoint answered {what}.{!webhook.enabled && webhook.editable && " It is still disabled."}
    </Notice>
  ) : (
    <Notice tone="bad" title="The test was not delivered.">
      {status === null ? sentence(what) : `The endpoint answered ${what}.`} {advice({ status })}
    </Notice>
  );
}
