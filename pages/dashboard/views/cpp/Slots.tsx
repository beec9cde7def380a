// Draft, preview and production side by side.
import { useState } from "preact/hooks";
import { Button, CopyButton, ProblemView, Section, Skeleton, Time } from "../../components";
import { masked } from "../../masked";
import type { Fresh } from "../../refresh";
import { exactTime } from "../../time";
import type { SlotData, SlotsFresh } from "./CppOfferView";
import { type CppOffer, type Plan, planTitle, SLOTS, type Slot } from "./read";

const PLANS_SHOWN = 5;

const NAMES: Readonly<Record<Slot, { title: string; says: string; missing: string }>> = {
  draft: { title: "Draft", says: "What you work on", missing: "There is no draft." },
  preview: { title: "Preview", says: "What reviewers see", missing: "It has never been in preview." },
  production: { title: "Production", says: "What customers see", missing: "It has never been published." },
};

export function SlotCards({ slots }: { slots: SlotsFresh }) {
  return (
    <Section title="Draft, preview and production">
      <div class="slots">
        {SLOTS.map((slot) => (
          <SlotCard key={slot} slot={slot} fresh={slots[slot]} />
        ))}
      </div>
    </Section>
  );
}

function SlotCard({ slot, fresh: { data, problem, refresh } }: { slot: Slot; fresh: Fresh<SlotData> }) {
  const { title, says, missing } = NAMES[slot];
  return (
    <section class={`slot${data?.found === null ? " is-missing" : ""}`} aria-label={title}>
      <header class="slot-header">
        <div>
          <h3>{title}</h3>
          <p class="muted">{says}</p>
        </div>
        {data?.found && <CopyButton text={JSON.stringify(masked(data.found.raw), null, 2)} label={`${slot} as JSON`} />}
      </header>
      {data === undefined && !problem && <Skeleton rows={3} label={`Loading the ${slot}`} />}
      {problem && !problem.isAway && <ProblemView problem={problem} onRetry={refresh} />}
      {data?.found === null && <p class="slot-missing muted">{missing}</p>}
      {data?.found && <SlotFacts offer={data.found.offer} />}
    </section>
  );
}

function SlotFacts({ offer: { title, name, version, changedAt, plans } }: { offer: CppOffer }) {
  return (
    <dl class="slot-facts">
      <div>
        <dt>Title</dt>
        <dd class="slot-title">
          <bdi>{title ?? name ?? "none"}</bdi>
        </dd>
      </div>
      <div>
        <dt>Version</dt>
        <dd class="mono">{version ?? "none"}</dd>
      </div>
      <div>
        <dt>Changed</dt>
        <dd>
          {changedAt === null ? (
            "unknown"
          ) : (
            <span title={exactTime(changedAt)}>
              <Time at={changedAt} />
            </span>
          )}
        </dd>
      </div>
      <div>
        <dt>{plans.length === 1 ? "1 plan" : `${plans.length.toLocaleString("en")} plans`}</dt>
        <dd>
          <Plans plans={plans} />
        </dd>
      </div>
    </dl>
  );
}

function Plans({ plans }: { plans: readonly Plan[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? plans : plans.slice(0, PLANS_SHOWN);
  return (
    <>
      <ul>
        {shown.map((plan, at) => (
          <li key={at} title={plan.id ?? undefined}>
            <bdi>{planTitle(plan)}</bdi>
            {plan.title !== null && plan.id !== null && plan.title !== plan.id && <span class="mono muted"> {plan.id}</span>}
          </li>
        ))}
      </ul>
      {shown.length < plans.length && (
        <Button kind="quiet" onClick={() => setAll(true)}>
          Show all {plans.length}
        </Button>
      )}
    </>
  );
}
