// What can be done with a job: check it now, edit it, share it, forget it.
import { useEffect, useRef, useState } from "preact/hooks";
import { announce } from "../announce";
import { type ApiProblem, answer, api, asProblem, type Job, type JobChange, type Operation } from "../api";
import { Button, Confirm, CopyButton, Dialog, Field, Notice, ProblemView } from "../components";
import { faultsOf, focusFault } from "../faults";
import { useShortcut } from "../keys";
import { href, navigate } from "../router";
import { useNow } from "../time";
import { operationText } from "../words";
import { OPERATIONS } from "./jobs";

export interface Check {
  readonly busy: boolean;
  readonly run: () => void;
  /** Why the last check by hand failed; null if it did not. */
  readonly problem: ApiProblem | null;
  /** When the job can be checked again, in milliseconds as of Date.now(); null if nothing was said about it. */
  readonly until: number | null;
}

/** Checking a job by hand. */
export function useCheck(jobId: string, onChanged: () => void): Check {
  const [state, setState] = useState<Omit<Check, "run">>({ busy: false, problem: null, until: null });
  const run = async () => {
    if (state.busy) {
      return;
    }
    setState({ busy: true, problem: null, until: null });
    try {
      const job = await answer(api.POST("/jobs/{jobId}/check", { params: { path: { jobId } } }));
      announce(job.state === "pending" ? "Checked: the job is still pending." : `Checked: the job has ended: ${job.state}.`);
      setState({ busy: false, problem: null, until: null });
    } catch (error) {
      const problem = asProblem(error);
      const { retryAfter } = problem.more;
      if (problem.isAway) {
        announce("The monitor does not answer."); // the notice at the top says the rest
        setState({ busy: false, problem: null, until: null });
        return;
      }
      const until = problem.status === 429 && retryAfter !== undefined ? Date.now() + retryAfter * 1000 : null;
      setState({ busy: false, problem, until });
    }
    onChanged();
  };
  return { ...state, run: () => void run() };
}

/** Why a check by hand failed, for as long as that holds. */
export function CheckResult({ check: { problem, until } }: { check: Check }) {
  return (
    <div role="status">
      {problem !== null && (
        <div class="check-result">{until === null ? <ProblemView problem={problem} /> : <TooEarly until={until} />}</div>
      )}
    </div>
  );
}

/** Says when the job can be checked again; nothing once it can. */
function TooEarly({ until }: { until: number }) {
  const seconds = Math.ceil((until - useNow()) / 1000);
  return seconds <= 0 ? null : (
    <Notice title="Just checked.">
      Partner Center is asked about a job once a minute at most. You can check again in <span aria-live="off">{seconds} s</span>.
    </Notice>
  );
}

export function JobActions({ job, check, onChanged }: { job: Job; check: Check; onChanged: () => void }) {
  const [open, setOpen] = useState<"edit" | "remove" | null>(null);
  const close = () => setOpen(null);
  const isPending = job.state === "pending";
  useShortcut("e", "Edit the job", () => setOpen("edit"));
  return (
    <>
      {isPending && <CheckNow check={check} />}
      <Button onClick={() => setOpen("edit")}>Edit</Button>
      <CopyButton text={linkTo(job)} label="link to this job">
        Copy link
      </CopyButton>
      <Button onClick={() => setOpen("remove")}>{isPending ? "Stop following" : "Remove"}</Button>
      {open === "edit" && <Edit job={job} onChanged={onChanged} onClose={close} />}
      {open === "remove" && <Remove job={job} onClose={close} />}
    </>
  );
}

function CheckNow({ check: { busy, run } }: { check: Check }) {
  useShortcut("c", "Check the job now", run);
  return (
    <Button kind="primary" busy={busy} onClick={run}>
      {busy ? "Checking …" : "Check now"}
    </Button>
  );
}

const linkTo = ({ jobId }: Job) => new URL(href(`/jobs/${jobId}`), location.href).href;

const FIELDS = ["label", "externalId", "operation"] as const;

function Edit({ job, onChanged, onClose }: { job: Job; onChanged: () => void; onClose: () => void }) {
  const form = useRef<HTMLFormElement>(null);
  const [before] = useState(job); // the job may change while someone types
  const [label, setLabel] = useState(job.label ?? "");
  const [externalId, setExternalId] = useState(job.externalId ?? "");
  const [operation, setOperation] = useState(job.operation);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiProblem | null>(null);
  const { of: faults, problem } = faultsOf(failure, FIELDS);
  useEffect(() => form.current?.querySelector("input")?.focus(), []);

  const save = async (event: Event) => {
    event.preventDefault();
    if (busy) {
      return;
    }
    const change: JobChange = {
      ...(label.trim() !== (before.label ?? "") && { label: label.trim() || null }),
      ...(externalId.trim() !== (before.externalId ?? "") && { externalId: externalId.trim() || null }),
      ...(operation !== before.operation && { operation }),
    };
    setBusy(true);
    setFailure(null);
    try {
      if (Object.keys(change).length > 0) {
        await answer(api.PATCH("/jobs/{jobId}", { params: { path: { jobId: job.jobId } }, body: change }));
        announce("Saved.");
        onChanged();
      }
      onClose();
    } catch (error) {
      setFailure(asProblem(error));
      setBusy(false);
      requestAnimationFrame(() => focusFault(form.current));
    }
  };

  return (
    <Dialog title="Edit the job" onClose={onClose}>
      <form class="stack" ref={form} onSubmit={(event) => void save(event)}>
        <LabelFields label={label} externalId={externalId} faults={faults} onLabel={setLabel} onExternalId={setExternalId} />
        <OperationField value={operation} fault={faults.operation} onValue={setOperation} />
        {problem && <ProblemView problem={problem} />}
        <footer class="dialog-footer">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={busy}>
            {busy ? "Saving …" : "Save"}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}

/** The fields of a job that anyone may name as they like. */
export function LabelFields({
  label,
  externalId,
  faults,
  onLabel,
  onExternalId,
}: {
  label: string;
  externalId: string;
  faults: { readonly label?: string; readonly externalId?: string };
  onLabel: (value: string) => void;
  onExternalId: (value: string) => void;
}) {
  return (
    <>
      <Field label="Label" hint="What you call the job, for example its customer." fault={faults.label}>
        {(id, described) => (
          <input
            {...described}
            id={id}
            class="input"
            dir="auto"
            autocomplete="off"
            value={label}
            onInput={(event) => onLabel(event.currentTarget.value)}
          />
        )}
      </Field>
      <Field label="External id" hint="Its id in your own system, for example the CRM." fault={faults.externalId}>
        {(id, described) => (
          <input
            {...described}
            id={id}
            class="input"
            dir="auto"
            autocomplete="off"
            spellcheck={false}
            value={externalId}
            onInput={(event) => onExternalId(event.currentTarget.value)}
          />
        )}
      </Field>
    </>
  );
}

export function OperationField({
  value,
  fault,
  onValue,
}: {
  value: Operation;
  fault: string | undefined;
  onValue: (operation: Operation) => void;
}) {
  return (
    <Field label="Operation" hint="What the request to Partner Center asked for." fault={fault}>
      {(id, described) => (
        <select
          {...described}
          id={id}
          class="select"
          value={value}
          onChange={(event) => onValue(OPERATIONS.find((known) => known === event.currentTarget.value) ?? "unknown")}
        >
          {OPERATIONS.map((name) => (
            <option key={name} value={name}>
              {operationText(name)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function Remove({ job, onClose }: { job: Job; onClose: () => void }) {
  const isPending = job.state === "pending";
  const [wasPending] = useState(isPending);
  const remove = async () => {
    await answer(api.DELETE("/jobs/{jobId}", { params: { path: { jobId: job.jobId } } }));
    announce(isPending ? "The job is no longer followed." : "The job was removed.");
    navigate("/jobs");
  };
  return (
    <Confirm
      title={isPending ? "Stop following this job?" : "Remove this job from the history?"}
      action={isPending ? "Stop following" : "Remove"}
      danger
      onConfirm={remove}
      onClose={onClose}
    >
      {wasPending && !isPending && (
        <Notice tone="warning" title="The job has ended meanwhile.">
          You would remove its result.
        </Notice>
      )}
      {isPending ? (
        <p>
          The monitor forgets the job, and no webhook tells how it ends. The job itself goes on in Partner Center. You can register it again
          at any time.
        </p>
      ) : (
        <p>The monitor forgets the job with its result and its timeline. Nothing changes in Partner Center. This cannot be undone.</p>
      )}
    </Confirm>
  );
}
