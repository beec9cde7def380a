// What is new in an offer against the one that it upgraded.
import { ApiProblem, answer, api } from "../api";
import { LongText, Notice, ProblemView, Skeleton } from "../components";
import { useFresh } from "../refresh";
import { type OfferChange, offerChanges } from "./changes";
import { type Offer, readOffer } from "./offer";

/** The changes, read from Partner Center when this appears; nothing for an offer that upgraded none. */
export function UpgradeChanges({ offer }: { offer: Offer }) {
  const id = offer.upgradedFrom?.id ?? null;
  return id === null ? null : <Changes key={id} offer={offer} id={id} />;
}

async function loadOffer(privateOfferId: string, signal: AbortSignal): Promise<{ base: Offer | null }> {
  try {
    const raw = await answer(api.GET("/private-offers/{privateOfferId}", { signal, params: { path: { privateOfferId } } }));
    return { base: readOffer(raw) };
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) {
      return { base: null };
    }
    throw error;
  }
}

function Changes({ offer, id }: { offer: Offer; id: string }) {
  const { data, problem, refresh } = useFresh(`upgraded offer ${id}`, (signal) => loadOffer(id, signal), { everySeconds: 0 });
  if (data === undefined) {
    return problem ? (
      <ProblemView problem={problem} onRetry={refresh} />
    ) : (
      <Skeleton rows={1} label="Loading the offer that was upgraded" />
    );
  }
  if (data.base === null) {
    return <Notice>Partner Center no longer has the offer that was upgraded, so there is nothing to compare with.</Notice>;
  }
  return <ChangeList changes={offerChanges(data.base, offer)} />;
}

/** Changes as a list: what it is, what it was. */
export function ChangeList({ changes }: { changes: readonly OfferChange[] }) {
  if (changes.length === 0) {
    return <p class="muted">Nothing that is shown here differs.</p>;
  }
  return (
    <ul class="changes">
      {changes.map(({ what, from, to }) => (
        <li key={`${what} ${from} ${to}`}>
          <span class="changes-what">
            <LongText text={what} max={120} />
          </span>
          <span>
            {to === null ? (
              <>
                Removed <span class="muted">(was </span>
                <del>
                  <LongText text={from ?? ""} />
                </del>
                <span class="muted">)</span>
              </>
            ) : (
              <>
                {from === null && <span class="changes-new">New</span>}
                <LongText text={to} />
                {from !== null && (
                  <span class="muted">
                    {" "}
                    (was <LongText text={from ?? ""} />)
                  </span>
                )}
              </>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
