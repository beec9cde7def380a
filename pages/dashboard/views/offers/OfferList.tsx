// The list of private offers below their dates: filtered, searched, more of it on demand.
import { useMemo, useRef } from "preact/hooks";
import type { ApiProblem } from "../../api";
import { Badge, Empty, MoreButton, ProblemView, Row, Rows, SearchField, Segments } from "../../components";
import { useShortcut } from "../../keys";
import { type OfferDate, offerDates, offerTitle, stageBadge, typeText } from "../../offer";
import { href, replaceQuery, useKept } from "../../router";
import { date, exactTime, relative, useMinute } from "../../time";
import { useTyped } from "../typed";
import {
  comingDates,
  ENDING_DAYS,
  EXPIRING_DAYS,
  type Filter,
  type Followed,
  fits,
  idOf,
  isShown,
  OFFERS_MAX,
  SHOWS,
  sorted,
} from "./followed";
import { Upcoming } from "./Upcoming";
import { capitalised, eventWords, partiesText } from "./words";

const SHOWN_AT_ONCE = 50;

interface More {
  readonly has: boolean;
  readonly isLoading: boolean;
  readonly problem: ApiProblem | undefined;
  readonly load: () => void;
}

export function OfferList({
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
