// The endpoints, with their health at a glance.
import { ApiProblem, type Webhook } from "../../api";
import { Empty, Icon, PageHeader, ProblemView, Row, Rows, Skeleton, Time } from "../../components";
import { useShortcut } from "../../keys";
import { useFresh } from "../../refresh";
import { href, navigate } from "../../router";
import { listWebhooks } from "./calls";
import { eventsText, FORMATS } from "./choices";
import { deadText, type Health, HealthBadge, loadAllHealth, Strip } from "./health";
import { SecretDialog } from "./secret";
import { disabledText, nameOf, SETTINGS_ID } from "./words";

const EVERY_SECONDS = 30;
// Each endpoint's health is two calls.
const MANY_ENDPOINTS = 20;
const EVERY_SECONDS_WITH_MANY = 120;

export function Webhooks() {
  const { data: webhooks, problem, refresh } = useFresh("webhooks", listWebhooks, { everySeconds: EVERY_SECONDS });
  useShortcut("n", "Add an endpoint", () => navigate("/webhooks/new"));
  return (
    <>
      <PageHeader title="Webhooks" actions={webhooks !== undefined && webhooks.length > 0 && <AddLink />}>
        <p class="muted">Where the monitor sends its events, and how each endpoint takes them.</p>
      </PageHeader>
      {problem && !problem.isAway && <ProblemView problem={problem} onRetry={refresh} />}
      {webhooks === undefined && !problem && <Skeleton rows={4} label="Loading the endpoints" />}
      {webhooks?.length === 0 && <Nothing />}
      {webhooks !== undefined && webhooks.length > 0 && <Endpoints webhooks={webhooks} />}
      <SecretDialog />
    </>
  );
}

function AddLink() {
  return (
    <a class="button button-primary" href={href("/webhooks/new")}>
      <Icon name="plus" />
      Add an endpoint
    </a>
  );
}

function Nothing() {
  return (
    <Empty icon="webhooks" title="No endpoints yet" action={<AddLink />}>
      <p>
        A webhook tells another system, or a channel in Teams or Slack, the moment a job ends. The monitor posts each event to an address of
        yours, signed, and tries again for three days if that fails.
      </p>
    </Empty>
  );
}

function Endpoints({ webhooks }: { webhooks: readonly Webhook[] }) {
  const ids = webhooks.map(({ id }) => id);
  const everySeconds = ids.length > MANY_ENDPOINTS ? EVERY_SECONDS_WITH_MANY : EVERY_SECONDS;
  const { data } = useFresh("webhooks' health", (signal) => loadAllHealth(ids, signal), { everySeconds });
  return (
    <Rows label="Endpoints">
      {webhooks.map((webhook) => (
        <EndpointRow key={webhook.id} webhook={webhook} health={data?.get(webhook.id)} />
      ))}
    </Rows>
  );
}

function EndpointRow({ webhook, health: known }: { webhook: Webhook; health: Health | ApiProblem | undefined }) {
  const { id, url, description, events, format, enabled } = webhook;
  const health = known instanceof ApiProblem ? undefined : known;
  const newest = health?.recent[0];
  const troubles = [...(enabled ? [] : [disabledText(webhook)]), ...(health && health.dead > 0 ? [deadText(health)] : [])];
  const isFromSettings = id === SETTINGS_ID;
  return (
    <Row
      href={href(`/webhooks/${encodeURIComponent(id)}`)}
      lead={<HealthBadge webhook={webhook} health={health} />}
      title={
        <>
          {nameOf(webhook)}
          {isFromSettings && <span class="tag">WEBHOOK_URL</span>}
        </>
      }
      below={
        <>
          {(isFromSettings || description !== null) && <span class="row-note cut">{url}</span>}
          <span class="row-note">
            {eventsText(events)} · {FORMATS[format].name}
          </span>
          {troubles.length > 0 && <span class="row-reason">{troubles.join(" ")}</span>}
          {known instanceof ApiProblem && <span class="row-reason">Its deliveries cannot be read: {known.detail}</span>}
        </>
      }
      facts={
        health && (
          <span class="health">
            <Strip recent={health.recent} />
            <span>{newest ? <Time at={newest.createdAt} /> : "no events yet"}</span>
          </span>
        )
      }
    />
  );
}
