// The changes between two states of a CPP offer in words, grouped by the plan that they are about.
import type { CppChange } from "../../api";
import { capitalised, spaced } from "../offers/words";
import { type CppOffer, planTitle } from "./read";

/** A change of one field. */
export interface FieldChange {
  readonly op: CppChange["op"];
  /** `Virtual machine pricing › core multiplier › single`. */
  readonly field: string;
  /** The JSON Pointer. */
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
  readonly isCut: boolean;
}

export interface ChangeGroup {
  readonly title: string;
  /** Whether this is a plan that comes or goes as a whole. */
  readonly kind: "added" | "removed" | "changed";
  /** The plan's id. */
  readonly id: string | null;
  readonly changes: readonly FieldChange[];
}

interface Sides {
  /** Undefined if it is not loaded. */
  readonly from: CppOffer | undefined;
  readonly to: CppOffer | undefined;
}

/** Plans that come, plans that go, then what changes: the offer first, then plan by plan, in the order of the changes. */
export function changeGroups(changes: readonly CppChange[], { from, to }: Sides): ChangeGroup[] {
  const whole: ChangeGroup[] = [];
  const groups = new Map<string, { title: string; id: string | null; changes: FieldChange[] }>();
  for (const change of changes) {
    const [, area = "", ...rest] = segmentsOf(change.path);
    const [index, ...field] = rest;
    const position = Number(index);
    if (area === "plans" && Number.isInteger(position)) {
      // A removal's path leads into the older offer.
      const plan = (change.op === "remove" ? from : to)?.plans[position];
      const title = plan ? planTitle(plan) : `Plan ${position + 1}`;
      if (field.length === 0 && change.op !== "replace") {
        whole.push({
          title,
          id: plan?.id ?? null,
          kind: change.op === "add" ? "added" : "removed",
          changes: [fieldOf(change, [])],
        });
        continue;
      }
      add(
        groups,
        `plan ${plan?.id ?? `${change.op === "remove" ? "old " : ""}${position}`}`,
        title,
        plan?.id ?? null,
        fieldOf(change, field),
      );
    } else {
      const isOffer = area === "offer";
      add(groups, isOffer ? "offer" : "rest", isOffer ? "Offer" : "General", null, fieldOf(change, isOffer ? rest : [area, ...rest]));
    }
  }
  return [...whole, ...[...groups.values()].map((group) => ({ ...group, kind: "changed" as const }))];
}

function add(
  groups: Map<string, { title: string; id: string | null; changes: FieldChange[] }>,
  key: string,
  title: string,
  id: string | null,
  change: FieldChange,
): void {
  const group = groups.get(key) ?? { title, id, changes: [] };
  group.changes.push(change);
  groups.set(key, group);
}

function fieldOf({ op, path, from, to, truncated }: CppChange, segments: readonly string[]): FieldChange {
  return { op, path, from, to, field: fieldText(segments), isCut: truncated === true };
}

/** The parts of a JSON Pointer. */
export function segmentsOf(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

const PREFIX = /^microsoft-[a-z0-9-]+\./;

/** `microsoft-azure-marketplace.title` as `Title`; elements of lists by their number, except the last. */
function fieldText(segments: readonly string[]): string {
  const isElement = segments.length > 1 && /^\d+$/.test(segments.at(-1) ?? "");
  const named = isElement ? segments.slice(0, -1) : segments;
  const texts = named.map((segment) => (/^\d+$/.test(segment) ? `no. ${Number(segment) + 1}` : spaced(segment.replace(PREFIX, ""))));
  return capitalised(texts.join(" › ")) || "All of it";
}

/** `3 changes: 1 plan added, 2 fields changed`. */
export function summary(groups: readonly ChangeGroup[], isMore: boolean): string {
  const count = (kind: ChangeGroup["kind"]) => groups.filter((group) => group.kind === kind).length;
  const fields = groups.filter(({ kind }) => kind === "changed").reduce((sum, { changes }) => sum + changes.length, 0);
  const parts = [
    counted(count("added"), "plan added", "plans added"),
    counted(count("removed"), "plan removed", "plans removed"),
    counted(fields, "other change", "other changes"),
  ].filter(Boolean);
  const text = count("added") + count("removed") === 0 ? counted(fields, "change", "changes") : parts.join(", ");
  return `${isMore ? "More than " : ""}${text}`;
}

const counted = (count: number, one: string, many: string): string =>
  count === 0 ? "" : `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
