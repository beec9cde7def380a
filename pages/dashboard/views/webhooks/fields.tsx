// The fields of an endpoint's form that are more than one control.
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { Button, Icon } from "../../components";
import type { Format } from "./calls";
import { EVENT_GROUPS, FORMAT_NAMES, FORMATS } from "./choices";
import type { Header, Values } from "./values";

const HEADERS_MAX = 5;

/** Controls that belong together, under one name. */
function Choices({
  title,
  fault,
  hint,
  children,
}: {
  title: string;
  fault?: string | undefined;
  hint?: string;
  children: ComponentChildren;
}) {
  const id = useId();
  const about = [...(fault === undefined ? [] : [`${id}-fault`]), ...(hint === undefined ? [] : [`${id}-hint`])].join(" ");
  return (
    <fieldset class={fault === undefined ? "choices" : "choices choices-invalid"} aria-describedby={about || undefined}>
      <legend>{title}</legend>
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {children}
      {fault !== undefined && (
        <div class="fault" id={`${id}-fault`}>
          <Icon name="warning" />
          {fault}
        </div>
      )}
    </fieldset>
  );
}

/** A radio button or a checkbox with a name and a sentence. */
function Choice({
  type,
  name,
  title,
  isCode = false,
  checked,
  disabled = false,
  onChecked,
  children,
}: {
  type: "radio" | "checkbox";
  name?: string;
  title: string;
  isCode?: boolean;
  checked: boolean;
  disabled?: boolean;
  onChecked: (checked: boolean) => void;
  children?: ComponentChildren;
}) {
  const id = useId();
  return (
    <div class="choice">
      <input
        id={id}
        type={type}
        name={name}
        checked={checked}
        disabled={disabled}
        aria-describedby={children === undefined ? undefined : `${id}-more`}
        onChange={(event) => onChecked(event.currentTarget.checked)}
      />
      <label for={id}>{isCode ? <code>{title}</code> : title}</label>
      {children !== undefined && (
        <p class="hint" id={`${id}-more`}>
          {children}
        </p>
      )}
    </div>
  );
}

export function FormatField({ value, fault, onValue }: { value: Format; fault: string | undefined; onValue: (value: Format) => void }) {
  const name = useId();
  return (
    <Choices title="Format" fault={fault}>
      <div class="choice-grid">
        {FORMAT_NAMES.map((format) => (
          <Choice
            key={format}
            type="radio"
            name={name}
            title={FORMATS[format].name}
            checked={format === value}
            onChecked={() => onValue(format)}
          >
            {FORMATS[format].meaning}
          </Choice>
        ))}
      </div>
    </Choices>
  );
}

export function EventsField({
  values: { everyEvent, events },
  fault,
  onChange,
}: {
  values: Values;
  fault: string | undefined;
  onChange: (changes: Partial<Values>) => void;
}) {
  const name = useId();
  const known = new Set(EVENT_GROUPS.flatMap(({ pattern, events: each }) => [pattern, ...each.map(({ type }) => type as string)]));
  const toggle = (pattern: string, isChosen: boolean) => {
    // A whole group makes its single events needless.
    const others = events.filter((each) => each !== pattern && !(pattern.endsWith("*") && each.startsWith(pattern.slice(0, -1))));
    onChange({ events: isChosen ? [...others, pattern] : others });
  };
  return (
    <Choices title="Events" fault={fault}>
      <div class="choice-grid">
        <Choice type="radio" name={name} title="Every event" checked={everyEvent} onChecked={() => onChange({ everyEvent: true })}>
          Also those of later versions.
        </Choice>
        <Choice type="radio" name={name} title="Only some" checked={!everyEvent} onChecked={() => onChange({ everyEvent: false })}>
          Choose them here, one by one or by group.
        </Choice>
      </div>
      {!everyEvent && (
        <div class="event-groups">
          {EVENT_GROUPS.map(({ pattern, title, events: each }) => {
            const isWhole = events.includes(pattern);
            return (
              <fieldset key={pattern} class="event-group">
                <legend>{title}</legend>
                <Choice type="checkbox" title={pattern} isCode checked={isWhole} onChecked={(isChosen) => toggle(pattern, isChosen)}>
                  All of these, and those that come later.
                </Choice>
                {each.map(({ type, meaning }) => (
                  <Choice
                    key={type}
                    type="checkbox"
                    title={type}
                    isCode
                    checked={isWhole || events.includes(type)}
                    disabled={isWhole}
                    onChecked={(isChosen) => toggle(type, isChosen)}
                  >
                    {meaning}
                  </Choice>
                ))}
              </fieldset>
            );
          })}
          {/* Patterns that this page does not know stay as they are. */}
          {events.some((pattern) => !known.has(pattern)) && (
            <fieldset class="event-group">
              <legend>Others</legend>
              {events
                .filter((pattern) => !known.has(pattern))
                .map((pattern) => (
                  <Choice
                    key={pattern}
                    type="checkbox"
                    title={pattern}
                    isCode
                    checked
                    onChecked={(isChosen) => toggle(pattern, isChosen)}
                  />
                ))}
            </fieldset>
          )}
        </div>
      )}
    </Choices>
  );
}

export function HeadersField({
  names,
  headers,
  fault,
  onHeaders,
}: {
  /** Those that the endpoint has. */
  names: readonly string[];
  /** Undefined: they stay as they are. */
  headers: readonly Header[] | undefined;
  fault: string | undefined;
  onHeaders: (headers: readonly Header[] | undefined) => void;
}) {
  const list = useRef<HTMLDivElement>(null);
  const count = headers?.length ?? 0;
  const shownCount = useRef(count);
  useLayoutEffect(() => {
    if (count > shownCount.current) {
      [...(list.current?.querySelectorAll(".header") ?? [])].at(-1)?.querySelector("input")?.focus();
    } else if (count < shownCount.current) {
      list.current?.querySelector<HTMLElement>("[data-add]")?.focus();
    }
    shownCount.current = count;
  }, [count]);

  const hint = "Sent with every request, for a receiver that asks for a key. Values are never shown again.";
  if (headers === undefined) {
    return (
      <Choices title="Headers" fault={fault} hint={hint}>
        <ul class="header-names">
          {names.map((name) => (
            <li key={name}>
              <code>{name}</code> <span class="muted">value hidden</span>
            </li>
          ))}
        </ul>
        <div class="header-actions">
          <Button onClick={() => onHeaders([{ name: "", value: "" }])}>Replace them</Button>
          <Button onClick={() => onHeaders([])}>Remove them</Button>
        </div>
      </Choices>
    );
  }
  const change = (at: number, changes: Partial<Header>) =>
    onHeaders(headers.map((header, each) => (each === at ? { ...header, ...changes } : header)));
  return (
    <Choices title="Headers (optional)" fault={fault} hint={hint}>
      <div class="headers" ref={list}>
        {headers.map(({ name, value }, at) => (
          <div key={at} class="header">
            <input
              class="input"
              aria-label={`Name of header ${at + 1}`}
              placeholder="Name, such as authorization"
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              maxLength={100}
              value={name}
              onInput={(event) => change(at, { name: event.currentTarget.value })}
            />
            <input
              class="input"
              aria-label={`Value of header ${at + 1}`}
              placeholder="Value"
              autocomplete="off"
              spellcheck={false}
              maxLength={2000}
              value={value}
              onInput={(event) => change(at, { value: event.currentTarget.value })}
            />
            <Button kind="quiet" aria-label={`Remove header ${at + 1}`} onClick={() => onHeaders(headers.filter((_, each) => each !== at))}>
              <Icon name="cross" />
            </Button>
          </div>
        ))}
        {names.length > 0 && headers.length === 0 && <p class="muted">Saving removes the headers {names.join(", ")}.</p>}
        <div class="header-actions">
          {headers.length < HEADERS_MAX && (
            <Button data-add onClick={() => onHeaders([...headers, { name: "", value: "" }])}>
              <Icon name="plus" />
              Add a header
            </Button>
          )}
          {names.length > 0 && <Button onClick={() => onHeaders(undefined)}>Keep them as they are</Button>}
        </div>
      </div>
    </Choices>
  );
}
