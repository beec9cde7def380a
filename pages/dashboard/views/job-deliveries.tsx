// What was sent about a job, over all webhook endpoints, newest first.
import { answer, api, type Delivery, type Webhook } from "../api";
import { Badge, ProblemView, Row, Rows, Skeleton, Time } from "../components";
import { type Fresh, useFresh } from "../refresh";
import { href } from "../router";
import { attemptText, nameOf, statusOf } from "./webhooks/words";

const AT_ONCE = 6;
const OF_AN_ENDPOINT_MAX = 20;

interface JobDeliveries {
  readonly webhooks: readonly Webhook[];
  readonly sent: readonly { readonly webhook: Webhook; readonly delivery: Delivery }[];
}

export function useDeliveries(jobId: string, everySeconds: number): Fresh<JobDeliveries> {
  return useFresh(`deliveries of ${jobId}`, (signal) => load(jobId, signal), { everySeconds });
}

async function load(jobId: string, signal: AbortSignal): Promise<JobDeliveries> {
  const { webhooks } = await answer(api.GET("/webhooks", { signal }));
  const sent: { webhook: Webhook; delivery: Delivery }[] = [];
  for (let at = 0; at < webhooks.length; at += AT_ONCE) {
    const some = webhooks.slice(at, at + AT_ONCE);
    const found = await Promise.all(
      some.map(({ id }) =>
        answer(
          api.GET("/webhooks/{webhookId}/deliveries", {
            signal,
            params: { path: { webhookId: id }, query: { jobId, limit: OF_AN_ENDPOINT_MAX } },
          }),
        ),
      ),
    );
    for (const [index, { deliveries }] of found.entries()) {
      const webhook = some[index];
      sent.push(...deliveries.flatMap((delivery) => (webhook ? [{ webhook, delivery }] : [])));
    }
  }
  sent.sort((one, other) => other.delivery.createdAt.localeCompare(one.delivery.createdAt));
  return { webhooks, sent };
}

export function DeliveryRows({ fresh: { data, problem, refresh }, isPending }: { fresh: Fresh<JobDeliveries>; isPending: boolean }) {
  if (data === undefined) {
    return problem ? (
      !problem.isAway && <ProblemView problem={problem} onRetry={refresh} />
    ) : (
      <Skeleton rows={2} label="Loading the webhooks" />
    );
  }
  if (data.sent.length === 0) {
    return <p class="muted">{nothingText(data.webhooks.length > 0, isPending)}</p>;
  }
  return (
    <Rows label="Webhook deliveries">
      {data.sent.map(({ webhook, delivery }) => (
        <DeliveryRow key={`${webhook.id} ${delivery.id}`} webhook={webhook} delivery={delivery} />
      ))}
    </Rows>
  );
}

function nothingText(hasEndpoints: boolean, isPending: boolean): string {
  if (!hasEndpoints) {
    return "There is no webhook endpoint, so nobody is told how this job ends.";
  }
  return isPending ? "Nothing yet. The endpoints are told when the job ends." : "Nothing was sent, or it has been removed since.";
}

function DeliveryRow({ webhook, delivery }: { webhook: Webhook; delivery: Delivery }) {
  const { text, tone, icon } = statusOf(delivery);
  const last = delivery.attempts.at(-1);
  const count = delivery.attempts.length;
  return (
    <Row
      href={href(`/webhooks/${encodeURIComponent(webhook.id)}/deliveries/${encodeURIComponent(delivery.id)}`)}
      lead={
        <Badge tone={tone} icon={icon}>
          {text}
        </Badge>
      }
      title={<span class="mono">{delivery.type}</span>}
      below={
        <>
          <span class="row-note">
            <bdi>{nameOf(webhook)}</bdi>
          </span>
          {last && delivery.status !== "delivered" && <span class="row-reason">{attemptText(last)}</span>}
        </>
      }
      facts={
        <>
          <span>{last ? <Time at={last.at} /> : "not sent yet"}</span>
          <span class="row-note">
            {count === 1 ? "1 attempt" : `${count} attempts`}
            {delivery.nextAttemptAt ? (
              <>
                , next <Time at={delivery.nextAttemptAt} />
              </>
            ) : (
              last?.status && `, answer ${last.status}`
            )}
          </span>
        </>
      }
    />
  );
}
