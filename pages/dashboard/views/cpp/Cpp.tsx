// Looking up a CPP offer: by its ids, or among all of a publisher's.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { answer, api, readHealth } from "../../api";
import {
  Badge,
  Button,
  Empty,
  Field,
  MoreButton,
  Notice,
  PageHeader,
  ProblemView,
  Row,
  Rows,
  SearchField,
  Section,
  Skeleton,
  Time,
} from "../../components";
import { useShortcut } from "../../keys";
import { useFresh } from "../../refresh";
import { href, navigate, replaceQuery } from "../../router";
import { useStore } from "../../store";
import type { ViewProps } from "..";
import { pollErrorText } from "../job-words";
import { useTyped } from "../typed";
import { type CppOffer, cppTitle, pathOf, readCppOffer, statusWords, typeText } from "./read";
import { recentStore } from "./recent";

const HEALTH_SECONDS = 60;
const SHOWN_AT_ONCE = 50;
const ID = /^(?!\.+$)[A-Za-z0-9._-]{1,100}$/;
const ID_FAULT = "Letters, digits, hyphens, underscores and dots only.";

export function Cpp({ query }: ViewProps) {
  const publisherId = query.get("publisher")?.trim() ?? "";
  return (
    <>
      <PageHeader title="CPP offers">
        <p class="muted">Offers of the Cloud Partner Portal: what is drafted, in preview and sold, and how publishing goes.</p>
      </PageHeader>
      <LookUp key={publisherId} publisherId={publisherId} />
      <Troubles />
      {publisherId === "" ? (
        <Recent />
      ) : (
        ID.test(publisherId) && <OffersOf key={publisherId} publisherId={publisherId} search={query.get("search") ?? ""} />
      )}
    </>
  );
}

function LookUp({ publisherId }: { publisherId: string }) {
  const [publisher, setPublisher] = useState(publisherId || recentStore.get()[0]?.publisherId || "");
  const [offer, setOffer] = useState("");
  const [tried, setTried] = useState(publisherId !== "");
  const form = useRef<HTMLFormElement>(null);
  const publisherFault =
    tried && !ID.test(publisher.trim()) ? (publisher.trim() === "" ? "Enter the publisher's id." : ID_FAULT) : undefined;
  const offerFault = tried && offer.trim() !== "" && !ID.test(offer.trim()) ? ID_FAULT : undefined;
  const lookUp = (event: Event) => {
    event.preventDefault();
    setTried(true);
    const [to, of] = [publisher.trim(), offer.trim()];
    if (!ID.test(to) || (of !== "" && !ID.test(of))) {
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
    } else if (of === "") {
      navigate("/cpp", { publisher: to });
    } else {
      navigate(pathOf(to, of));
    }
  };
  return (
    <form class="look-up" onSubmit={lookUp} ref={form} noValidate>
      <Field label="Publisher id" fault={publisherFault}>
        {(id, described) => (
          <input
            {...described}
            id={id}
            class="input"
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            value={publisher}
            onInput={(event) => setPublisher(event.currentTarget.value)}
          />
        )}
      </Field>
      <Field label="Offer id (empty for all offers)" fault={offerFault}>
        {(id, described) => (
          <input
            {...described}
            id={id}
            class="input"
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            value={offer}
            onInput={(event) => setOffer(event.currentTarget.value)}
          />
        )}
      </Field>
      <Button kind="primary" type="submit">
        Look up
      </Button>
    </form>
  );
}

/** Offers that the monitor should follow and cannot. */
function Troubles() {
  const { data } = useFresh("health", readHealth, { everySeconds: HEALTH_SECONDS });
  const troubles = data?.cppOffers ?? [];
  if (troubles.length === 0) {
    return null;
  }
  return (
    <Section title="Followed offers with a problem">
      <Notice
        tone="warning"
        title={troubles.length === 1 ? "One offer cannot be followed." : `${troubles.length} offers cannot be followed.`}
      >
        Correct the setting <code>WATCH_CPP_OFFERS</code>, or give the app access to the publisher.
        <ul class="troubles">
          {troubles.map(({ publisherId, offerId, reason, since }) => (
            <li key={`${publisherId}/${offerId}`}>
              <a class="link" href={href(pathOf(publisherId, offerId))}>
                <bdi>
                  {publisherId}/{offerId}
                </bdi>
              </a>
              : <bdi>{pollErrorText(reason)}</bdi>{" "}
              <span class="muted">
                First seen <Time at={since} />.
              </span>
            </li>
          ))}
        </ul>
      </Notice>
    </Section>
  );
}

function Recent() {
  const recent = useStore(recentStore);
  if (recent.length === 0) {
    return (
      <div class="section">
        <Empty icon="cpp" title="Look up an offer">
          <p>Enter the publisher's id to see all of its offers, and an offer's id to go straight there.</p>
        </Empty>
      </div>
    );
  }
  return (
    <Section title="Looked up lately">
      <Rows label="Offers looked up lately">
        {recent.map(({ publisherId, offerId, name }) => (
          <li key={`${publisherId}/${offerId}`}>
            <a class="row recent-row" href={href(pathOf(publisherId, offerId))} data-row>
              <span class="row-title">
                <bdi>{name}</bdi>
              </span>
              <span class="row-note mono">
                {publisherId}/{offerId}
              </span>
            </a>
          </li>
        ))}
      </Rows>
    </Section>
  );
}

// What needs someone comes first.
const ORDER = ["waitingforpublisherreview", "failed", "running", "canceled"];

function rank({ status }: CppOffer): number {
  const at = ORDER.indexOf(status?.toLowerCase() ?? "");
  return at < 0 ? ORDER.length : at;
}

function OffersOf({ publisherId, search }: { publisherId: string; search: string }) {
  const { data, problem, refresh } = useFresh(
    `cpp offers ${publisherId}`,
    async (signal) => {
      const offers = await answer(api.GET("/cpp/publishers/{publisherId}/offers", { signal, params: { path: { publisherId } } }));
      return { offers: (Array.isArray(offers) ? (offers as unknown[]) : []).map(readCppOffer) };
    },
    { everySeconds: 0 },
  );
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useTyped("search", search);
  const [shown, setShown] = useState(SHOWN_AT_ONCE);
  useShortcut("/", "Search", () => field.current?.focus());
  useEffect(() => setShown(SHOWN_AT_ONCE), [search]);
  const found = useMemo(() => {
    const wanted = typed.trim().toLowerCase();
    const fitting = (data?.offers ?? []).filter((offer) =>
      [offer.id, cppTitle(offer)].some((each) => each?.toLowerCase().includes(wanted)),
    );
    return fitting.sort((one, other) => rank(one) - rank(other) || cppTitle(one).localeCompare(cppTitle(other), "en"));
  }, [data, typed]);
  return (
    <Section
      title={`Offers of ${publisherId}`}
      aside={data && data.offers.length > 0 && `${data.offers.length.toLocaleString("en")} offers`}
    >
      {problem && !problem.isAway && <ProblemView problem={problem} onRetry={refresh} />}
      {data === undefined && !problem && <Skeleton rows={5} label="Loading the offers" />}
      {data?.offers.length === 0 && <Empty icon="cpp" title="This publisher has no offers" />}
      {data !== undefined && data.offers.length > 0 && (
        <div class="filters">
          <SearchField label="Search name or id" value={typed} inputRef={field} onValue={setTyped} />
        </div>
      )}
      {data !== undefined && data.offers.length > 0 && found.length === 0 && (
        <Empty
          icon="search"
          title={`No offer matches “${typed.trim()}”`}
          action={
            <Button
              onClick={() => {
                setTyped("");
                replaceQuery({ search: null });
              }}
            >
              Show all offers
            </Button>
          }
        />
      )}
      {found.length > 0 && (
        <div class="cpp-rows">
          <Rows label={`Offers of ${publisherId}`}>
            {found.slice(0, shown).map((offer) => (
              <OfferRow key={offer.id} publisherId={publisherId} offer={offer} />
            ))}
          </Rows>
        </div>
      )}
      <MoreButton hasMore={found.length > shown} onMore={() => setShown(shown + SHOWN_AT_ONCE)} />
    </Section>
  );
}

function OfferRow({ publisherId, offer }: { publisherId: string; offer: CppOffer }) {
  const { tone, icon, text } = statusWords(offer.status);
  return (
    <Row
      href={href(pathOf(publisherId, offer.id ?? ""))}
      lead={
        <Badge tone={tone} icon={icon}>
          {text}
        </Badge>
      }
      title={<bdi>{cppTitle(offer)}</bdi>}
      below={
        <span class="row-note">
          <span class="mono">{offer.id}</span>
          {offer.type !== null && (
            <>
              {" · "}
              <bdi>{typeText(offer.type)}</bdi>
            </>
          )}
        </span>
      }
      facts={
        offer.changedAt && (
          <span>
            changed <Time at={offer.changedAt} />
          </span>
        )
      }
    />
  );
}
