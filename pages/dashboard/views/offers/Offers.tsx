// The private offers that the monitor follows, those about to expire first.
import { useMemo, useRef, useState } from "preact/hooks";
import type { ApiProblem } from "../../api";
import {
  Badge,
  Button,
  Empty,
  Icon,
  MoreButton,
  Notice,
  PageHeader,
  ProblemView,
  Row,
  Rows,
  SearchField,
  Segments,
  Skeleton,
  Time,
} from "../../components";
import { useShortcut } from "../../keys";
import { type OfferDate, offerDates, offerTitle, stageBadge, typeText } from "../../offer";
import { usePages } from "../../pages";
import { useFresh } from "../../refresh";
import { href, replaceQuery, useKept } from "../../router";
import { date, exactTime, relative, useMinute } from "../../time";
import type { ViewProps } from "..";
import { pollErrorText } from "../job-words";
import { useTyped } from "../typed";
import {
  comingDates,
  ENDING_DAYS,
  EXPIRING_DAYS,
  type Filter,
  type Followed,
  type FollowedList,
  fits,
  idOf,
  isShown,
  loadFollowed,
  loadPartnerCenter,
  OFFERS_MAX,
  SHOWS,
  sorted,
} from "./followed";
import { Subscribe } from "./Subscribe";
import { Upcoming } from "./Upcoming";
import { capitalised, eventWords, partiesText } from "./words";

const EVERY_SECONDS = 60;
const MANY = 1000;
const EVERY_SECONDS_WITH_MANY = 300;
const SHOWN_AT_ONCE = 50;
const PARTNER_CENTER = "partner-center";

export function Offers(props: ViewProps) {
  return props.query.get("from") === PARTNER_CENTER ? <FromPartnerCenter {...props} /> : <FromWatch {...props} />;
}

/** What the monitor follows, as it last saw it. */
function FromWatch({ query }: ViewProps) {
  const [count, setCount] = useState(0);
  const [every, setEvery] = useState(EVERY_SECONDS);
  const { data, problem, refresh } = useFresh(
    "followed offers",
    async (signal) => {
      const list = await loadFollowed(signal, setCount);
      setEvery(list.items.length > MANY ? EVERY_SECONDS_WITH_MANY : EVERY_SECONDS);
      return list;
    },
    { everySeconds: every },
  );
  const [subscribing, setSubscribing] = useState(false);
  const isEmpty = data?.items.length === 0;
  return (
    <>
      <PageHeader
        title="Private offers"
        actions={
          !isEmpty && (
            <Button onClick={() => setSubscribing(true)}>
              <Icon name="calendar" />
              Subscribe to these dates
            </Button>
          )
        }
      >
        {data && !isEmpty && <Seen list={data} />}
      </PageHeader>
      {problem && !problem.isAway && <ProblemView problem={problem} onRetry={refresh} />}
      {data?.run?.ok === false && <Trouble run={data.run} />}
      {data === undefined && !problem && <Loading count={count} />}
      {isEmpty && <NothingFollowed list={data} />}
      {data && !isEmpty && <List items={data.items} query={query} isCut={data.isCut} />}
      {subscribing && <Subscribe onClose={() => setSubscribing(false)} />}
    </>
  );
}

function Loading({ count }: { count: number }) {
  return (
    <>
      {count > 0 && <p class="muted list-note">{count.toLocaleString("en")} offers so far …</p>}
      <Skeleton rows={8} label="Loading the offers" />
    </>
  );
}

function Seen({ list: { run } }: { list: FollowedList }) {
  return (
    <p class="muted">
      {run?.ok ? (
        <>
          As the monitor saw them <Time at={run.at} />. It looks every 15 minutes.
        </>
      ) : (
        "As the monitor last saw them."
      )}
    </p>
  );
}

function Trouble({ run: { at, reason } }: { run: NonNullable<FollowedList["run"]> }) {
  return (
    <div class="view-notice">
      <Notice tone="warning" title="The last look at the offers failed.">
        {reason !== undefined && pollErrorText(reason)} The monitor tries again by itself. It last tried <Time at={at} />.
      </Notice>
    </div>
  );
}

function NothingFollowed({ list: { run } }: { list: FollowedList }) {
  const action = (
    <a class="button" href={href("/offers", { from: PARTNER_CENTER })}>
      Read Partner Center's list
    </a>
  );
  if (run === undefined) {
    return (
      <Empty icon="offers" title="The monitor has not looked yet" action={action}>
        <p>It looks at the private offers of the account every 15 minutes. They are here after its first look.</p>
      </Empty>
    );
  }
  return (
    <Empty icon="offers" title="No private offer is followed" action={action}>
      <p>
        The account has none that the monitor can see, its first look is not complete, or the setting <code>WATCH_PRIVATE_OFFERS</code> is
        off. The monitor last looked <Time at={run.at} />.
      </p>
    </Empty>
  );
}

/** Partner Center's own list, for a monitor that follows no offers. */
function FromPartnerCenter({ query }: ViewProps) {
  const { items, hasMore, isLoadingMore, problem, moreProblem, more, refresh } = usePages("Partner Center's offers", loadPartnerCenter, {
    everySeconds: 0,
    idOf,
  });
  return (
    <>
      <PageHeader
        title="Private offers"
        back={{ href: href("/offers"), text: "Offers that are followed" }}
        actions={
          <Button onClick={refresh}>
            <Icon name="refresh" />
            Read again
          </Button>
        }
      >
        <p class="muted">
          Partner Center's own list, read just now. It may leave out customers and partners; open an offer to see all of it.
        </p>
      </PageHeader>
      {problem && !problem.isAway && <ProblemView problem={problem} onRetry={refresh} />}
      {items === undefined && !problem && <Skeleton rows={8} label="Loading the offers" />}
      {items?.length === 0 && !hasMore && (
        <Empty icon="offers" title="Partner Center has no private offers">
          <p>Offers that you make there, or by the API, are here afterwards.</p>
        </Empty>
      )}
      {items !== undefined && (items.length > 0 || hasMore) && (
        <List
          items={items}
          query={query}
          from={PARTNER_CENTER}
          more={{ has: hasMore, isLoading: isLoadingMore, problem: moreProblem, load: more }}
        />
      )}
    </>
  );
}

interface More {
  readonly has: boolean;
  readonly isLoading: boolean;
  readonly problem: ApiProblem | undefined;
  readonly load: () => void;
}

function List({
  items,
  query,
  from = null,
  isCut = false,
  more,
}: {
  items: readonly Followed[];
  query: URLSearchParams;
  from?: string | null;
  isCut?: boolean;
  /** How to load more, if not everything is loaded. */
  more?: More;
}) {
  const now = useMinute();
  const filter: Filter = {
    show: SHOWS.find((each) => each === query.get("show")) ?? null,
    state: query.get("state"),
    on: query.get("on"),
    search: query.get("search")?.trim() ?? "",
  };
  const all = useMemo(() => sorted(items, now), [items, now]);
  const offers = useMemo(() => items.map(({ offer }) => offer), [items]);
  const key = JSON.stringify(filter);
  const found = useMemo(() => all.filter(({ offer }) => fits(offer, filter, now)), [all, key, now]);
  const [shown, setShown] = useKept(`shown ${key}`, SHOWN_AT_ONCE);
  const hasMore = found.length > shown || more?.has === true;
  const showMore = () => {
    setShown(shown + SHOWN_AT_ONCE);
    if (found.length <= shown) {
      more?.load();
    }
  };
  return (
    <>
      <Upcoming offers={offers} now={now} />
      <h2 class="visually-hidden">All offers</h2>
      <Filters all={all} filter={filter} from={from} now={now} isCounted={!more?.has} />
      {filter.on !== null && (
        <p class="list-note">
          What expires or ends on {date(filter.on)}.{" "}
          <a class="link" href={href("/offers", { from })}>
            Show all offers
          </a>
        </p>
      )}
      {isCut && (
        <p class="muted list-note">
          {OFFERS_MAX.toLocaleString("en")} offers are here, and all that expire or end soon. Find the others by their id:{" "}
          <code>#/offers/…</code>
        </p>
      )}
      {found.length === 0 && <NothingFound filter={filter} from={from} hasMore={more?.has === true} />}
      {found.length > 0 && (
        <div class="offer-rows">
          <div class="offer-head" aria-hidden="true">
            <span>State</span>
            <span>Offer</span>
            <span>Accept by</span>
            <span>Ends</span>
            {from === null && <span>Last change</span>}
          </div>
          <Rows label="Private offers">
            {found.slice(0, shown).map((each) => (
              <OfferRow key={idOf(each)} followed={each} now={now} />
            ))}
          </Rows>
        </div>
      )}
      {more?.problem && <ProblemView problem={more.problem} onRetry={more.load} />}
      <MoreButton hasMore={hasMore} busy={more?.isLoading ?? false} onMore={showMore} />
    </>
  );
}

function NothingFound({ filter: { search }, from, hasMore }: { filter: Filter; from: string | null; hasMore: boolean }) {
  return (
    <Empty icon="search" title={search ? `No offer matches “${search}”` : "No offer matches"}>
      {hasMore && <p>Not all offers are loaded yet.</p>}
      <a class="link" href={href("/offers", { from })}>
        Show all offers
      </a>
    </Empty>
  );
}

const SHOW_TEXTS = {
  waiting: "Waiting for acceptance",
  expiring: `Expire in ${EXPIRING_DAYS} days`,
  ending: `End in ${ENDING_DAYS} days`,
} as const;

function Filters({
  all,
  filter: { show, state, search },
  from,
  now,
  isCounted,
}: {
  all: readonly Followed[];
  filter: Filter;
  from: string | null;
  now: number;
  /** Whether all offers are loaded, so that their number is known. */
  isCounted: boolean;
}) {
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useTyped("search", search);
  useShortcut("/", "Search", () => field.current?.focus());
  const counts = useMemo(
    () => new Map([null, ...SHOWS].map((each) => [each, all.filter(({ offer }) => isShown(offer, each, now)).length])),
    [all, now],
  );
  const states = useMemo(() => [...new Set(all.flatMap(({ offer }) => offer.state ?? []))].sort(), [all]);
  return (
    <div class="filters">
      <Segments
        label="Which offers"
        options={[null, ...SHOWS].map((each) => ({
          text: each === null ? "All" : SHOW_TEXTS[each],
          href: href("/offers", { from, show: each, state, search: typed.trim() }),
          isCurrent: each === show,
          count: isCounted ? counts.get(each) : undefined,
        }))}
      />
      <div class="filters-fields">
        <SearchField label="Name or customer" value={typed} inputRef={field} onValue={setTyped} />
        <select
          class="select"
          aria-label="State"
          value={state ?? ""}
          onChange={(event) => replaceQuery({ state: event.currentTarget.value })}
        >
          <option value="">All states</option>
          {[...new Set([...states, ...(state === null ? [] : [state])])].map((each) => (
            <option key={each} value={each}>
              {capitalised(each)}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}

function OfferRow({ followed: { offer, lastChange }, now }: { followed: Followed; now: number }) {
  const dates = offerDates(offer, now);
  const acceptBy = dates.find(({ kind }) => kind === "acceptBy");
  const end = dates.find(({ kind }) => kind === "end");
  // How far away the end is says nothing about an offer that nobody can accept, or that is over.
  const hasEnd = end !== undefined && (end.note?.startsWith("ended") || comingDates(offer, now).some(({ kind }) => kind === "end"));
  const change = lastChange && eventWords(lastChange.type);
  // Of many rows, each with a clock of its own would be too much work.
  const badge = stageBadge(offer, now);
  return (
    <Row
      href={href(`/offers/${encodeURIComponent(offer.id ?? "")}`)}
      lead={
        <Badge tone={badge.tone} icon={badge.icon}>
          {badge.text}
        </Badge>
      }
      title={<bdi>{offerTitle(offer)}</bdi>}
      below={
        <span class="row-note">
          {typeText(offer)}
          {partiesText(offer) !== null && (
            <>
              {" · "}
              <bdi>{partiesText(offer)}</bdi>
            </>
          )}
        </span>
      }
      facts={
        <>
          <DateCell name="Accept by" of={acceptBy} />
          <DateCell name="Ends" of={end && (hasEnd ? end : { ...end, note: null })} />
          <span class="offer-cell">
            {change && lastChange && (
              <>
                <span class="offer-cell-name">Last change</span>
                <span class="offer-cell-value">{change.text}</span>
                <time dateTime={lastChange.at} title={exactTime(lastChange.at)}>
                  {relative(lastChange.at, now)}
                </time>
              </>
            )}
          </span>
        </>
      }
    />
  );
}

function DateCell({ name, of }: { name: string; of: OfferDate | undefined }) {
  return (
    <span class="offer-cell">
      {of && (
        <>
          <span class="offer-cell-name">{name}</span>
          <span class="offer-cell-value">{of.text}</span>
          {of.note !== null && <span class={`offer-note-${of.tone}`}>{of.note}</span>}
        </>
      )}
    </span>
  );
}
