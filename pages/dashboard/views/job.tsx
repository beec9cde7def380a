// One job: how it goes, or how it ended and what to do; its offer, timeline and webhooks.
import { useEffect, useState } from "preact/hooks";
import { type ApiProblem, answer, api, type Job } from "../api";
import {
  Age,
  CopyButton,
  Empty,
  Facts,
  Json,
  LongText,
  Notice,
  PageHeader,
  ProblemView,
  Section,
  Skeleton,
  StateBadge,
  Time,
} from "../components";
import { masked } from "../masked";
import { OfferBadge, OfferView, offerTitle, readOffer, UpgradeChanges } from "../offer";
import { useFresh } from "../refresh";
import { href } from "../router";
import { duration, exactTime } from "../time";
import { useTitle } from "../title";
import { operationText } from "../words";
import type { ViewProps } from ".";
import { CheckResult, JobActions, useCheck } from "./job-actions";
import { DeliveryRows, useDeliveries } from "./job-deliveries";
import { ErrorList } from "./job-errors";
import { TimelineList } from "./job-timeline";
import { advice, jobTitle, pollErrorText, statusText } from "./job-words";
import { NextPoll } from "./jobs";

const PENDING_SECONDS = 10;
const FINISHED_SECONDS = 60;
const TURNS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g; // they would turn the rest of the title, too
const BACK = { href: href("/jobs"), text: "Jobs" };

export function JobView({ params: { jobId = "" } }: ViewProps) {
  const id = jobId.toLowerCase();
  const path = { jobId: id };
  const [everySeconds, setEverySeconds] = useState(PENDING_SECONDS);
  const load = async (signal: AbortSignal) => {
    const loaded = await answer(api.GET("/jobs/{jobId}", { signal, params: { path } }));
    setEverySeconds(loaded.state === "pending" ? PENDING_SECONDS : FINISHED_SECONDS);
    return loaded;
  };
  const { data: job, problem, refresh } = useFresh(`job ${id}`, load, { everySeconds });
  const check = useCheck(id, refresh);
  const isHere = job !== undefined && problem?.status !== 404;
  const title = isHere ? jobTitle(job) : "Job";
  useTitle(title.slice(0, 100).replaceAll(TURNS, ""));
  // One header for all cases, so that the heading keeps the focus when the job is there.
  return (
    <>
      <PageHeader
        title={
          <bdi class="job-title" title={title}>
            {title}
          </bdi>
        }
        back={BACK}
        actions={isHere ? <JobActions job={job} check={check} onChanged={refresh} /> : undefined}
      >
        {isHere && <Lead job={job} />}
      </PageHeader>
      {problem && <JobProblem jobId={id} problem={problem} onRetry={refresh} />}
      {isHere && job.state === "pending" && <CheckResult check={check} />}
      {isHere && <Known job={job} />}
      {job === undefined && !problem && <Skeleton rows={6} label="Loading the job" />}
    </>
  );
}

function JobProblem({ jobId, problem, onRetry }: { jobId: string; problem: ApiProblem; onRetry: () => void }) {
  if (problem.status === 400) {
    return (
      <Empty icon="question" title="This is not the id of a job">
        <p>A job id looks like b3f49dff-381f-480d-a10e-17f4ce49b65f.</p>
      </Empty>
    );
  }
  if (problem.status === 404) {
    return (
      <Empty
        icon="question"
        title="The monitor does not follow this job"
        action={
          <a class="button button-primary" href={href("/jobs/new", { jobId })}>
            Register it
          </a>
        }
      >
        <p>It was never registered, or it has been removed.</p>
        <p class="mono">{jobId}</p>
      </Empty>
    );
  }
  return problem.isAway ? null : <ProblemView problem={problem} onRetry={onRetry} />;
}

function Known({ job }: { job: Job }) {
  const { jobId, state, updatedAt, privateOffer, errors, operation } = job;
  const isPending = state === "pending";
  const everySeconds = isPending ? PENDING_SECONDS : FINISHED_SECONDS;
  const timeline = useFresh(
    `timeline ${jobId}`,
    (signal) => answer(api.GET("/jobs/{jobId}/timeline", { signal, params: { path: { jobId } } })),
    { everySeconds },
  );
  const deliveries = useDeliveries(jobId, everySeconds);
  const refreshParts = () => {
    timeline.refresh();
    deliveries.refresh();
  };
  // What has changed the job is in its timeline, too.
  useEffect(refreshParts, [updatedAt]);
  const offer = readOffer(privateOffer);
  const next = advice(job);

  return (
    <>
      <div class="job">
        <div class="job-main">
          {isPending && <Progress job={job} />}
          {state === "failed" && errors.length > 0 && (
            <Section title="Why it failed">
              <ErrorList errors={errors} />
            </Section>
          )}
          {next && <Notice title="What to do next">{next}</Notice>}
          {state === "succeeded" && offer === null && operation !== "delete" && <NoOffer job={job} />}
          {offer && (
            <Section
              title="Private offer"
              aside={
                <span class="offer-aside">
                  <span>{job.finishedAt && <>as it was {<Time at={job.finishedAt} />}</>}</span>
                  <OfferBadge offer={offer} />
                </span>
              }
            >
              <p class="offer-title">
                <a class="link" href={href(`/offers/${encodeURIComponent(offer.id ?? "")}`)}>
                  <bdi>{offerTitle(offer)}</bdi>
                </a>
              </p>
              <OfferView offer={offer} />
            </Section>
          )}
          {offer?.upgradedFrom?.id && (
            <Section title="What is new against the offer it upgraded">
              <UpgradeChanges offer={offer} />
            </Section>
          )}
          <Section title="Webhooks">
            <DeliveryRows fresh={deliveries} isPending={isPending} />
          </Section>
        </div>
        <div class="job-side">
          <Section title="Details">
            <JobFacts job={job} />
          </Section>
          <Section title="Timeline">
            <TimelineList fresh={timeline} webhooks={deliveries.data?.webhooks ?? []} />
          </Section>
        </div>
      </div>
      <details class="disclosure">
        <summary>Raw JSON</summary>
        <Json value={masked(job)} label="job as JSON" />
      </details>
    </>
  );
}

/** The line below the title: state, operation and id. */
function Lead({ job: { jobId, state, stalled, operation } }: { job: Job }) {
  return (
    <p class="job-lead">
      <StateBadge state={state} stalled={state === "pending" && stalled} />
      <span class="muted">{operationText(operation)}</span>
      <span class="id">
        <span class="mono muted">{jobId}</span>
        <CopyButton text={jobId} label="job id" />
      </span>
    </p>
  );
}

/** How a pending job goes. */
function Progress({ job }: { job: Job }) {
  const { registeredAt, lastPollError, consecutivePollFailures, stalled, jobStatus } = job;
  const isEnding = jobStatus?.trim().toLowerCase() === "completed";
  return (
    <>
      <div class="progress">
        <p class="progress-text">
          <strong>
            Pending for <Age since={registeredAt} />
          </strong>
          <span class="muted">{isEnding ? "Partner Center has completed it. Its offer is being fetched." : <Status job={job} />}</span>
        </p>
        <p class="progress-next muted">
          <NextPoll job={job} withText />
        </p>
      </div>
      {lastPollError !== null && (
        <Notice
          tone="warning"
          title={consecutivePollFailures > 1 ? `The last ${consecutivePollFailures} checks failed.` : "The last check failed."}
        >
          <LongText text={pollErrorText(lastPollError)} /> The monitor tries again by itself.
        </Notice>
      )}
      {stalled && <Notice tone="warning" title="The job has been pending for unusually long." />}
    </>
  );
}

function Status({ job }: { job: Job }) {
  const status = statusText(job);
  if (status !== null) {
    return <>Partner Center says: {status}.</>;
  }
  return <>{job.lastPolledAt === null ? "Partner Center has not been asked yet." : "Partner Center has not answered yet."}</>;
}

function NoOffer({ job: { lastPollError } }: { job: Job }) {
  return lastPollError === null ? (
    <Notice title="The job left no private offer." />
  ) : (
    <Notice tone="warning" title="The job succeeded, but its offer could not be read.">
      <LongText text={pollErrorText(lastPollError)} />
    </Notice>
  );
}

function JobFacts({ job }: { job: Job }) {
  const { label, externalId, registeredAt, finishedAt, pollCount, lastPolledAt, state, jobStart, jobEnd } = job;
  const isPending = state === "pending";
  const took = isPending || jobStart === null || jobEnd === null ? 0 : Date.parse(jobEnd) - Date.parse(jobStart);
  const checks = lastPolledAt && (
    <>
      {pollCount.toLocaleString("en")}, the last <Time at={lastPolledAt} />
    </>
  );
  return (
    <Facts
      facts={[
        ["Label", label && label !== jobTitle(job) && <LongText text={label} />],
        [
          "External id",
          externalId && (
            <span class="id">
              <LongText text={externalId} />
              <CopyButton text={externalId} label="external id" />
            </span>
          ),
        ],
        ["Registered", <Time key="registered" at={registeredAt} />],
        [
          "Finished",
          finishedAt && (
            <>
              <Time at={finishedAt} />, after {duration(Date.parse(finishedAt) - Date.parse(registeredAt))}
            </>
          ),
        ],
        ["Checks", checks ?? (isPending ? "none yet" : null)],
        [
          "In Partner Center",
          jobStart && (
            <>
              started {exactTime(jobStart)}
              {took > 0 && `, took ${duration(took)}`}
            </>
          ),
        ],
      ].map(([name, value]) => [name as string, value === false ? null : value] as const)}
    />
  );
}
