// Charts of days: bars in stacked series, and lines. Small, and readable without seeing them: each is also a table.
import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { shortDate } from "../time";

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
  /** The end of the scale, at least `highest`. */
  topOf?: (highest: number) => number;
}

const WIDTH = 480;
const HEIGHT = 120;
const GAP = 0.25; // of the width of a day

/** Stacked bars, one a day. */
export function Bars<T extends { date: string }>(props: ChartProps<T>) {
  const { days, series, topOf = niceTop } = props;
  const totals = days.map((day) => series.reduce((sum, { value }) => sum + (value(day) ?? 0), 0));
  const top = topOf(Math.max(0, ...totals));
  const width = WIDTH / days.length;
  return (
    <Frame {...props} top={top}>
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

/** Lines over the days, interrupted where there is nothing to show. */
export function Lines<T extends { date: string }>(props: ChartProps<T>) {
  const { days, series, topOf = niceTop } = props;
  const top = topOf(Math.max(0, ...days.flatMap((day) => series.map(({ value }) => value(day) ?? 0))));
  const width = WIDTH / days.length;
  return (
    <Frame {...props} top={top}>
      {series.map(({ name, tone, value }) => {
        const points = days.map((day, at) => {
          const found = value(day);
          return found === null ? null : { x: (at + 0.5) * width, y: HEIGHT - (found / top) * HEIGHT };
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
  top,
  children,
}: ChartProps<T> & { top: number; children: ComponentChildren }) {
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
        <span class="chart-top">{format(top)}</span>
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
          <path class="chart-grid" d={`M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}`} />
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

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DURATION_TOPS = [10, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR];

/** The same for seconds. */
export function niceSeconds(highest: number): number {
  return DURATION_TOPS.find((top) => top >= highest) ?? Math.ceil(highest / (24 * HOUR)) * 24 * HOUR;
}

/** The next number that reads well at the top of a scale. */
function niceTop(highest: number): number {
  if (highest <= 0) {
    return 1;
  }
  const size = 10 ** Math.floor(Math.log10(highest));
  const step = [1, 2, 4, 5, 10].find((factor) => factor * size >= highest) ?? 10;
  return step * size;
}
