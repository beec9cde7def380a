// Faults of a request, each beside the field that it is about.
import { ApiProblem } from "./api";

export interface Faults<Name extends string> {
  /** What is wrong with a field. */
  readonly of: Partial<Record<Name, string>>;
  /** What is wrong besides; null if all faults are about fields. */
  readonly problem: ApiProblem | null;
}

/** The API names a fault as `label: should have at most 200 characters`. */
export function faultsOf<Name extends string>(problem: ApiProblem | null, names: readonly Name[]): Faults<Name> {
  const of: Partial<Record<Name, string>> = {};
  if (problem === null) {
    return { of, problem: null };
  }
  const { faults } = problem.more;
  const others: string[] = [];
  for (const fault of faults ?? []) {
    const at = fault.indexOf(": ");
    const path = fault.slice(0, Math.max(at, 0));
    const name = names.find((each) => path === each || path.startsWith(`${each}.`));
    const text = `${fault.charAt(at + 2).toUpperCase()}${fault.slice(at + 3)}.`;
    if (name === undefined) {
      others.push(fault);
    } else {
      of[name] = of[name] === undefined ? text : `${of[name]} ${text}`;
    }
  }
  const isAllAboutFields = faults !== undefined && faults.length > 0 && others.length === 0;
  if (isAllAboutFields) {
    return { of, problem: null };
  }
  const rest =
    others.length === 0 ? problem : new ApiProblem(problem.title, others.join("; "), problem.status, { ...problem.more, faults: [] });
  return { of, problem: rest };
}

/** Move the focus to the first field of `form` with a fault. */
export function focusFault(form: HTMLElement | null): void {
  form?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
}
