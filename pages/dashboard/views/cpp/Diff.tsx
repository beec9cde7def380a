// "What would change if I publish now?": one state of a CPP offer against another.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type ApiProblem, answer, api, type OfferDiff } from "../../api";
import { Button, Empty, Icon, type IconName, Json, Notice, ProblemView, Section, Skeleton } from "../../components";
import { masked } from "../../masked";
import { useFresh } from "../../refresh";
import { replaceQuery } from "../../router";
import { capitalised } from "../offers/words";
import type { SlotsFresh } from "./CppOfferView";
import { type ChangeGroup, changeGroups, type FieldChange, summary } from "./changes";
import { type CppOffer, readCppOffer, SLOTS, type Slot } from "./read";
import { isShort, Value, valueText } from "./Value";

const EVERY_SECONDS = 120;
const GROUP_SHOWN = 20;
const VERSION = /^version:\d{1,18}$/;
const STATES = [...SLOTS, "version"] as const;
type State = Slot | `version:${string}`;

interface Ends {
  readonly from: State;
  readonly to: State;
}

function stateOf(text: string | null, usual: Slot): State {
  const known = SLOTS.find((slot) => slot === text);
  return known ?? (text !== null && VERSION.test(text) ? (text as State) : usual);
}

export function DiffSection({
  publisherId,
  offerId,
  query,
  slots,
}: {
  publisherId: string;
  offerId: string;
  query: URLSearchParams;
  slots: SlotsFresh;
}) {
  const ends: Ends = { from: stateOf(query.get("from"), "production"), to: stateOf(query.get("to"), "draft") };
  const isPublishing = ends.from === "production" && ends.to === "draft";
  return (
    <Section title={isPublishing ? "What would change if I publish now?" : `What changes from ${nameOf(ends.from)} to ${nameOf(ends.to)}?`}>
      <div class="diff-ends">
        <StateField label="From" value={ends.from} onChange={(from) => replaceQuery({ from })} />
        <Icon name="arrow" />
        <StateField label="To" value={ends.to} onChange={(to) => replaceQuery({ to })} />
      </div>
      <Diff key={`${ends.from} ${ends.to}`} publisherId={publisherId} offerId={offerId} ends={ends} slots={slots} />
    </Section>
  );
}

/** A choice of a slot or of a version. */
function StateField({ label, value, onChange }: { label: string; value: State; onChange: (state: State) => void }) {
  const current = SLOTS.find((slot) => slot === value) ?? "version";
  const [isVersion, setIsVersion] = useState(current === "version");
  const [number, setNumber] = useState(current === "version" ? value.slice("version:".length) : "");
  useEffect(() => setIsVersion(current === "version"), [current]);
  return (
    <span class="diff-end">
      <label>
        <span class="muted">{label}</span>
        <select
          class="select"
          value={isVersion ? "version" : current}
          onChange={(event) => {
            const chosen = STATES.find((state) => state === event.currentTarget.value) ?? "draft";
            setIsVersion(chosen === "version");
            if (chosen !== "version") {
              onChange(chosen);
            }
          }}
        >
          {STATES.map((state) => (
            <option key={state} value={state}>
              {state === "version" ? "A version …" : capitalisedName(state)}
            </option>
          ))}
        </select>
      </label>
      {isVersion && (
        <input
          class="input diff-version"
          inputMode="numeric"
          pattern="\d{1,18}"
          aria-label={`${label}: number of the version`}
          placeholder="Number"
          value={number}
          onInput={(event) => setNumber(event.currentTarget.value.replace(/\D/g, "").slice(0, 18))}
          onChange={() => number !== "" && onChange(`version:${number}`)}
        />
      )}
    </span>
  );
}

const capitalisedName = (state: State): string => capitalised(nameOf(state));
const nameOf = (state: State): string => (state.startsWith("version:") ? `version ${state.slice("version:".length)}` : state);

/** The offer of a version, for the names of its plans; slots are loaded already. */
function useVersion(publisherId: string, offerId: string, state: State): CppOffer | undefined {
  const version = VERSION.test(state) ? Number(state.slice("version:".length)) : null;
  const { data } = useFresh<CppOffer | null>(
    `cpp ${publisherId}/${offerId} ${state} of the diff`,
    async (signal) => {
      if (version === null) {
        return null;
      }
      const params = { path: { publisherId, offerId }, query: { version } };
      return readCppOffer(await answer(api.GET("/cpp/publishers/{publisherId}/offers/{offerId}", { signal, params })));
    },
    { everySeconds: 0 },
  );
  return data ?? undefined;
}

function Diff({ publisherId, offerId, ends, slots }: { publisherId: string; offerId: string; ends: Ends; slots: SlotsFresh }) {
  const { from, to } = ends;
  const { data, problem, refresh } = useFresh<OfferDiff>(
    `cpp ${publisherId}/${offerId} diff ${from} ${to}`,
    (signal) => {
      const params = { path: { publisherId, offerId }, query: { from, to } };
      return answer(api.GET("/cpp/publishers/{publisherId}/offers/{offerId}/diff", { signal, params }));
    },
    { everySeconds: EVERY_SECONDS },
  );
  const versions = { from: useVersion(publisherId, offerId, from), to: useVersion(publisherId, offerId, to) };
  const sideOf = (state: State) => (SLOTS.includes(state as Slot) ? slots[state as Slot].data?.found?.offer : undefined);
  if (problem?.status === 404) {
    return <MissingEnd ends={ends} slots={slots} />;
  }
  if (data === undefined) {
    return problem ? <Failed problem={problem} onRetry={refresh} /> : <Skeleton rows={3} label="Comparing" />;
  }
  const isMore = data.moreChanges === true;
  if (data.changes.length === 0 && !isMore) {
    return (
      <Nothing icon="check" title="Nothing would change">
        {capitalisedName(from)} and {nameOf(to)} have the same definition.
      </Nothing>
    );
  }
  const groups = changeGroups(data.changes, { from: sideOf(from) ?? versions.from, to: sideOf(to) ?? versions.to });
  return (
    <>
      {problem && <Failed problem={problem} onRetry={refresh} />}
      <p class="diff-summary muted">{summary(groups, isMore)}</p>
      {isMore && (
        <div class="view-notice">
          <Notice tone="warning" title="There are more changes than can be shown.">
            The comparison stops at 1,000. Compare the JSON of both states to see all.
          </Notice>
        </div>
      )}
      <div class="diff">
        {groups.map((group, at) => (
          <Group key={at} group={group} />
        ))}
      </div>
    </>
  );
}

function Failed({ problem, onRetry }: { problem: ApiProblem; onRetry: () => void }) {
  return problem.isAway ? null : <ProblemView problem={problem} onRetry={onRetry} />;
}

/** One of both states does not exist: say which, and what can be compared instead. */
function MissingEnd({ ends: { from, to }, slots }: { ends: Ends; slots: SlotsFresh }) {
  const isMissing = (state: State) => SLOTS.includes(state as Slot) && slots[state as Slot].data?.found === null;
  const versions = [from, to].filter((state) => VERSION.test(state));
  if (isMissing("production") && from === "production") {
    const canPreview = !isMissing("preview") && to !== "preview";
    return (
      <Nothing
        icon="cpp"
        title="All of it would be new"
        action={canPreview && <Button onClick={() => replaceQuery({ from: "preview" })}>Compare with the preview</Button>}
      >
        The offer has never been published, so there is nothing to compare with.
      </Nothing>
    );
  }
  const missing = [from, to].filter(isMissing);
  const named = (missing.length > 0 ? missing : versions.length > 0 ? versions : [from, to]).map(nameOf);
  return (
    <Nothing icon="cpp" title="There is nothing to compare">
      The offer has no {named.join(" and no ")}. Choose other states.
    </Nothing>
  );
}

function Nothing({
  icon,
  title,
  action,
  children,
}: {
  icon: IconName;
  title: string;
  action?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <div class="diff-nothing">
      <Empty icon={icon} title={title} action={action}>
        <p>{children}</p>
      </Empty>
    </div>
  );
}

function Group({ group: { title, id, kind, changes } }: { group: ChangeGroup }) {
  const [all, setAll] = useState(false);
  if (kind !== "changed") {
    const [change] = changes;
    return (
      <section class={`diff-group is-${kind}`}>
        <h3>
          <span class={`diff-op diff-${kind}`}>
            <Icon name={kind === "added" ? "plus" : "dash"} />
            {kind === "added" ? "Plan added" : "Plan removed"}
          </span>{" "}
          <bdi>{title}</bdi> {id !== null && id !== title && <span class="mono muted">{id}</span>}
        </h3>
        {change && (
          <details class="disclosure">
            <summary>All of the plan</summary>
            <Json value={masked(kind === "added" ? change.to : change.from)} label={`plan ${title} as JSON`} />
            {change.isCut && <p class="hint">The rest is left out: the plan is longer than 1,000 characters.</p>}
          </details>
        )}
      </section>
    );
  }
  const shown = all ? changes : changes.slice(0, GROUP_SHOWN);
  return (
    <section class="diff-group">
      <h3>
        {id !== null && !/^plan\b/i.test(title) && <span class="muted">Plan</span>} <bdi>{title}</bdi>{" "}
        {id !== null && id !== title && <span class="mono muted">{id}</span>}
      </h3>
      <ul class="diff-changes">
        {shown.map((change, at) => (
          <Change key={`${change.path} ${at}`} change={change} />
        ))}
      </ul>
      {shown.length < changes.length && (
        <div class="diff-more">
          <Button onClick={() => setAll(true)}>Show all {changes.length.toLocaleString("en")} changes</Button>
        </div>
      )}
    </section>
  );
}

const OPS = {
  add: { text: "Added", kind: "added" },
  remove: { text: "Removed", kind: "removed" },
  replace: { text: "Changed", kind: "changed" },
} as const;

function Change({ change: { op, field, path, from, to, isCut } }: { change: FieldChange }) {
  const { text, kind } = OPS[op];
  const [before, after] = [valueText(from, isCut), valueText(to, isCut)];
  const isOneLine = isShort(before) && isShort(after);
  return (
    <li class="diff-change">
      <span class="diff-field" title={path}>
        <bdi>{field}</bdi>
      </span>
      <div class={`diff-values${isOneLine ? " is-short" : ""}`}>
        {op !== "replace" && <span class={`diff-op diff-${kind}`}>{text}</span>}
        {op !== "add" && (
          <div class="diff-value">
            {op === "replace" && <span class={isOneLine ? "visually-hidden" : "diff-word"}>from </span>}
            <del>
              <Value value={before} />
            </del>
          </div>
        )}
        {op === "replace" && isOneLine && <Icon name="arrow" />}
        {op !== "remove" && (
          <div class="diff-value">
            {op === "replace" && <span class={isOneLine ? "visually-hidden" : "diff-word"}>to </span>}
            <ins>
              <Value value={after} />
            </ins>
          </div>
        )}
        {op === "replace" && before.text === after.text && <span class="muted">They differ in a part that is not shown.</span>}
      </div>
    </li>
  );
}
