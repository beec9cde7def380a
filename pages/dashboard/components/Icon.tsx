// Icons, drawn on a grid of 16 by 16 with the colour of the text. They say nothing that the text beside them does not.

const PATHS = {
  check: "M3.5 8.5l3 3 6-7",
  cross: "M4.5 4.5l7 7m0-7l-7 7",
  dash: "M4 8h8",
  clock: "M8 4.5V8l2.2 1.6M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12z",
  question: "M6 6.2a2 2 0 1 1 2.8 1.9c-.6.3-.8.6-.8 1.4m0 2.4v.1",
  warning: "M8 2.5l6 10.8H2zM8 6.6v3m0 1.9v.1",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.4v3.4m0-5.7v.1",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zm3.3-1.2L14 14",
  copy: "M5.5 5.5v-2a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-2m-7-5h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z",
  back: "M9.5 3.5L5 8l4.5 4.5",
  next: "M6.5 3.5L11 8l-4.5 4.5",
  external: "M6 3.5H3.5v9h9V10M9 3h4v4m0-4L7.5 8.5",
  key: "M9.3 6.7a3 3 0 1 0-2 2l1.2 1.2H10v1.5h1.5V13H13.5v-2.1z",
  overview: "M2.5 13.5v-4m3.7 4v-8m3.6 8V7.8m3.7 5.7v-11",
  jobs: "M2.5 4l1 1 1.8-2M2.5 11l1 1 1.8-2M8 4.5h5.5M8 11.5h5.5",
  offers: "M2.5 7.5v-5h5l6 6-5 5zM5.2 5.2v.1",
  cpp: "M2.5 4.5h11v8h-11zM5.5 4.5v-2h5v2M2.5 8h11",
  webhooks:
    "M5.5 11.5a2.2 2.2 0 1 1-1.7-2.1L6.6 4.6M8 4a2.2 2.2 0 1 1 1.8 2.1L12 9.6M9.800 12h-3.200M12 9.600a2.200 2.200 0 1 1-2.100 2.600",
  aside: "M2.5 9.500h3l1 2h3l1-2h3m-11 0v4h11v-4l-2-7h-7z",
  calendar: "M2.5 4.500h11v9h-11zM2.500 7.500h11M5.500 2.500v3.500m5-3.500v3.500",
  arrow: "M3 8h10m-4-4l4 4-4 4",
  more: "M3.500 8v.1M8 8v.1M12.500 8v.1",
  plus: "M8 3v10M3 8h10",
  refresh: "M13 8a5 5 0 1 1-1.600-3.700M13.200 2.500v2.800h-2.800",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
