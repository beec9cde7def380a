// The private offers that the monitor follows, those about to expire first.
import { useState } from "preact/hooks";
import { Button, Empty, Icon, Notice, PageHeader, ProblemView, Skeleton, Time } from "../../components";
import { usePages } from "../../pages";
import { useFresh } from "../../refresh";
import { href } from "../../router";
import type { ViewProps } from "..";
import { pollErrorText } from "../job-words";
import { type FollowedList, idOf, loadFollowed, loadPartnerCenter } from "./followed";
import { OfferList } from "./OfferList";
import { Subscribe } from "./Subscribe";

const EVERY_SECONDS = 60;
const MANY = 1000;
const EVERY_SECONDS_WITH_MANY = 300;
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
      {data && !isEmpty && <OfferList items={data.items} query={query} isCut={data.isCut} />}
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
        <OfferList
          items={items}
          query={query}
          from={PARTNER_CENTER}
          more={{ has: hasMore, isLoading: isLoadingMore, problem: moreProblem, load: more }}
        />
      )}
    </>
  );
}
