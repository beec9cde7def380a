// The overview: is all well, and if not, what is wrong since when; then what the monitor has done.
import { answer, api, type DayStats, type HealthDetails, type LastTick, readHealth, type Webhook } from "../api";
import { Bars, Durations, Icon, PageHeader, ProblemView, Section, Skeleton, Time } from "../components";
import { type Fresh, useFresh } from "../refresh";
import { href } from "../router";
import { useNow } from "../time";
import { type Concern, EXPIRING_DAYS, type ExpiringOffers, findConcerns, headline } from "./concerns";

const DAYS = 30;
const EXPIRING_MAX = 50;
const REFRESH = { everySeconds: 30 };

interface Data {
  health: HealthDetails;
  webhooks: readonly Webhook[];
  days: readonly DayStats[];
  expiring: ExpiringOffers;
}

async function load(signal: AbortSignal): Promise<Data> {
  const [health, { webhooks }, { days }, { privateOffers, nextCursor }] = await Promise.all([
    readHealth(signal),
    answer(api.GET("/webhooks", { signal })),
    answer(api.GET("/stats", { signal, params: { query: { days: DAYS } } })),
    answer(api.GET("/watch/private-offers", { signal, params: { query: { expiringWithin: `${EXPIRING_DAYS}d`, limit: EXPIRING_MAX } } })),
  ]);
  return { health, webhooks, days, expiring: { count: privateOffers.length, isMore: nextCursor !== null } };
}

export function Overview() {
  const fresh = useFresh("overview", load, REFRESH);
  const { data, problem, refresh } = fresh;
  if (data === undefined) {
    return (
      <>
        <PageHeader title="Overview" />
        {problem ? !problem.isAway && <ProblemView problem={problem} onRetry={refresh} /> : <Skeleton rows={5} />}
      </>
    );
  }
  return <Shown {...fresh} data={data} />;
}

function Shown({ data: { health, webhooks, days, expiring }, problem, refresh }: Fresh<Data> & { data: Data }) {
  const now = useNow();
  const concerns = findConcerns(health, webhooks, days, expiring, now);
  return (
    <>
      <Lead health={health} concerns={concerns} now={now} />
      {problem && !problem.isAway && <ProblemView problem={problem} onRetry={refresh} />}
      <Counts health={health} days={days} />
      <History days={days} />
    </>
  );
}

function Lead({ health, concerns, now }: { health: HealthDetails; concerns: readonly Concern[]; now: number }) {
  const worst = concerns.some(({ isSerious }) => isSerious) ? "bad" : concerns.length > 0 ? "warning" : "good";
  const sentence = headline(health, concerns, now);
  const only = concerns.length === 1 ? concerns[0] : undefined;
  return (
    <header class={`lead lead-${worst}`}>
      <span class="lead-icon">
        <Icon name={worst === "good" ? "check" : "warning"} />
      </span>
      <div class="lead-text">
        <h1 tabIndex={-1}>
          {only?.href === undefined ? (
            sentence
          ) : (
            <a class="lead-link" href={only.href} data-row>
              {sentence}
              <Icon name="next" />
            </a>
          )}
        </h1>
        {only?.detail !== undefined && <p>{only.detail}</p>}
        <p class="muted">
          {health.lastTick ? (
            <>
              Last check of the jobs <Time at={health.lastTick.at} />.<Latency tick={health.lastTick} />
            </>
          ) : (
            "The jobs are checked once a minute. The first check is due."
          )}
        </p>
      </div>
      {concerns.length > 1 && (
        <ul class="concerns">
          {concerns.map((concern) => (
            <li key={concern.text}>
              <ConcernRow concern={concern} />
            </li>
          ))}
        </ul>
      )}
    </header>
  );
}

function Latency({ tick: { upstreamLatencyMsP50: median, upstreamLatencyMsMax: longest } }: { tick: LastTick }) {
  if (median === null || longest === null) {
    return null;
  }
  const slowest = longest > 2 * median ? `, at worst in ${milliseconds(longest)}` : "";
  return ` Partner Center answered in ${milliseconds(median)}${slowest}.`;
}

function milliseconds(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function ConcernRow({ concern: { text, detail, since, seenAt, href: target, isSerious } }: { concern: Concern }) {
  const at = since ?? seenAt;
  const content = (
    <>
      <Icon name={isSerious ? "cross" : "warning"} />
      <span>
        <span class="concern-text">{text}</span>
        {at !== undefined && (
          <span class="muted">
            {" · "}
            <Time at={at} />
          </span>
        )}
        {detail !== undefined && <p class="muted">{detail}</p>}
      </span>
    </>
  );
  const kind = `concern concern-${isSerious ? "bad" : "warning"}`;
  return target === undefined ? (
    <div class={kind}>{content}</div>
  ) : (
    <a class={kind} href={target} data-row>
      {content}
      <Icon name="next" />
    </a>
  );
}

function Counts({ health, days }: { health: HealthDetails; days: readonly DayStats[] }) {
  const sum = (count: (day: DayStats) => number) => days.reduce((total, day) => total + count(day), 0);
  const counts = [
    { text: "Pending", value: health.pending, link: href("/jobs", { state: "pending" }) },
    { text: "Succeeded", value: sum((day) => day.succeeded), link: href("/jobs", { state: "succeeded" }) },
    { text: "Failed", value: sum((day) => day.failed), link: href("/jobs", { state: "failed" }) },
    { text: "Cancelled", value: sum((day) => day.cancelled), link: href("/jobs", { state: "cancelled" }) },
    {
      text: "Lost or expired",
      value: sum((day) => day.lost + day.expired),
      link: href("/jobs", { state: "lost,expired" }),
    },
  ];
  return (
    <Section title="Jobs" aside={`finished in the last ${DAYS} days`}>
      <ul class="counts">
        {counts.map(({ text, value, link }) => (
          <li key={text}>
            <a href={link} class={value ? undefined : "is-zero"}>
              <span class="counts-value">{value === null ? "–" : value.toLocaleString("en")}</span>
              <span class="counts-text">{text}</span>
            </a>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function History({ days }: { days: readonly DayStats[] }) {
  const hasEnded = days.some((day) => day.succeeded + day.failed + day.cancelled + day.lost + day.expired > 0);
  const hasPolled = days.some((day) => day.polls > 0);
  return (
    <div class="charts">
      <Section title="Finished per day">
        {hasEnded ? (
          <Bars
            label="Jobs finished per day, by outcome"
            days={days}
            series={[
              { name: "Succeeded", tone: "good", value: (day) => day.succeeded },
              { name: "Failed", tone: "bad", value: (day) => day.failed },
              { name: "Other", tone: "neutral", value: (day) => day.cancelled + day.lost + day.expired },
            ]}
          />
        ) : (
          <p class="chart-empty muted">No job has finished in {DAYS} days.</p>
        )}
      </Section>
      <Section title="Time to completion">
        {hasEnded ? (
          <Durations
            label="Time from registration to the end, per day"
            days={days}
            series={[
              { name: "Median", tone: "active", value: (day) => inMilliseconds(day.medianSeconds) },
              { name: "95 % within", tone: "neutral", value: (day) => inMilliseconds(day.p95Seconds) },
            ]}
          />
        ) : (
          <p class="chart-empty muted">Known when the first job has finished.</p>
        )}
      </Section>
      <Section title="Requests to Partner Center">
        {hasPolled ? (
          <Bars
            label="Status requests to Partner Center per day"
            days={days}
            series={[
              { name: "Answered", tone: "active", value: (day) => day.polls - day.failedPolls },
              { name: "Failed", tone: "bad", value: (day) => day.failedPolls },
            ]}
          />
        ) : (
          <p class="chart-empty muted">Partner Center is asked only while jobs are pending.</p>
        )}
      </Section>
    </div>
  );
}

const inMilliseconds = (seconds: number | null) => seconds && seconds * 1000;
