// How a view is built: a header, sections, lists of rows, facts, and what to show when there is nothing.
import type { ComponentChildren, Ref } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Icon, type IconName } from "./Icon";

/** The title of a view with its actions, and the way back to the list that it belongs to. */
export function PageHeader({
  title,
  back,
  actions,
  children,
}: {
  title: ComponentChildren;
  back?: { href: string; text: string };
  actions?: ComponentChildren | undefined;
  /** A line below the title. */
  children?: ComponentChildren;
}) {
  return (
    <header class="page-header">
      {back && (
        <a class="back" href={back.href}>
          <Icon name="back" />
          {back.text}
        </a>
      )}
      <div class="page-title">
        <h1 tabIndex={-1}>{title}</h1>
        {actions !== undefined && <div class="actions">{actions}</div>}
      </div>
      {children !== undefined && <div class="page-lead">{children}</div>}
    </header>
  );
}

/** A part of a view with a heading of its own. */
export function Section({
  title,
  aside,
  children,
}: {
  title: string;
  /** What is at the right of the heading. */
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class="section" aria-labelledby={id}>
      <div class="section-header">
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div class="muted">{aside}</div>}
      </div>
      {children}
    </section>
  );
}

/** A list of rows. `label` is for screen readers. */
export function Rows({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <ul class="rows" aria-label={label}>
      {children}
    </ul>
  );
}

/** A row that leads to a view of its own. `j` and `k` move between rows. */
export function Row({
  href,
  title,
  lead,
  facts,
  below,
}: {
  href: string;
  title: ComponentChildren;
  /** Before the title: a badge. */
  lead?: ComponentChildren;
  /** At the right, on a phone below: times and the like. */
  facts?: ComponentChildren;
  /** Further lines below the title. */
  below?: ComponentChildren;
}) {
  return (
    <li>
      <a class="row" href={href} data-row>
        {lead !== undefined && <span class="row-lead">{lead}</span>}
        <span class="row-text">
          <span class="row-title">{title}</span>
          {below}
        </span>
        {facts !== undefined && <span class="row-facts">{facts}</span>}
      </a>
    </li>
  );
}

export interface Column<T> {
  readonly title: string;
  readonly cell: (item: T) => ComponentChildren;
  /** Numbers are at the right, in figures of equal width. */
  readonly isNumber?: boolean;
}

/** A table; on a phone each row becomes a card. `caption` is for screen readers. */
export function Table<T>({
  caption,
  columns,
  items,
  idOf,
}: {
  caption: string;
  columns: readonly Column<T>[];
  items: readonly T[];
  idOf: (item: T) => string;
}) {
  return (
    <table class="table">
      <caption class="visually-hidden">{caption}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column.title} scope="col" class={column.isNumber ? "number" : undefined}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <tr key={idOf(item)}>
            {columns.map((column) => (
              <td key={column.title} data-title={column.title} class={column.isNumber ? "number" : undefined}>
                {column.cell(item)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Names and values. A value that is null or undefined is left out with its name. */
export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** Nothing to show: why, and what to do next. */
export function Empty({
  icon,
  title,
  children,
  action,
}: {
  icon: IconName;
  title: string;
  children?: ComponentChildren;
  action?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      <p class="empty-title">{title}</p>
      {children !== undefined && <div class="muted">{children}</div>}
      {action}
    </div>
  );
}

/** The place of what is being loaded. Rows appear after a moment, so that fast answers do not flicker. */
export function Skeleton({ rows = 3, label = "Loading" }: { rows?: number; label?: string }) {
  return (
    <div class="skeleton" role="status">
      <span class="visually-hidden">{label} …</span>
      {Array.from({ length: rows }, (_, at) => (
        <div key={at} class="skeleton-row" />
      ))}
    </div>
  );
}

/** A choice of one among few, as links: the choice is in the address. */
export function Segments({
  label,
  options,
}: {
  label: string;
  options: readonly { text: string; href: string; isCurrent: boolean; count?: number | undefined }[];
}) {
  return (
    <nav class="segments" aria-label={label}>
      {options.map(({ text, href, isCurrent, count }) => (
        <a key={text} href={href} aria-current={isCurrent ? "true" : undefined}>
          {text}
          {count !== undefined && <span class="count">{count.toLocaleString("en")}</span>}
        </a>
      ))}
    </nav>
  );
}

/** How a control is described; for its attributes. */
export interface Described {
  readonly "aria-describedby"?: string;
  readonly "aria-invalid": boolean;
}

/** A labelled input, select or textarea. Give `id` and what describes it to the control. `fault` is what is wrong with its value. */
export function Field({
  label,
  hint,
  fault,
  children,
}: {
  label: string;
  hint?: ComponentChildren;
  fault?: string | undefined;
  children: (id: string, described: Described) => ComponentChildren;
}) {
  const id = useId();
  const describing = [fault !== undefined && `${id}-fault`, hint !== undefined && `${id}-hint`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id, { "aria-invalid": fault !== undefined, ...(describing && { "aria-describedby": describing }) })}
      {fault !== undefined && (
        <div class="fault" id={`${id}-fault`}>
          <Icon name="warning" />
          {fault}
        </div>
      )}
      {hint !== undefined && (
        <div class="hint" id={`${id}-hint`}>
          {hint}
        </div>
      )}
    </div>
  );
}

/** A search field; Escape empties it, then leaves it. `inputRef` is for the shortcut that leads to it. */
export function SearchField({
  label,
  value,
  inputRef = null,
  onValue,
}: {
  label: string;
  value: string;
  inputRef?: Ref<HTMLInputElement>;
  onValue: (value: string) => void;
}) {
  return (
    <div class="search">
      <Icon name="search" />
      <input
        ref={inputRef}
        type="search"
        aria-label={label}
        placeholder={label}
        value={value}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => onValue(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") {
            return;
          }
          event.preventDefault();
          if (value === "") {
            event.currentTarget.blur();
          } else {
            onValue("");
          }
        }}
      />
      <kbd>/</kbd>
    </div>
  );
}

/** A line that fills between two moments, both in milliseconds as of Date.now(). */
export function Filling({ from, to, now, label }: { from: number; to: number; now: number; label: string }) {
  const line = useRef<HTMLSpanElement>(null);
  const part = to > from ? Math.min(Math.max((now - from) / (to - from), 0), 1) : 1;
  useEffect(() => line.current?.style.setProperty("--part", String(part)), [part]);
  return <span class="filling" ref={line} role="img" aria-label={label} title={label} />;
}
