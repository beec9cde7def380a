// Charts of days: bars in stacked series, and lines. Small, and readable without seeing them: each is also a table.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { duration, shortDate } from "../time";

export interface Series<T> {
  readonly name: string;
  /** The class of its colour in dashboard.css: `series-<tone>`. */
  readonly tone: "good" | "bad" | "neutral" | "warning" | "active";
  /** Null where there is nothing to show. */
  readonly value: (day: T) => number | null;
}

interface ChartProps<T extends { date: string }> {
  /** What is shown, for screen readers. */
  label: string;
  days: readonly T[];
  series: readonly Series<T>[];
  format?: (value: number) => string;
}

/** A line of the grid: how far up it is, from 0 to 1, and what it says. */
interface Mark {
  readonly share: number;
  readonly text?: string;
}

const WIDTH = 480;
const HEIGHT = 120;
const GAP = 0.25; // of the width of a day

/** Stacked bars, one a day. */
export function Bars<T extends { date: string }>(props: ChartProps<T>) {
  const { days, series } = props;
  const totals = days.map((day) => series.reduce((sum, { value }) => sum + (value(day) ?? 0), 0));
  const top = niceTop(Math.max(0, ...totals));
  const width = WIDTH / days.length;
  return (
    <Frame {...props} marks={[{ share: 1, text: top.toLocaleString("en") }, { share: 0.5 }]}>
      {days.map((day, at) => {
        let y = HEIGHT;
        return series.map(({ name, tone, value }) => {
          const height = ((value(day) ?? 0) / top) * HEIGHT;
          y -= height;
          return height > 0 ? (
            <rect key={name} class={`series-${tone}`} x={at * width + (width * GAP) / 2} y={y} width={width * (1 - GAP)} height={height} />
          ) : null;
        });
      })}
    </Frame>
  );
}

/** Lines of durations in milliseconds, interrupted where there is none. The scale is logarithmic: a job takes seconds or days. */
export function Durations<T extends { date: string }>(props: Omit<ChartProps<T>, "format">) {
  const { days, series } = props;
  const marks = durationMarks(days.flatMap((day) => series.map(({ value }) => value(day)).filter((value) => value !== null)));
  const bottom = Math.log(marks[0] ?? SECOND);
  const range = Math.log(marks.at(-1) ?? MINUTE) - bottom;
  const shareOf = (value: number) => Math.max(0, (Math.log(Math.max(value, 1)) - bottom) / range);
  const width = WIDTH / days.length;
  return (
    <Frame
      {...props}
      format={duration}
      marks={marks.map((mark, at) => ({ share: shareOf(mark), ...(at > 0 && { text: duration(mark) }) }))}
    >
      {series.map(({ name, tone, value }) => {
        const points = days.map((day, at) => {
          const found = value(day);
          return found === null ? null : { x: (at + 0.5) * width, y: HEIGHT * (1 - shareOf(found)) };
        });
        const path = points
          .map((point, at) => (point === null ? "" : `${at > 0 && points[at - 1] ? "L" : "M"}${point.x} ${point.y}`))
          .join("");
        return (
          <g key={name} class={`line series-${tone}`}>
            <path d={path} />
            {points.map((point, at) => {
              const isAlone = point !== null && !points[at - 1] && !points[at + 1];
              return isAlone ? <path key={point.x} class="line-point" d={`M${point.x} ${point.y}h0`} /> : null;
            })}
          </g>
        );
      })}
    </Frame>
  );
}

function Frame<T extends { date: string }>({
  label,
  days,
  series,
  format = (value) => value.toLocaleString("en"),
  marks,
  children,
}: ChartProps<T> & { marks: readonly Mark[]; children: ComponentChildren }) {
  const [pointed, setPointed] = useState<number | null>(null);
  const titleId = useId();
  const width = WIDTH / days.length;
  const day = pointed === null ? undefined : days[pointed];
  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    setPointed(Math.min(Math.max(Math.floor(((event.clientX - box.left) / box.width) * days.length), 0), days.length - 1));
  };
  return (
    <figure class="chart" aria-labelledby={titleId}>
      <figcaption class="chart-legend" id={titleId}>
        <span class="visually-hidden">{label}. </span>
        <span class="chart-day">{day ? shortDate(day.date) : `${days.length} days`}</span>
        {series.map(({ name, tone, value }) => {
          const found = day ? value(day) : undefined;
          return (
            <span key={name} class="chart-key">
              <span class={`swatch series-${tone}`} />
              {name}
              {found !== undefined && <b>{found === null ? "–" : format(found)}</b>}
            </span>
          );
        })}
      </figcaption>
      <div class="chart-plot" aria-hidden="true">
        {marks.map(({ share, text }) => text && <MarkText key={share} share={share} text={text} />)}
        {/* biome-ignore lint/a11y/noSvgWithoutTitle: the table below says the same */}
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          onPointerMove={point}
          onPointerDown={point}
          onPointerLeave={() => setPointed(null)}
        >
          <rect class="chart-ground" width={WIDTH} height={HEIGHT} />
          {pointed !== null && <rect class="chart-pointed" x={pointed * width} width={width} height={HEIGHT} />}
          <path class="chart-grid" d={marks.map(({ share }) => `M0 ${HEIGHT * (1 - share)}H${WIDTH}`).join("")} />
          {children}
          <path class="chart-axis" d={`M0 ${HEIGHT}H${WIDTH}`} />
        </svg>
        <span class="chart-ends">
          <span>{shortDate(days[0]?.date ?? "")}</span>
          <span>today</span>
        </span>
      </div>
      <div class="visually-hidden">
        <table>
          <caption>{label}</caption>
          <thead>
            <tr>
              <th scope="col">Day</th>
              {series.map(({ name }) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {days
              .filter((each) => series.some(({ value }) => value(each)))
              .map((each) => (
                <tr key={each.date}>
                  <th scope="row">{shortDate(each.date)}</th>
                  {series.map(({ name, value }) => {
                    const found = value(each);
                    return <td key={name}>{found === null ? "none" : format(found)}</td>;
                  })}
                </tr>
              ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}

function MarkText({ share, text }: Required<Mark>) {
  const place = useRef<HTMLSpanElement>(null);
  useEffect(() => place.current?.style.setProperty("--share", String(share)), [share]);
  return (
    <span class="chart-mark" ref={place}>
      {text}
    </span>
  );
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DURATION_MARKS = [SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 90 * DAY, 365 * DAY];
const MARKS_MAX = 4;

/** Marks from below the shortest of these durations to above the longest, MARKS_MAX at most. */
function durationMarks(durations: readonly number[]): number[] {
  const shortest = Math.min(...durations);
  const longest = Math.max(...durations);
  const below = DURATION_MARKS.filter((mark) => mark <= shortest).length;
  const above = DURATION_MARKS.findIndex((mark, at) => at > 0 && mark > longest); // two marks at least
  const marks = DURATION_MARKS.slice(Math.max(below - 1, 0), (above < 0 ? DURATION_MARKS.length : above) + 1);
  const step = Math.ceil((marks.length - 1) / (MARKS_MAX - 1));
  return marks.filter((_, at) => (marks.length - 1 - at) % step === 0 || at === 0);
}

/** The next number that reads well at the top of a scale. */
function niceTop(highest: number): number {
  if (highest <= 0) {
    return 1;
  }
  const size = 10 ** Math.floor(Math.log10(highest));
  const step = [1, 2, 4, 6, 8, 10].find((factor) => factor * size >= highest) ?? 10;
  return step * size;
}
