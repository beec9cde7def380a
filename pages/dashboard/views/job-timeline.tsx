// What happened to a job, oldest first.
import type { TimelineEvent, Webhook } from "../api";
import { Icon, ProblemView, Skeleton, Time } from "../components";
import type { Fresh } from "../refresh";
import { href } from "../router";
import { happening } from "./job-words";
import { nameOf } from "./webhooks/words";

const timeFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const EVENTS_MAX = 200; // the API shows no more

export function TimelineList({ fresh, webhooks }: { fresh: Fresh<{ events: TimelineEvent[] }>; webhooks: readonly Webhook[] }) {
  const { data, problem, refresh } = fresh;
  if (data === undefined) {
    return problem ? (
      !problem.isAway && <ProblemView problem={problem} onRetry={refresh} />
    ) : (
      <Skeleton rows={3} label="Loading the timeline" />
    );
  }
  return (
    <>
      <ol class="timeline">
        {data.events.map((event) => (
          <Happened key={`${event.at} ${event.type} ${event.deliveryId ?? event.to ?? ""}`} event={event} webhooks={webhooks} />
        ))}
      </ol>
      {data.events.length >= EVENTS_MAX && <p class="hint">The first event and the newest {EVENTS_MAX - 1} are shown.</p>}
    </>
  );
}

function Happened({ event, webhooks }: { event: TimelineEvent; webhooks: readonly Webhook[] }) {
  const webhook = webhooks.find(({ id }) => id === event.webhookId);
  const { text, detail, tone, icon } = happening(event, webhook ? nameOf(webhook) : "a webhook");
  const target =
    event.webhookId && event.deliveryId
      ? href(`/webhooks/${encodeURIComponent(event.webhookId)}/deliveries/${encodeURIComponent(event.deliveryId)}`)
      : null;
  return (
    <li>
      <span class={`timeline-mark timeline-${tone}`}>
        <Icon name={icon} />
      </span>
      <div>
        <p>
          <bdi>
            {target === null ? (
              text
            ) : (
              <a class="link" href={target}>
                {text}
              </a>
            )}
          </bdi>
        </p>
        {detail !== undefined && (
          <p class="timeline-detail">
            <bdi>{detail}</bdi>
          </p>
        )}
        <p class="timeline-time">
          <Time at={event.at} /> · {timeFormat.format(Date.parse(event.at))}
        </p>
      </div>
    </li>
  );
}
