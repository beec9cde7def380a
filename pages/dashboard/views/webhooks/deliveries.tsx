// What an endpoint was sent, newest first.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { announce } from "../../announce";
import { type ApiProblem, asProblem, type Webhook } from "../../api";
import {
  Badge,
  Button,
  Dialog,
  Empty,
  Field,
  MoreButton,
  Notice,
  ProblemView,
  Row,
  Rows,
  SearchField,
  Section,
  Segments,
  Skeleton,
  Time,
} from "../../components";
import { useShortcut } from "../../keys";
import { type LoadPage, usePages } from "../../pages";
import { refreshAll } from "../../refresh";
import { href, replaceQuery } from "../../router";
import { duration, useNow } from "../../time";
import { type Delivery, type DeliveryFilter, type DeliveryStatus, type EventType, listDeliveries, redeliverDead } from "./calls";
import { asEventType, EVENT_TYPES } from "./choices";
import { attemptText, DELIVERY_STATUSES, deliveries, statusOf } from "./words";

const EVERY_SECONDS = 15;
const TYPING_MS = 300;
const JOB_ID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const STATUSES: readonly DeliveryStatus[] = ["pending", "delivered", "dead"];

const idOf = ({ id }: Delivery) => id;

export function Deliveries({ webhook, query, hasDead }: { webhook: Webhook; query: URLSearchParams; hasDead: boolean }) {
  const { id } = webhook;
  const status = STATUSES.find((each) => each === query.get("status"));
  const type = asEventType(query.get("type"));
  const job = query.get("job") ?? "";
  const isJobId = job === "" || JOB_ID.test(job);
  const [isRedelivering, setIsRedelivering] = useState(false);

  const loadPage: LoadPage<Delivery> = useCallback(
    async (cursor, limit, signal) => {
      if (!isJobId) {
        return { items: [], nextCursor: null };
      }
      const filter: DeliveryFilter = { status, type, ...(job && { jobId: job.toLowerCase() }) };
      return listDeliveries(id, filter, { limit, cursor }, signal);
    },
    [id, status, type, job, isJobId],
  );
  const pages = usePages(`deliveries ${JSON.stringify([id, status, type, job])}`, loadPage, {
    everySeconds: EVERY_SECONDS,
    idOf,
  });
  const { items, hasMore, problem } = pages;
  const isFiltered = status !== undefined || type !== undefined || job !== "";

  return (
    <Section title="Deliveries" aside={hasDead && <Button onClick={() => setIsRedelivering(true)}>Send dead ones again</Button>}>
      <Filters webhookId={id} status={status} type={type} job={job} isJobId={isJobId} />
      {problem && !problem.isAway && <ProblemView problem={problem} onRetry={pages.refresh} />}
      {items === undefined && !problem && <Skeleton rows={6} label="Loading the deliveries" />}
      {items?.length === 0 && !hasMore && isJobId && (isFiltered ? <NothingFound webhookId={id} /> : <Nothing webhook={webhook} />)}
      {items !== undefined && items.length > 0 && (
        <Rows label="Deliveries">
          {items.map((delivery) => (
            <DeliveryRow key={delivery.id} webhookId={id} delivery={delivery} />
          ))}
        </Rows>
      )}
      {pages.moreProblem && <ProblemView problem={pages.moreProblem} onRetry={pages.more} />}
      <MoreButton hasMore={hasMore} busy={pages.isLoadingMore} onMore={pages.more}>
        {items?.length === 0 ? "Search older deliveries" : "Show more"}
      </MoreButton>
      {isRedelivering && <RedeliverDialog webhook={webhook} onClose={() => setIsRedelivering(false)} />}
    </Section>
  );
}

function Filters({
  webhookId,
  status,
  type,
  job,
  isJobId,
}: {
  webhookId: string;
  status: DeliveryStatus | undefined;
  type: EventType | undefined;
  job: string;
  isJobId: boolean;
}) {
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(job);
  const applied = useRef(job);
  useShortcut("/", "Search by job id", () => field.current?.focus());
  useEffect(() => {
    const timer = setTimeout(() => {
      if (typed.trim() !== applied.current) {
        applied.current = typed.trim();
        replaceQuery({ job: applied.current });
      }
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  useEffect(() => {
    // It changed by a link or by going back, not by typing.
    if (job !== applied.current) {
      applied.current = job;
      setTyped(job);
    }
  }, [job]);
  const path = `/webhooks/${encodeURIComponent(webhookId)}`;
  return (
    <div class="filters">
      <Segments
        label="Status"
        options={[undefined, ...STATUSES].map((each) => ({
          text: each === undefined ? "All" : DELIVERY_STATUSES[each].text,
          href: href(path, { status: each, type, job: typed.trim() }),
          isCurrent: each === status,
        }))}
      />
      <div class="filters-fields">
        <select
          class="select"
          aria-label="Type of event"
          value={type ?? ""}
          onChange={(event) => replaceQuery({ type: event.currentTarget.value })}
        >
          <option value="">All events</option>
          {EVENT_TYPES.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
        <SearchField label="Job id" value={typed} inputRef={field} onValue={setTyped} />
      </div>
      {!isJobId && (
        <p class="filters-note" role="status">
          A job id is 32 letters and digits in five groups: paste it whole.
        </p>
      )}
    </div>
  );
}

function NothingFound({ webhookId }: { webhookId: string }) {
  return (
    <Empty icon="search" title="No delivery matches">
      <a class="link" href={href(`/webhooks/${encodeURIComponent(webhookId)}`)}>
        Show all deliveries
      </a>
    </Empty>
  );
}

function Nothing({ webhook }: { webhook: Webhook }) {
  return (
    <Empty icon="webhooks" title="Nothing was sent yet">
      <p>
        {webhook.enabled
          ? "The next event that this endpoint gets shows here, with each attempt and its answer. Tests are not listed."
          : "This endpoint is disabled."}
      </p>
    </Empty>
  );
}

function DeliveryRow({ webhookId, delivery }: { webhookId: string; delivery: Delivery }) {
  const { id, type, status, jobId, createdAt, nextAttemptAt, attempts } = delivery;
  const { tone, icon, text } = statusOf(delivery);
  const last = attempts.at(-1);
  return (
    <Row
      href={href(`/webhooks/${encodeURIComponent(webhookId)}/deliveries/${encodeURIComponent(id)}`)}
      lead={
        <Badge tone={tone} icon={icon}>
          {text}
        </Badge>
      }
      title={<span class="mono">{type}</span>}
      below={
        <>
          {last && (
            <span class={status === "dead" ? "row-reason" : "row-note"}>
              {attemptText(last)}
              {attempts.length > 1 && ` · ${attempts.length} attempts`}
              {nextAttemptAt !== null && (
                <>
                  {" · "}
                  <NextAttempt at={nextAttemptAt} />
                </>
              )}
            </span>
          )}
          {last === undefined && status === "dead" && <span class="row-note">Not tried: the endpoint was disabled</span>}
          {jobId !== null && <span class="row-note mono cut">job {jobId}</span>}
        </>
      }
      facts={<Time at={createdAt} />}
    />
  );
}

/** When the next attempt is: `next attempt in 4 min`. */
export function NextAttempt({ at }: { at: string }) {
  const left = Date.parse(at) - useNow();
  return <span>{left > 0 ? `next attempt in ${duration(left)}` : "next attempt is due"}</span>;
}

function RedeliverDialog({ webhook: { id }, onClose }: { webhook: Webhook; onClose: () => void }) {
  const [type, setType] = useState<EventType>();
  const [since, setSince] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [scheduled, setScheduled] = useState<number | null>(null);
  const send = async (event: Event) => {
    event.preventDefault();
    if (busy) {
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      // The field is in the time of this browser.
      const count = await redeliverDead(id, { type, since: since === "" ? undefined : new Date(since).toISOString() });
      setScheduled(count);
      announce(count === 0 ? "No dead delivery matches." : `${deliveries(count)} will be sent again.`);
      refreshAll();
    } catch (error) {
      setProblem(asProblem(error));
    }
    setBusy(false);
  };
  return (
    <Dialog title="Send dead deliveries again" onClose={onClose}>
      {scheduled === null ? (
        <form class="stack" onSubmit={(event) => void send(event)}>
          <p>They are sent again soon, one after another, with the same bodies and ids, so that a receiver can tell what it had before.</p>
          <Field label="Events">
            {(fieldId, attributes) => (
              <select
                {...attributes}
                id={fieldId}
                class="select"
                value={type ?? ""}
                onChange={(event) => setType(asEventType(event.currentTarget.value))}
              >
                <option value="">All events</option>
                {EVENT_TYPES.map((each) => (
                  <option key={each} value={each}>
                    {each}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label="Created since (optional)" hint="In your time zone. Leave it empty for all.">
            {(fieldId, attributes) => (
              <input
                {...attributes}
                id={fieldId}
                class="input"
                type="datetime-local"
                value={since}
                onInput={(event) => setSince(event.currentTarget.value)}
              />
            )}
          </Field>
          {problem &&
            (problem.status === 409 ? (
              <div role="alert">
                <Notice tone="bad" title="The endpoint is disabled, so nothing was scheduled.">
                  Enable it, then send them again.
                </Notice>
              </div>
            ) : (
              <ProblemView problem={problem} />
            ))}
          <footer class="dialog-footer">
            <Button onClick={onClose}>Cancel</Button>
            <Button kind="primary" type="submit" busy={busy}>
              {busy ? "Scheduling …" : "Send again"}
            </Button>
          </footer>
        </form>
      ) : (
        <>
          {scheduled === 0 ? (
            <Notice title="No dead delivery matches.">Nothing was scheduled.</Notice>
          ) : (
            <Notice tone="good" title={`${deliveries(scheduled)} ${scheduled === 1 ? "is" : "are"} scheduled.`}>
              They go out within the next minutes.
            </Notice>
          )}
          <footer class="dialog-footer">
            <Button kind="primary" onClick={onClose}>
              Done
            </Button>
          </footer>
        </>
      )}
    </Dialog>
  );
}
