// The form of an endpoint: to add one, and to change one.
import { useEffect, useRef, useState } from "preact/hooks";
import { announce } from "../../announce";
import { type ApiProblem, asProblem, type Webhook } from "../../api";
import { Button, Field, Notice, PageHeader, ProblemView, Skeleton } from "../../components";
import { faultsOf } from "../../faults";
import { useFresh } from "../../refresh";
import { href, navigate } from "../../router";
import type { ViewProps } from "..";
import { addWebhook, changeWebhook, readWebhook } from "./calls";
import { EventsField, FormatField, HeadersField } from "./fields";
import { SecretDialog, showSecret } from "./secret";
import { changedBody, changesOrigin, FIELDS, type FieldFaults, knownFaults, NEW, newBody, type Values, valuesOf } from "./values";
import { SETTINGS_ID, shortNameOf } from "./words";

const URL_CHARACTERS_MAX = 2048;
const DESCRIPTION_CHARACTERS_MAX = 500;
const SECRET_CHARACTERS_MAX = 100;

export function AddWebhook() {
  const add = async (values: Values) => {
    const webhook = await addWebhook(newBody(values));
    // In the place of the form, which going back should not lead to.
    showSecret(webhook, { onClose: () => location.replace(href(`/webhooks/${webhook.id}`)) });
  };
  return (
    <>
      <PageHeader title="Add an endpoint" back={{ href: href("/webhooks"), text: "Webhooks" }} />
      <WebhookForm initial={NEW} action="Add the endpoint" back={href("/webhooks")} onSubmit={add} />
      <SecretDialog />
    </>
  );
}

export function EditWebhook({ params: { webhookId = "" } }: ViewProps) {
  const { data, problem, isLoading, refresh } = useFresh(`webhook to edit ${webhookId}`, (signal) => readWebhook(webhookId, signal), {
    everySeconds: 0,
  });
  // The form begins with what is true now, and keeps what was typed from then on.
  const [initial, setInitial] = useState<Webhook>();
  useEffect(() => {
    if (data !== undefined && !isLoading) {
      setInitial((before) => before ?? data);
    }
  }, [data, isLoading]);

  const path = `/webhooks/${encodeURIComponent(webhookId)}`;
  const back = { href: href(path), text: data ? shortNameOf(data) : "Endpoint" };
  const change = async (values: Values) => {
    if (initial !== undefined) {
      const body = changedBody(values, initial);
      if (Object.keys(body).length > 0) {
        await changeWebhook(webhookId, body);
        announce("Saved.");
      }
      navigate(path);
    }
  };
  return (
    <>
      <PageHeader title="Edit the endpoint" back={back} />
      {problem && !problem.isAway && initial === undefined && <ProblemView problem={problem} onRetry={refresh} />}
      {initial === undefined && !problem && <Skeleton rows={5} label="Loading the endpoint" />}
      {initial !== undefined &&
        (initial.editable ? (
          <WebhookForm initial={valuesOf(initial)} before={initial} action="Save" back={href(path)} onSubmit={change} />
        ) : (
          <FromSettings />
        ))}
      <SecretDialog />
    </>
  );
}

function FromSettings() {
  return (
    <Notice title="This endpoint is in the app's settings.">
      Change <code>WEBHOOK_URL</code> and <code>WEBHOOK_SECRET</code> there. It gets every event in the standard format.{" "}
      <a class="link" href={href(`/webhooks/${SETTINGS_ID}`)}>
        Show its deliveries
      </a>
    </Notice>
  );
}

function WebhookForm({
  initial,
  before,
  action,
  back,
  onSubmit,
}: {
  initial: Values;
  /** The endpoint that is changed. */
  before?: Webhook;
  action: string;
  back: string;
  onSubmit: (values: Values) => Promise<void>;
}) {
  const [values, setValues] = useState(initial);
  const [faults, setFaults] = useState<FieldFaults>({});
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const change = (changes: Partial<Values>) => setValues((current) => ({ ...current, ...changes }));

  useEffect(() => {
    form.current?.querySelector<HTMLElement>("[aria-invalid=true], .choices-invalid input")?.focus();
  }, [faults]);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) {
      return;
    }
    setProblem(null);
    const known = knownFaults(values, before);
    setFaults(known);
    if (Object.keys(known).length > 0) {
      return;
    }
    setBusy(true);
    try {
      await onSubmit(values);
    } catch (error) {
      const failed = faultsOf(asProblem(error), FIELDS);
      setFaults(failed.of);
      setProblem(failed.problem);
    }
    setBusy(false);
  };

  const losesHeaders =
    before !== undefined && before.headers.length > 0 && values.headers === undefined && changesOrigin(values.url, before);
  return (
    <form class="form" ref={form} noValidate onSubmit={(event) => void submit(event)}>
      <Field label="Address" fault={faults.url} hint="https, and reachable from the internet. The monitor posts each event to it.">
        {(id, attributes) => (
          <input
            {...attributes}
            id={id}
            class="input"
            type="url"
            inputMode="url"
            autocomplete="off"
            spellcheck={false}
            maxLength={URL_CHARACTERS_MAX}
            placeholder="https://"
            required
            value={values.url}
            onInput={(event) => change({ url: event.currentTarget.value })}
          />
        )}
      </Field>
      {losesHeaders && (
        <Notice tone="warning">
          The headers belong to the old address, so this change removes them. Enter them again below if the new address needs them.
        </Notice>
      )}
      <Field label="Description (optional)" fault={faults.description} hint="What the endpoint is for.">
        {(id, attributes) => (
          <input
            {...attributes}
            id={id}
            class="input"
            autocomplete="off"
            maxLength={DESCRIPTION_CHARACTERS_MAX}
            value={values.description}
            onInput={(event) => change({ description: event.currentTarget.value })}
          />
        )}
      </Field>
      <FormatField value={values.format} fault={faults.format} onValue={(format) => change({ format })} />
      <EventsField values={values} fault={faults.events} onChange={change} />
      <HeadersField
        names={before?.headers ?? []}
        headers={values.headers}
        fault={faults.headers}
        onHeaders={(headers) => change({ headers })}
      />
      {before === undefined && (
        <Field
          label="Secret (optional)"
          fault={faults.secret}
          hint="Leave it empty, and the monitor makes one and shows it once. One of your own is whsec_ and 24 to 64 bytes in base64."
        >
          {(id, attributes) => (
            <input
              {...attributes}
              id={id}
              class="input"
              autocomplete="off"
              spellcheck={false}
              maxLength={SECRET_CHARACTERS_MAX}
              value={values.secret}
              onInput={(event) => change({ secret: event.currentTarget.value })}
            />
          )}
        </Field>
      )}
      <div role="alert">
        {Object.keys(faults).length > 0 && (
          <Notice tone="bad" title="Nothing was saved.">
            Correct what is marked above.
          </Notice>
        )}
      </div>
      {problem && <ProblemView problem={problem} />}
      <div class="form-footer">
        <Button kind="primary" type="submit" busy={busy}>
          {busy ? "Saving …" : action}
        </Button>
        <a class="button button-plain" href={back}>
          Cancel
        </a>
      </div>
    </form>
  );
}
