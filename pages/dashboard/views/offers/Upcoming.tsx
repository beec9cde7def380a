// "What comes next": an axis of dates, on a phone a list of them.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Button, Section } from "../../components";
import type { Offer } from "../../offer";
import { href } from "../../router";
import { date, shortDate } from "../../time";
import { comingDays, dayNames, dayNote, dayTitle, type Placed, place, ticks } from "./days";
import { DAYS_AHEAD } from "./followed";

const WARNING_DAYS = 7;
const MANY = 10;
const LISTED_AT_FIRST = 5;
const WIDTH_BEFORE_MEASURING_PX = 1000;

export function Upcoming({ offers, now }: { offers: readonly Offer[]; now: number }) {
  const { days, later } = useMemo(() => comingDays(offers, now), [offers, now]);
  const [axis, width] = useWidth();
  const [all, setAll] = useState(false);
  const placed = useMemo(() => place(days, width, now), [days, width, now]);
  const rows = 1 + Math.max(0, ...placed.map(({ row }) => row ?? 0));
  useLayoutEffect(() => axis.current?.style.setProperty("--rows", String(rows)), [rows, axis]);
  const more = later > 0 && `${later.toLocaleString("en")} more later`;
  return (
    <Section
      title="What comes next"
      aside={
        <span class="next-legend">
          <span>
            <i class="next-mark next-acceptBy" /> accept by
          </span>
          <span>
            <i class="next-mark next-end" /> ends
          </span>
          {more && <span class="next-later">{more}</span>}
        </span>
      }
    >
      <div class="next" ref={axis}>
        {days.length === 0 ? (
          <p class="next-none muted">Nothing expires or ends in the next {DAYS_AHEAD} days.</p>
        ) : (
          <>
            <div class="next-axis" aria-hidden="true">
              {ticks(width, now).map(({ x, text }) => (
                <Tick key={x} x={x} text={text} />
              ))}
            </div>
            <ol class={`next-days${all ? " is-all" : ""}`} aria-label={`Dates of the next ${DAYS_AHEAD} days`}>
              {placed.map((day) => (
                <Day key={day.day} day={day} now={now} />
              ))}
            </ol>
          </>
        )}
      </div>
      {days.length > LISTED_AT_FIRST && !all && (
        <div class="next-more">
          <Button onClick={() => setAll(true)}>Show all {days.length} dates</Button>
        </div>
      )}
    </Section>
  );
}

function Tick({ x, text }: { x: number; text: string | null }) {
  const element = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => element.current?.style.setProperty("--x", `${x}px`), [x]);
  return (
    <span class="next-tick" ref={element}>
      {text}
    </span>
  );
}

function Day({ day, now }: { day: Placed; now: number }) {
  const element = useRef<HTMLLIElement>(null);
  const { x, row, dates } = day;
  useLayoutEffect(() => {
    element.current?.style.setProperty("--x", `${x}px`);
    element.current?.style.setProperty("--row", String(row ?? 0));
  }, [x, row]);
  const [first] = dates;
  const only = dates.length === 1 ? first?.offer.id : undefined;
  const kind = dates.some((each) => each.kind === "acceptBy") ? "acceptBy" : "end";
  const isNear = kind === "acceptBy" && day.days <= WARNING_DAYS;
  const title = dayTitle(day);
  const note = dayNote(day, now);
  const names = dayNames(day);
  return (
    <li class={row === null ? "is-bare" : undefined} ref={element}>
      <a
        href={only ? href(`/offers/${encodeURIComponent(only)}`) : href("/offers", { on: day.day })}
        title={[`${date(day.day)}: ${title}, ${note}`, names].filter(Boolean).join("\n")}
      >
        <span class="next-day">{shortDate(day.day)}</span>
        <span
          class={`next-mark next-${kind}${isNear ? " is-near" : ""}${dates.length >= MANY ? " is-many" : dates.length > 1 ? " is-several" : ""}`}
        />
        <span class="next-text">
          <span class="next-title">
            <bdi>{title}</bdi>
          </span>
          <span class={`next-note${isNear ? " is-near" : ""}`}>{note}</span>
          {names !== null && (
            <span class="next-names">
              <bdi>{names}</bdi>
            </span>
          )}
        </span>
      </a>
    </li>
  );
}

/** An element's width in pixels, as it changes. */
function useWidth() {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(WIDTH_BEFORE_MEASURING_PX);
  useEffect(() => {
    const { current } = element;
    if (current === null) {
      return undefined;
    }
    const observer = new ResizeObserver(() => setWidth(Math.round(current.clientWidth)));
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  return [element, width] as const;
}
