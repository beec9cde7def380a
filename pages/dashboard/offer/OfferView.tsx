// A private offer to read: state, dates, people, prices, and what Partner Center remarks on it.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Badge, Button, type Column, CopyButton, Facts, LongText, Notice, Table } from "../components";
import { href } from "../router";
import { date, useNow } from "../time";
import type { Offer, Party, Price } from "./offer";
import {
  offerDates,
  partyText,
  percent,
  planText,
  priceText,
  pricingTypeText,
  productText,
  recipientsText,
  stageBadge,
  typeText,
} from "./words";

const PARTIES_SHOWN = 5;

/** Where the offer is on its way. */
export function OfferBadge({ offer }: { offer: Offer }) {
  const { text, tone, icon } = stageBadge(offer, useNow());
  return (
    <Badge tone={tone} icon={icon}>
      {text}
    </Badge>
  );
}

/** All of an offer except its name, which is its heading, and its state, which is a badge beside that. */
export function OfferView({ offer }: { offer: Offer }) {
  const { validations, pricing, originatorPricing } = offer;
  return (
    <div class="offer">
      <OfferDates offer={offer} />
      {validations.length > 0 && (
        <div class="stack">
          {validations.map(({ code, message, level }) => (
            <Notice key={`${code} ${message}`} tone={level === "warning" ? "warning" : "neutral"}>
              <LongText text={message ?? code ?? "A remark without words"} />
            </Notice>
          ))}
        </div>
      )}
      <OfferFacts offer={offer} />
      <Prices title="Prices" pricing={pricing} />
      <Prices title="The originator's prices" pricing={originatorPricing} />
    </div>
  );
}

/** The dates of an offer, and how far away they are. */
export function OfferDates({ offer }: { offer: Offer }) {
  const dates = offerDates(offer, useNow());
  return dates.length === 0 ? null : (
    <dl class="offer-dates">
      {dates.map(({ kind, name, text, note, tone, at }) => (
        <div key={kind}>
          <dt>{name}</dt>
          <dd>
            {at === null ? text : <time dateTime={at}>{text}</time>}
            {note !== null && <span class={`offer-note offer-note-${tone}`}>{note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function OfferFacts({ offer }: { offer: Offer }) {
  const { id, customers, partners, markupPercentage, renewsContract, upgradedFrom } = offer;
  const { preparedBy, contacts, notes, documents, lastModified } = offer;
  return (
    <Facts
      facts={[
        ["Type", typeText(offer)],
        [customers.length === 1 ? "Customer" : "For", customers.length > 0 && <Parties parties={customers} />],
        ["Partner", partners.length > 0 && <Parties parties={partners} />],
        ["Pricing", pricingTypeText(offer)],
        ["Markup", markupPercentage !== null && percent(markupPercentage)],
        ["Contract", renewsContract && "Renews the customer's contract"],
        ["Upgrade of", upgradedFrom && <Base id={upgradedFrom.id} name={upgradedFrom.name} />],
        ["Notes", notes && <LongText text={notes} />],
        ["Prepared by", preparedBy && <bdi>{preparedBy}</bdi>],
        ["Contacts", contacts.length > 0 && <Lines items={contacts} />],
        ["Documents", documents.length > 0 && <Lines items={documents} />],
        ["Last modified", lastModified && date(lastModified)],
        ["Offer id", id && <Id id={id} label="offer id" />],
      ].map(([name, value]) => [name as string, value === false ? null : (value as ComponentChildren)] as const)}
    />
  );
}

function Base({ id, name }: { id: string | null; name: string | null }) {
  const text = <bdi>{name ?? id ?? "another offer"}</bdi>;
  return id === null ? (
    text
  ) : (
    <a class="link" href={href(`/offers/${encodeURIComponent(id)}`)}>
      {text}
    </a>
  );
}

function Id({ id, label }: { id: string; label: string }) {
  return (
    <span class="id">
      <span class="mono">{id}</span>
      <CopyButton text={id} label={label} />
    </span>
  );
}

function Lines({ items }: { items: readonly string[] }) {
  return (
    <ul>
      {items.map((item) => (
        <li key={item}>
          <bdi>{item}</bdi>
        </li>
      ))}
    </ul>
  );
}

/** Customers, resellers or partners; many of them on demand. */
function Parties({ parties }: { parties: readonly Party[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? parties : parties.slice(0, PARTIES_SHOWN);
  return (
    <>
      <ul>
        {shown.map((party, at) => {
          const notes = [party.location, recipientsText(party)].filter(Boolean).join(", ");
          return (
            <li key={at} title={party.id ?? undefined}>
              <bdi class={party.name === null ? "mono" : undefined}>{partyText(party)}</bdi>
              {notes && <span class="muted"> · {notes}</span>}
            </li>
          );
        })}
      </ul>
      {shown.length < parties.length && (
        <Button kind="quiet" onClick={() => setAll(true)}>
          Show all {parties.length}
        </Button>
      )}
    </>
  );
}

const PRICE: Column<Price> = {
  title: "Price",
  isNumber: true,
  cell: (price) => (
    <span>
      {priceText(price)}
      {price.discountType === "absolute" && <span class="cell-note">set in Partner Center</span>}
    </span>
  ),
};
const MARKUP: Column<Price> = {
  title: "Markup",
  isNumber: true,
  cell: ({ markupPercentage }) => (markupPercentage === null ? "–" : percent(markupPercentage)),
};
const COLUMNS: readonly Column<Price>[] = [
  { title: "Product", cell: (price) => <LongText text={productText(price)} max={100} /> },
  {
    title: "Plan",
    cell: (price) => (
      <span>
        <LongText text={planText(price)} max={100} />
        {price.newPlan && (
          <span class="cell-note">
            new plan
            {price.newPlan.description && (
              <>
                {": "}
                <LongText text={price.newPlan.description} max={100} />
              </>
            )}
          </span>
        )}
      </span>
    ),
  },
  PRICE,
];

function Prices({ title, pricing }: { title: string; pricing: readonly Price[] }) {
  if (pricing.length === 0) {
    return null;
  }
  const hasMarkup = pricing.some(({ markupPercentage }) => markupPercentage !== null);
  const rows = pricing.map((price, at) => ({ ...price, at: String(at) }));
  return (
    <div class="offer-prices">
      <h3>{title}</h3>
      <Table caption={title} columns={hasMarkup ? [...COLUMNS, MARKUP] : COLUMNS} items={rows} idOf={({ at }) => at} />
    </div>
  );
}
