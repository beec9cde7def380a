// How publishing goes: its steps, and what the portal says about those that wait or failed.
import { Icon, LongText, Notice, ProblemView, Section, Skeleton, Time } from "../../components";
import type { Fresh } from "../../refresh";
import { type Publishing, type Step, type StepMessage, statusWords, waitsForReview } from "./read";

const MESSAGES_MAX = 10;

export function PublishingSection({ fresh: { data, problem, refresh } }: { fresh: Fresh<Publishing> }) {
  return (
    <Section title="Publishing">
      {data === undefined && !problem && <Skeleton rows={2} label="Loading the publishing status" />}
      {problem &&
        !problem.isAway &&
        (problem.status === 404 ? (
          <p class="muted">There is no publishing status.</p>
        ) : (
          <ProblemView problem={problem} onRetry={refresh} />
        ))}
      {data && <Steps publishing={data} />}
    </Section>
  );
}

function Steps({ publishing: { status, steps, messages } }: { publishing: Publishing }) {
  if (steps.length === 0) {
    return <p class="muted">{statusWords(status).text}. The portal names no steps.</p>;
  }
  const said = steps.flatMap((step) => step.messages.filter(({ isError }) => isError).map((message) => ({ step: step.name, message })));
  return (
    <>
      <ol class="publishing">
        {steps.map((step, at) => (
          <StepItem key={at} step={step} />
        ))}
      </ol>
      {[...messages.filter(({ isError }) => isError).map((message) => ({ step: null, message })), ...said]
        .slice(0, MESSAGES_MAX)
        .map(({ step, message }, at) => (
          <StepNotice key={at} step={step} message={message} />
        ))}
    </>
  );
}

function StepItem({ step }: { step: Step }) {
  const { name, description, status, progress, estimate, messages } = step;
  const { text, tone, icon } = statusWords(status);
  const isDone = tone === "good";
  const isUnderWay = tone === "active";
  const last = messages.at(-1)?.at;
  const details = [
    isUnderWay && progress ? `${progress} %` : null,
    isDone || tone === "bad" || tone === "warning" ? null : estimate && `takes ${estimate}`,
  ];
  const detail = details.filter(Boolean).join(", ");
  return (
    <li class={`publishing-step is-${tone}${waitsForReview(status) ? " is-waiting" : ""}`}>
      <span class={`publishing-mark timeline-${tone}`}>
        <Icon name={icon} />
      </span>
      <div>
        <p class="publishing-name" title={description ?? undefined}>
          <bdi>{name}</bdi>
        </p>
        <p class="publishing-status">
          {text} {isDone && last && <Time at={last} />}
        </p>
        {detail && <p class="publishing-detail">{detail}</p>}
      </div>
    </li>
  );
}

function StepNotice({ step, message: { text, at } }: { step: string | null; message: StepMessage }) {
  return (
    <div class="publishing-notice">
      <Notice tone="bad" title={step ?? "Publishing"}>
        <LongText text={text} />{" "}
        {at && (
          <span class="muted">
            <Time at={at} />
          </span>
        )}
      </Notice>
    </div>
  );
}
