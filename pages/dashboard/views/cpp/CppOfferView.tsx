// One CPP offer: how its publishing goes, its three slots side by side, and what publishing would change.
import { useEffect } from "preact/hooks";
import { type ApiProblem, answer, api, ApiProblem as Problem } from "../../api";
import { Badge, CopyButton, Empty, Notice, PageHeader, ProblemView } from "../../components";
import { type Fresh, refreshAll, useFresh } from "../../refresh";
import { href } from "../../router";
import { useTitle } from "../../title";
import type { ViewProps } from "..";
import { DiffSection } from "./Diff";
import { PublishingSection } from "./Publishing";
import {
  type CppOffer,
  cppTitle,
  effectiveStatus,
  type Publishing,
  readCppOffer,
  readPublishing,
  SLOTS,
  type Slot,
  statusWords,
  typeText,
  waitsForReview,
} from "./read";
import { remember } from "./recent";
import { SlotCards } from "./Slots";

const EVERY_SECONDS = 60;

/** `found` is null for a slot that the offer has never reached. */
export interface SlotData {
  readonly found: { readonly raw: unknown; readonly offer: CppOffer } | null;
}

export type SlotsFresh = Readonly<Record<Slot, Fresh<SlotData>>>;

function useSlot(publisherId: string, offerId: string, slot: Slot): Fresh<SlotData> {
  return useFresh<SlotData>(
    `cpp ${publisherId}/${offerId} ${slot}`,
    async (signal) => {
      const params = { path: { publisherId, offerId }, query: { slot } };
      try {
        const raw: unknown = await answer(api.GET("/cpp/publishers/{publisherId}/offers/{offerId}", { signal, params }));
        return { found: { raw, offer: readCppOffer(raw) } };
      } catch (error) {
        if (error instanceof Problem && error.status === 404) {
          return { found: null };
        }
        throw error;
      }
    },
    { everySeconds: EVERY_SECONDS },
  );
}

export function CppOfferView({ params: { publisherId = "", offerId = "" }, query }: ViewProps) {
  const draft = useSlot(publisherId, offerId, "draft");
  const preview = useSlot(publisherId, offerId, "preview");
  const production = useSlot(publisherId, offerId, "production");
  const slots: SlotsFresh = { draft, preview, production };
  const publishing = useFresh<Publishing>(
    `cpp ${publisherId}/${offerId} status`,
    async (signal) => {
      const params = { path: { publisherId, offerId } };
      return readPublishing(await answer(api.GET("/cpp/publishers/{publisherId}/offers/{offerId}/status", { signal, params })));
    },
    { everySeconds: EVERY_SECONDS },
  );
  const offer = SLOTS.map((slot) => slots[slot].data?.found?.offer).find((each) => each !== undefined);
  const title = offer === undefined ? offerId : cppTitle(offer);
  useTitle(title.slice(0, 100));
  useEffect(() => {
    if (offer !== undefined) {
      remember({ publisherId, offerId, name: title });
    }
  }, [publisherId, offerId, title, offer === undefined]);

  const status = publishing.data ? effectiveStatus(publishing.data) : (offer?.status ?? null);
  const refused = commonProblem([draft, preview, production, publishing]);
  const isMissing = SLOTS.every((slot) => slots[slot].data?.found === null);
  return (
    <>
      <PageHeader
        title={
          <bdi class="offer-heading" title={title}>
            {title}
          </bdi>
        }
        back={{ href: href("/cpp", { publisher: publisherId }), text: `Offers of ${publisherId}` }}
        actions={
          <CopyButton text={location.href} label="link">
            Copy link
          </CopyButton>
        }
      >
        <p class="lead-line">
          {offer !== undefined && <StatusBadge status={status} />}
          {offer?.type && (
            <span class="muted">
              <bdi>{typeText(offer.type)}</bdi>
            </span>
          )}
          <span class="id">
            <span class="mono muted">
              {publisherId}/{offerId}
            </span>
            <CopyButton text={offerId} label="offer id" />
          </span>
        </p>
      </PageHeader>
      {refused ? (
        <ProblemView problem={refused} onRetry={refreshAll} />
      ) : isMissing ? (
        <Missing publisherId={publisherId} offerId={offerId} />
      ) : (
        <>
          {waitsForReview(status) && (
            <Notice tone="warning" title="This offer waits for your review.">
              Look at its preview, then publish it with Go live in Partner Center. Until then, customers see none of its changes.
            </Notice>
          )}
          <PublishingSection fresh={publishing} />
          <SlotCards slots={slots} />
          <DiffSection publisherId={publisherId} offerId={offerId} query={query} slots={slots} />
        </>
      )}
    </>
  );
}

function StatusBadge({ status }: { status: string | null }) {
  const { tone, icon, text } = statusWords(status);
  return (
    <Badge tone={tone} icon={icon}>
      {text}
    </Badge>
  );
}

/** The problem that all parts have, such as a publisher that refuses access: shown once. */
function commonProblem(parts: readonly Fresh<unknown>[]): ApiProblem | null {
  const [first] = parts;
  const status = first?.problem?.status;
  const isCommon = status !== undefined && parts.every(({ problem, data }) => data === undefined && problem?.status === status);
  return isCommon && first?.problem !== undefined && !first.problem.isAway ? first.problem : null;
}

function Missing({ publisherId, offerId }: { publisherId: string; offerId: string }) {
  return (
    <Empty
      icon="question"
      title="The publisher has no such offer"
      action={
        <a class="button" href={href("/cpp", { publisher: publisherId })}>
          Show all offers of {publisherId}
        </a>
      }
    >
      <p>
        There is no offer with the id <span class="mono">{offerId}</span>. Ids are the ones of the Cloud Partner Portal, not the names.
      </p>
    </Empty>
  );
}
