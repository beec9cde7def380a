// One private offer as Partner Center has it now, and what was announced of it.
import { useState } from "preact/hooks";
import { ApiProblem, answer, api, type OfferChange } from "../../api";
import {
  Button,
  CopyButton,
  Empty,
  Icon,
  Json,
  LongText,
  Notice,
  PageHeader,
  ProblemView,
  Section,
  Skeleton,
  Time,
} from "../../components";
import { masked } from "../../masked";
import { OfferBadge, OfferView, offerTitle, readOffer, UpgradeChanges } from "../../offer";
import { type Fresh, useFresh } from "../../refresh";
import { href } from "../../router";
import { clockTime, date } from "../../time";
import { useTitle } from "../../title";
import type { ViewProps } from "..";
import { changedMembers, eventWords } from "./words";

const EVERY_SECONDS = 60;
const EVENTS_AT_FIRST = 20;
const BACK = { href: href("/offers"), text: "Private offers" };

/** Null if Partner Center has no such offer. */
type Found = { raw: Record<string, unknown> } | null;
/** Null if the monitor has never seen the offer. */
type History = { events: readonly OfferChange[] } | null;

async function orNull<T>(load: Promise<T>): Promise<T | null> {
  try {
    return await load;
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) {
      return null;
    }
    throw error;
  }
}

export function PrivateOffer({ params: { id = "" } }: ViewProps) {
  const path = { privateOfferId: id };
  const fresh = useFresh<{ found: Found }>(
    `private offer ${id}`,
    async (signal) => {
      const raw = await orNull(answer(api.GET("/private-offers/{privateOfferId}", { signal, params: { path } })));
      return { found: raw && { raw } };
    },
    { everySeconds: EVERY_SECONDS },
  );
  const history = useFresh<{ history: History }>(
    `history ${id}`,
    async (signal) => ({
      history: await orNull(answer(api.GET("/private-offers/{privateOfferId}/history", { signal, params: { path } }))),
    }),
    { everySeconds: EVERY_SECONDS },
  );
  const { data, problem, refresh } = fresh;
  const offer = readOffer(data?.found?.raw);
  const title = offer === null ? "Private offer" : offerTitle(offer);
  useTitle(title.slice(0, 100));
  return (
    <>
      <PageHeader
        title={
          <bdi class="offer-heading" title={title}>
            {title}
          </bdi>
        }
        back={BACK}
        actions={
          <CopyButton text={location.href} label="link">
            Copy link
          </CopyButton>
        }
      >
        <p class="lead-line">
          {offer ? (
            <>
              <OfferBadge offer={offer} />
              <span class="muted">As Partner Center has it now</span>
            </>
          ) : (
            <span class="mono muted">{id}</span>
          )}
        </p>
      </PageHeader>
      {problem && !problem.isAway && <ProblemView problem={problem} onRetry={refresh} />}
      <div class="two-columns">
        <div class="main-column">
          {data === undefined && !problem && <Skeleton rows={6} label="Loading the offer" />}
          {data?.found === null && <Gone history={history} />}
          {offer && (
            <>
              <h2 class="visually-hidden">Offer</h2>
              <OfferView offer={offer} />
            </>
          )}
          {offer?.upgradedFrom?.id && (
            <Section title="What is new against the offer it upgraded" aside={<bdi>{offer.upgradedFrom.name}</bdi>}>
              <UpgradeChanges offer={offer} />
            </Section>
          )}
          {data?.found && (
            <details class="disclosure">
              <summary>Raw JSON</summary>
              <Json value={masked(data.found.raw)} label="offer as JSON" />
            </details>
          )}
        </div>
        <div class="side-column">
          <Section title="History">
            <HistoryList fresh={history} isThere={data?.found !== null} />
          </Section>
        </div>
      </div>
    </>
  );
}

function Gone({ history: { data } }: { history: Fresh<{ history: History }> }) {
  if (data?.history === null) {
    return (
      <Empty icon="question" title="There is no offer with this id">
        <p>Partner Center has none, and the monitor has never seen one.</p>
      </Empty>
    );
  }
  return (
    <Notice tone="warning" title="The offer is gone.">
      Partner Center no longer has it. Its history is kept for some time.
    </Notice>
  );
}

function HistoryList({ fresh: { data, problem, refresh }, isThere }: { fresh: Fresh<{ history: History }>; isThere: boolean }) {
  const [all, setAll] = useState(false);
  if (data === undefined) {
    // What is wrong with the id is said once, for the offer.
    return problem ? (
      !problem.isAway && problem.status !== 400 && <ProblemView problem={problem} onRetry={refresh} />
    ) : (
      <Skeleton rows={3} label="Loading the history" />
    );
  }
  if (data.history === null) {
    return <p class="muted">{isThere ? "The monitor has not seen this offer yet, or does not follow offers." : "None."}</p>;
  }
  const { events } = data.history;
  if (events.length === 0) {
    return <p class="muted">Nothing has changed since the monitor began to follow the offer, except by jobs that it followed.</p>;
  }
  const shown = all ? events : events.slice(0, EVENTS_AT_FIRST);
  return (
    <>
      <ol class="timeline">
        {shown.map((event, at) => (
          <Happened key={`${event.at} ${event.type} ${at}`} event={event} />
        ))}
      </ol>
      {shown.length < events.length && <Button onClick={() => setAll(true)}>Show all {events.length}</Button>}
    </>
  );
}

function Happened({ event: { at, type, changes } }: { event: OfferChange }) {
  const { text, tone, icon } = eventWords(type);
  const members = changedMembers(changes ?? []);
  return (
    <li>
      <span class={`timeline-mark timeline-${tone}`}>
        <Icon name={icon} />
      </span>
      <div>
        <p>{text}</p>
        {members.length > 0 && (
          <p class="timeline-detail">
            <LongText text={members.join(", ")} />
          </p>
        )}
        <p class="timeline-time">
          <Time at={at} /> · {date(at)}, {clockTime(at)}
        </p>
      </div>
    </li>
  );
}
