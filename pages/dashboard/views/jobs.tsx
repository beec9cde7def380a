// The jobs: pending ones first, then finished ones, newest first.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiProblem, answer, api, type Job, type JobState, type Operation } from "../api";
import {
  Age,
  Empty,
  errorTexts,
  Filling,
  Icon,
  MoreButton,
  PageHeader,
  ProblemView,
  Row,
  Rows,
  SearchField,
  Segments,
  Skeleton,
  StateBadge,
  Time,
} from "../components";
import { useShortcut } from "../keys";
import { type LoadPage, usePages } from "../pages";
import { useFresh } from "../refresh";
import { href, replaceQuery, useKept } from "../router";
import { duration, useNow } from "../time";
import { operationText } from "../words";
import type { ViewProps } from ".";

const EVERY_SECONDS = 15;
const MANY_PENDING = 1000;
const EVERY_SECONDS_WITH_MANY = 60;
const PENDING_MAX = 5000;
const PAGE_MAX = 500;
const SHOWN_AT_ONCE = 50;
const TYPING_MS = 300;
const JOB_ID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

const FILTERS: readonly { text: string; state: string | null }[] = [
  { text: "All", state: null },
  { text: "Pending", state: "pending" },
  { text: "Succeeded", state: "succeeded" },
  { text: "Failed", state: "failed" },
  { text: "Cancelled", state: "cancelled" },
  { text: "Lost or expired", state: "lost,expired" },
];
export const OPERATIONS: readonly Operation[] = ["create", "update", "upgrade", "withdraw", "delete", "unknown"];
const FINISHED: readonly JobState[] = ["succeeded", "failed", "cancelled", "lost", "expired"];

interface Filter {
  readonly states: readonly string[];
  readonly operation: Operation | undefined;
  readonly search: string;
}

export function Jobs({ query }: ViewProps) {
  const state = query.get("state");
  const operation = OPERATIONS.find((known) => known === query.get("operation"));
  const search = query.get("search")?.trim() ?? "";
  const states = state?.split(",").filter(Boolean) ?? ["pending", ...FINISHED];
  const filter: Filter = { states, operation, search };
  const key = JSON.stringify(filter);

  const withPending = states.includes("pending");
  const pending = usePending(filter, key);
  const finishedStates = states.filter((name) => name !== "pending").join(",");
  const finished = useFinished(filter, finishedStates, key);
  const [shown, setShown] = useKept(`shown ${key}`, SHOWN_AT_ONCE);

  const waiting = withPending ? pending.data?.jobs : [];
  const ended = finishedStates ? finished.items : [];
  const jobs = waiting && ended && [...waiting, ...ended];
  const problem = (withPending && pending.problem) || (finishedStates && finished.problem) || undefined;
  const isFiltered = state !== null || operation !== undefined || search !== "";

  const more = () => {
    setShown(shown + SHOWN_AT_ONCE);
    if (jobs && jobs.length < shown + SHOWN_AT_ONCE) {
      finished.more();
    }
  };
  const refresh = () => {
    pending.refresh();
    finished.refresh();
  };
  const hasMore = jobs !== undefined && (jobs.length > shown || (Boolean(finishedStates) && finished.hasMore));

  return (
    <>
      <PageHeader
        title="Jobs"
        actions={
          <a class="button" href={href("/jobs/new")}>
            <Icon name="plus" />
            Register a job
          </a>
        }
      />
      <Filters state={state} operation={operation} search={search} />
      {problem && !problem.isAway && <ProblemView problem={problem} onRetry={refresh} />}
      {pending.data?.isCut && withPending && (
        <p class="muted list-note">Of the pending jobs, {PENDING_MAX.toLocaleString("en")} are shown.</p>
      )}
      {jobs === undefined && !problem && <Skeleton rows={8} label="Loading the jobs" />}
      {jobs?.length === 0 && !hasMore && <Nothing isFiltered={isFiltered} search={search} />}
      {jobs !== undefined && jobs.length > 0 && (
        <Rows label="Jobs">
          {jobs.slice(0, shown).map((job) => (
            <JobRow key={job.jobId} job={job} />
          ))}
        </Rows>
      )}
      {finished.moreProblem && <ProblemView problem={finished.moreProblem} onRetry={finished.more} />}
      <MoreButton hasMore={hasMore} busy={finished.isLoadingMore} onMore={more}>
        {search && jobs !== undefined && jobs.length <= shown ? "Search older jobs" : "Show more"}
      </MoreButton>
    </>
  );
}

/** The pending jobs that fit, newest first. The API has them in the order of their ids. */
function usePending(filter: Filter, key: string) {
  const [every, setEvery] = useState(EVERY_SECONDS);
  const wanted = filter.states.includes("pending");
  return useFresh(
    `pending ${key}`,
    async (signal) => {
      const jobs: Job[] = [];
      let cursor: string | null = null;
      do {
        const query = {
          state: "pending",
          limit: PAGE_MAX,
          ...(filter.operation && { operation: filter.operation }),
          ...(cursor !== null && { cursor }),
        };
        const page: { jobs: Job[]; nextCursor: string | null } = wanted
          ? await answer(api.GET("/jobs", { signal, params: { query } }))
          : { jobs: [], nextCursor: null };
        jobs.push(...page.jobs);
        cursor = page.nextCursor;
      } while (cursor !== null && jobs.length < PENDING_MAX);
      setEvery(jobs.length > MANY_PENDING ? EVERY_SECONDS_WITH_MANY : EVERY_SECONDS);
      const found = filter.search === "" ? jobs : jobs.filter((job) => isFound(job, filter.search.toLowerCase()));
      found.sort((one, other) => other.registeredAt.localeCompare(one.registeredAt));
      return { jobs: found, isCut: cursor !== null };
    },
    { everySeconds: wanted ? every : 0 },
  );
}

function isFound({ jobId, label, externalId }: Job, search: string): boolean {
  return [jobId, label, externalId].some((text) => text?.toLowerCase().includes(search));
}

/** The finished jobs. A search is for a part of the label, or for a whole external id or job id. */
function useFinished({ operation, search }: Filter, state: string, key: string) {
  const loadPage: LoadPage<Job> = useCallback(
    async (cursor, limit, signal) => {
      if (state === "") {
        return { items: [], nextCursor: null };
      }
      if (JOB_ID.test(search)) {
        return { items: await findById(search, state, operation, signal), nextCursor: null };
      }
      const filters = { state, limit, ...(operation && { operation }), ...(cursor !== null && { cursor }) };
      const read = (more: { label?: string; externalId?: string }) =>
        answer(api.GET("/jobs", { signal, params: { query: { ...filters, ...more } } }));
      if (search === "") {
        const { jobs, nextCursor } = await read({});
        return { items: jobs, nextCursor };
      }
      const [byLabel, byExternalId] = await Promise.all([
        read({ label: search }),
        cursor === null ? read({ externalId: search }) : { jobs: [] },
      ]);
      const ids = new Set(byExternalId.jobs.map(({ jobId }) => jobId));
      const others = byLabel.jobs.filter(({ jobId }) => !ids.has(jobId));
      return { items: [...byExternalId.jobs, ...others], nextCursor: byLabel.nextCursor };
    },
    [state, operation, search],
  );
  return usePages(`finished ${key}`, loadPage, { everySeconds: state === "" ? 0 : EVERY_SECONDS, idOf });
}

const idOf = ({ jobId }: Job) => jobId;

async function findById(jobId: string, state: string, operation: Operation | undefined, signal: AbortSignal) {
  try {
    const job = await answer(api.GET("/jobs/{jobId}", { signal, params: { path: { jobId: jobId.toLowerCase() } } }));
    const fits = state.split(",").includes(job.state) && (operation === undefined || operation === job.operation);
    return fits ? [job] : [];
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) {
      return [];
    }
    throw error;
  }
}

function Filters({ state, operation, search }: { state: string | null; operation: Operation | undefined; search: string }) {
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(search);
  const applied = useRef(search);
  useShortcut("/", "Search", () => field.current?.focus());
  useEffect(() => {
    const timer = setTimeout(() => {
      if (typed.trim() !== applied.current) {
        applied.current = typed.trim();
        replaceQuery({ search: applied.current });
      }
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  useEffect(() => {
    // It changed by a link or by going back, not by typing.
    if (search !== applied.current) {
      applied.current = search;
      setTyped(search);
    }
  }, [search]);
  return (
    <div class="filters">
      <Segments
        label="State"
        options={FILTERS.map((each) => ({
          text: each.text,
          href: href("/jobs", { state: each.state, operation, search: typed.trim() }),
          isCurrent: each.state === state,
        }))}
      />
      <div class="filters-fields">
        <SearchField label="Search label or id" value={typed} inputRef={field} onValue={setTyped} />
        <select
          class="select"
          aria-label="Operation"
          value={operation ?? ""}
          onChange={(event) => replaceQuery({ operation: event.currentTarget.value })}
        >
          <option value="">All operations</option>
          {OPERATIONS.map((name) => (
            <option key={name} value={name}>
              {operationText(name)}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}

function Nothing({ isFiltered, search }: { isFiltered: boolean; search: string }) {
  if (!isFiltered) {
    return (
      <Empty icon="jobs" title="No jobs yet">
        <p>
          Register a job by its id, and the monitor follows it to its end. Programs send it to <code>POST /api/jobs</code>.{" "}
          <a class="link" href="docs">
            Read how
          </a>
        </p>
      </Empty>
    );
  }
  return (
    <Empty icon="search" title={search ? `No job matches “${search}”` : "No job matches"}>
      <a class="link" href={href("/jobs")}>
        Show all jobs
      </a>
    </Empty>
  );
}

function JobRow({ job }: { job: Job }) {
  const { jobId, state, stalled, label, operation, externalId, registeredAt, finishedAt } = job;
  const isPending = state === "pending";
  return (
    <Row
      href={href(`/jobs/${jobId}`)}
      lead={<StateBadge state={state} stalled={isPending && stalled} />}
      title={label ?? offerName(job) ?? <span class="mono">{jobId}</span>}
      below={
        <>
          <span class="row-note">{[operationText(operation), externalId].filter(Boolean).join(" · ")}</span>
          <Reason job={job} />
        </>
      }
      facts={
        isPending ? (
          <>
            <span>
              pending for <Age since={registeredAt} />
            </span>
            <NextPoll job={job} />
          </>
        ) : (
          <>
            <span>{finishedAt && <Time at={finishedAt} />}</span>
            <span class="row-note">{finishedAt && `after ${duration(Date.parse(finishedAt) - Date.parse(registeredAt))}`}</span>
          </>
        )
      }
    />
  );
}

/** Why a job failed, or cannot be checked. */
function Reason({ job: { state, errors, lastPollError } }: { job: Job }) {
  const texts = state === "failed" ? errorTexts(errors) : [];
  if (texts.length > 0) {
    const [first, ...others] = texts;
    return (
      <span class="row-reason">
        {first}
        {others.length > 0 && ` (and ${others.length} more)`}
      </span>
    );
  }
  return state === "pending" && lastPollError !== null ? <span class="row-reason">The last check failed: {lastPollError}</span> : null;
}

/** The line that fills until a job's next check, with the words for it if `withText`. */
export function NextPoll({ job: { registeredAt, lastPolledAt, nextPollAt }, withText = false }: { job: Job; withText?: boolean }) {
  const now = useNow();
  if (nextPollAt === null) {
    return null;
  }
  const to = Date.parse(nextPollAt);
  const text = to > now ? `Next check in ${duration(to - now)}` : "The next check is due";
  const line = <Filling from={Date.parse(lastPolledAt ?? registeredAt)} to={to} now={now} label={text} />;
  return withText ? (
    <>
      {line}
      <span>{text}</span>
    </>
  ) : (
    line
  );
}

function offerName({ privateOffer }: Job): string | null {
  const name: unknown = privateOffer?.name;
  return typeof name === "string" && name !== "" ? name : null;
}
