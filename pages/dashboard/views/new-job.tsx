// Registering jobs by hand: by id, or by pasting Partner Center's answer or several ids.
import { useRef, useState } from "preact/hooks";
import { announce } from "../announce";
import { type ApiProblem, answer, api, asProblem, type Job, type JobRegistration, type Operation, type RegisteredJob } from "../api";
import { Badge, Button, Field, LongText, Notice, PageHeader, ProblemView, Section } from "../components";
import { faultsOf, focusFault } from "../faults";
import { href, navigate } from "../router";
import type { ViewProps } from ".";
import { LabelFields, OperationField } from "./job-actions";
import { ErrorList } from "./job-errors";
import { readPasted } from "./pasted";

const FIELDS = ["jobId", "operation", "label", "externalId"] as const;

type Registered = Job | { readonly jobs: readonly RegisteredJob[] };

async function register(body: unknown): Promise<Registered> {
  // What was pasted is the API's to check.
  return await answer(api.POST("/jobs", { body: body as JobRegistration }));
}

function openJob({ jobId }: Job): void {
  announce("The monitor follows the job.");
  navigate(`/jobs/${jobId}`);
}

export function NewJob({ query }: ViewProps) {
  return (
    <>
      <PageHeader title="Register a job" back={{ href: href("/jobs"), text: "Jobs" }}>
        <p class="muted">The monitor checks each registered job once a minute, and tells your webhooks how it ends.</p>
      </PageHeader>
      <div class="new-job">
        <Section title="By its id">
          <ById givenId={query.get("jobId") ?? ""} />
        </Section>
        <Section title="By pasting">
          <ByPasting />
        </Section>
      </div>
    </>
  );
}

function ById({ givenId }: { givenId: string }) {
  const form = useRef<HTMLFormElement>(null);
  const [jobId, setJobId] = useState(givenId);
  const [operation, setOperation] = useState<Operation>("unknown");
  const [label, setLabel] = useState("");
  const [externalId, setExternalId] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiProblem | null>(null);
  const [isMissing, setMissing] = useState(false);
  const { of: faults, problem } = faultsOf(failure, FIELDS);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) {
      return;
    }
    setFailure(null);
    setMissing(jobId.trim() === "");
    if (jobId.trim() !== "") {
      setBusy(true);
      try {
        const job = await register({
          jobId: jobId.trim(),
          operation,
          ...(label.trim() && { label: label.trim() }),
          ...(externalId.trim() && { externalId: externalId.trim() }),
        });
        openJob(job as Job);
        return;
      } catch (error) {
        setFailure(asProblem(error));
      }
      setBusy(false);
    }
    requestAnimationFrame(() => focusFault(form.current));
  };

  return (
    <form class="stack" ref={form} noValidate onSubmit={(event) => void submit(event)}>
      <Field
        label="Job id"
        hint="Partner Center's answer to the configure request has it as jobId."
        fault={isMissing ? "Enter the job's id." : faults.jobId}
      >
        {(id, described) => (
          <input
            {...described}
            id={id}
            class="input mono"
            required
            autocomplete="off"
            spellcheck={false}
            placeholder="00000000-0000-0000-0000-000000000000"
            value={jobId}
            onInput={(event) => setJobId(event.currentTarget.value)}
          />
        )}
      </Field>
      <OperationField value={operation} fault={faults.operation} onValue={setOperation} />
      <LabelFields label={label} externalId={externalId} faults={faults} onLabel={setLabel} onExternalId={setExternalId} />
      {problem && <ProblemView problem={problem} />}
      <div>
        <Button kind="primary" type="submit" busy={busy}>
          {busy ? "Registering …" : "Register"}
        </Button>
      </div>
    </form>
  );
}

function ByPasting() {
  const form = useRef<HTMLFormElement>(null);
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string>();
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [results, setResults] = useState<readonly (RegisteredJob & { readonly given: string })[] | null>(null);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) {
      return;
    }
    const pasted = readPasted(text);
    setProblem(null);
    setResults(null);
    setFault(pasted.kind === "fault" ? pasted.text : undefined);
    if (pasted.kind === "fault") {
      requestAnimationFrame(() => focusFault(form.current));
      return;
    }
    setBusy(true);
    try {
      const registered = await register(pasted.body);
      if ("jobs" in registered) {
        const sent = pasted.kind === "many" ? pasted.body : [];
        setResults(registered.jobs.map((result, at) => ({ ...result, given: givenId(sent[at]) })));
      } else {
        openJob(registered);
        return;
      }
    } catch (error) {
      const failure = asProblem(error);
      if (failure.more.faults === undefined) {
        setProblem(failure);
      } else {
        setFault(`This is not an answer of Partner Center: ${failure.more.faults.join("; ")}.`);
        requestAnimationFrame(() => focusFault(form.current));
      }
    }
    setBusy(false);
  };

  return (
    <form class="stack" ref={form} onSubmit={(event) => void submit(event)}>
      <Field
        label="Partner Center's answer, or job ids"
        hint="The JSON that answered the configure request, or up to 100 job ids, one a line."
        fault={fault}
      >
        {(id, described) => (
          <textarea
            {...described}
            id={id}
            class="input mono paste"
            rows={10}
            spellcheck={false}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        )}
      </Field>
      {problem && (problem.more.errors ? <Refused errors={problem.more.errors} /> : <ProblemView problem={problem} />)}
      <div>
        <Button type="submit" busy={busy}>
          {busy ? "Registering …" : "Register what is pasted"}
        </Button>
      </div>
      <div role="status">{results && <Results results={results} />}</div>
    </form>
  );
}

/** What was pasted is an error, with Partner Center's own reasons. */
function Refused({ errors }: { errors: readonly unknown[] }) {
  return (
    <div class="stack" role="alert">
      <Notice tone="bad" title="Partner Center refused the request, so there is no job to follow." />
      <ErrorList errors={errors} />
    </div>
  );
}

function givenId(item: unknown): string {
  const { jobId, jobID } = (typeof item === "object" && item !== null ? item : {}) as { jobId?: unknown; jobID?: unknown };
  return typeof jobId === "string" ? jobId : typeof jobID === "string" ? jobID : "no id";
}

const refusal = (detail: string) => `${detail.replace(/^jobId: s/, "S")}.`;

function Results({ results }: { results: readonly (RegisteredJob & { readonly given: string })[] }) {
  const refused = results.filter(({ problem }) => problem !== undefined).length;
  const taken = results.length - refused;
  return (
    <div class="stack">
      <Notice
        tone={refused === 0 ? "good" : taken === 0 ? "bad" : "warning"}
        title={`${taken === 0 ? "No job is" : taken === 1 ? "1 job is" : `${taken} jobs are`} followed now${refused > 0 ? `, ${refused} ${refused === 1 ? "was" : "were"} refused` : ""}.`}
      />
      <ul class="rows" aria-label="Result for each job">
        {results.map(({ status, job, problem, given }, at) => (
          <li key={at} class="result">
            {problem ? (
              <Badge tone="bad" icon="cross">
                Refused
              </Badge>
            ) : (
              <Badge tone="good" icon="check">
                {status === 202 ? "Registered" : "Known"}
              </Badge>
            )}
            <div>
              {job ? (
                <a class="link mono" href={href(`/jobs/${job.jobId}`)}>
                  {job.jobId}
                </a>
              ) : (
                <span class="mono">
                  <LongText text={given} max={100} />
                </span>
              )}
              {problem && <p class="row-reason">{refusal(problem.detail)}</p>}
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}
