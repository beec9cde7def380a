// One delivery, attempt by attempt, with the body that was sent.
import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { asProblem } from "../../api";
import { Badge, Button, CopyButton, Facts, Json, Notice, PageHeader, ProblemView, Section, Skeleton, Time } from "../../components";
import { masked } from "../../masked";
import { useFresh } from "../../refresh";
import { href, useKept } from "../../router";
import { exactTime } from "../../time";
import { useTitle } from "../../title";
import type { ViewProps } from "..";
import { type Attempt, type DeliveryWithBody, readDelivery, readWebhook, redeliver } from "./calls";
import { NextAttempt } from "./deliveries";
import { indented } from "./indented";
import { SecretDialog } from "./secret";
import { advice, attemptText, errorText, isSuccess, latency, shortNameOf, statusOf, statusText, visible } from "./words";

const EVERY_SECONDS = 15;

export function DeliveryView({ params: { webhookId = "", deliveryId = "" } }: ViewProps) {
  const { data, problem, refresh } = useFresh(
    `delivery ${webhookId} ${deliveryId}`,
    (signal) => readDelivery(webhookId, deliveryId, signal),
    { everySeconds: EVERY_SECONDS },
  );
  const { data: webhook } = useFresh(`webhook ${webhookId}`, (signal) => readWebhook(webhookId, signal), {
    everySeconds: EVERY_SECONDS,
  });
  const back = {
    href: href(`/webhooks/${encodeURIComponent(webhookId)}`),
    text: webhook ? shortNameOf(webhook) : "Endpoint",
  };
  return (
    <>
      {data === undefined ? (
        <>
          <PageHeader title="Delivery" back={back} />
          {problem ? !problem.isAway && <ProblemView problem={problem} onRetry={refresh} /> : <Skeleton rows={6} />}
        </>
      ) : (
        <Shown delivery={data} webhookId={webhookId} isEnabled={webhook?.enabled ?? true} back={back} refresh={refresh} />
      )}
      <SecretDialog />
    </>
  );
}

function Shown({
  delivery,
  webhookId,
  isEnabled,
  back,
  refresh,
}: {
  delivery: DeliveryWithBody;
  webhookId: string;
  isEnabled: boolean;
  back: { href: string; text: string };
  refresh: () => void;
}) {
  const { id, eventId, type, jobId, status, createdAt, nextAttemptAt, attempts, body } = delivery;
  const { tone, icon, text } = statusOf(delivery);
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<ComponentChildren>(null);
  useTitle(`${type}, ${text.toLowerCase()}`);
  const send = async () => {
    setBusy(true);
    setResult(null);
    try {
      const { attempts: made } = await redeliver(webhookId, id);
      const last = made.at(-1);
      setResult(last && <SentNotice attempt={last} />);
    } catch (error) {
      const problem = asProblem(error);
      setResult(
        problem.status === 409 ? (
          <Notice tone="bad" title="It was not sent.">
            {problem.detail}
          </Notice>
        ) : (
          <ProblemView problem={problem} />
        ),
      );
    }
    setBusy(false);
    refresh();
  };
  return (
    <>
      <PageHeader
        title={<span class="mono-title">{type}</span>}
        back={back}
        actions={
          <Button kind={status === "delivered" ? "plain" : "primary"} busy={busy} onClick={() => void send()}>
            {busy ? "Sending …" : "Send again now"}
          </Button>
        }
      >
        <div class="endpoint-lead">
          <Badge tone={tone} icon={icon}>
            {text}
          </Badge>
          <span class="muted">{nextAttemptAt === null ? <Time at={createdAt} /> : <NextAttempt at={nextAttemptAt} />}</span>
        </div>
      </PageHeader>
      <div class="stack notices">
        {!isEnabled && <Notice title="The endpoint is disabled.">Enable it before you send this again.</Notice>}
        <div role="status">{result}</div>
      </div>
      <div class="card">
        <Facts
          facts={[
            ["Created", <Time key="created" at={createdAt} />],
            ["Next attempt", nextAttemptAt === null ? "None" : <Time key="next" at={nextAttemptAt} />],
            [
              "webhook-id",
              <span key="id" class="with-copy wide">
                <code>{eventId}</code>
                <CopyButton text={eventId} label="webhook-id" />
              </span>,
            ],
            [
              "Job",
              jobId && (
                <a key="job" class="link mono wide" href={href(`/jobs/${jobId}`)}>
                  {jobId}
                </a>
              ),
            ],
          ]}
        />
      </div>
      <Section title="Attempts" aside={attempts.length > 1 ? "newest first" : undefined}>
        {attempts.length === 0 ? (
          <p class="muted">{status === "dead" ? "None: the endpoint was disabled." : "None yet."}</p>
        ) : (
          <ol class="attempts" reversed>
            {attempts
              .map((attempt, at) => <AttemptItem key={`${attempt.at} ${attempt.latencyMs}`} attempt={attempt} next={attempts[at + 1]} />)
              .reverse()}
          </ol>
        )}
      </Section>
      <Section title="Body">{body === null ? <p class="muted">The stored body cannot be read.</p> : <Body body={body} />}</Section>
    </>
  );
}

function SentNotice({ attempt }: { attempt: Attempt }) {
  return isSuccess(attempt.status) ? (
    <Notice tone="good" title="Delivered.">
      The endpoint answered {attemptText(attempt)}.
    </Notice>
  ) : (
    <Notice tone="bad" title="Sent, but not delivered.">
      {attempt.status === null ? `${attemptText(attempt)}.` : `The endpoint answered ${attemptText(attempt)}.`} {advice(attempt)}
    </Notice>
  );
}

/** `next` is the attempt after this one, which is above it. */
function AttemptItem({ attempt, next }: { attempt: Attempt; next: Attempt | undefined }) {
  const { at, status, latencyMs, response, error } = attempt;
  const isGood = isSuccess(status);
  const help = attempt.status === next?.status ? undefined : advice(attempt);
  return (
    <li class="attempt">
      <div class="attempt-line">
        <Badge tone={isGood ? "good" : "bad"} icon={isGood ? "check" : "cross"}>
          {status === null ? "No answer" : statusText(status)}
        </Badge>
        <span class="attempt-at">
          <Time at={at} />
          <span class="muted"> · {exactTime(at)}</span>
        </span>
        <span class="muted attempt-latency">{latency(latencyMs)}</span>
      </div>
      {error !== undefined && <p>{visible(errorText(error))}.</p>}
      {help !== undefined && <p class="muted">{help}</p>}
      {response === "" && status !== 204 && <p class="hint">The answer was empty.</p>}
      {response && (
        <details open={next === undefined}>
          <summary>The answer</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls has to be reachable by keyboard */}
          <section class="answer" tabIndex={0} aria-label={`The answer of ${exactTime(at)}`}>
            <pre>{visible(masked(response))}</pre>
          </section>
        </details>
      )}
    </li>
  );
}

function Body({ body }: { body: string }) {
  const [isRaw, setIsRaw] = useKept("raw body", false);
  const formatted = useMemo(() => indented(body), [body]);
  return (
    <div class="body">
      <div class="toggle">
        <Button kind={isRaw ? "quiet" : "plain"} aria-pressed={!isRaw} onClick={() => setIsRaw(false)}>
          Formatted
        </Button>
        <Button kind={isRaw ? "plain" : "quiet"} aria-pressed={isRaw} onClick={() => setIsRaw(true)}>
          As sent
        </Button>
      </div>
      {isRaw ? <Json value={body} label="body as sent" /> : <Json value={formatted} label="body, formatted" />}
    </div>
  );
}
