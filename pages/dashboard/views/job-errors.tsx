// Partner Center's errors with what is nested in them, in words.
import { LongText } from "../components";
import { masked } from "../masked";
import { codeText } from "./job-words";

const NESTED_MAX = 10;
const SHOWN_MAX = 100; // of one level; the raw JSON has all

export function ErrorList({ errors }: { errors: readonly unknown[] }) {
  return <Level errors={masked(errors)} depth={0} />;
}

function Level({ errors, depth }: { errors: readonly unknown[]; depth: number }) {
  return (
    <ul class={depth === 0 ? "errors" : "errors-nested"}>
      {errors.slice(0, SHOWN_MAX).map((error, at) => (
        <li key={at}>
          <One error={error} depth={depth} />
        </li>
      ))}
      {errors.length > SHOWN_MAX && <li class="muted">and {errors.length - SHOWN_MAX} more</li>}
    </ul>
  );
}

function One({ error, depth }: { error: unknown; depth: number }) {
  if (typeof error !== "object" || error === null) {
    return <LongText text={String(error)} />;
  }
  const { message, code, resourceId, details } = error as Record<string, unknown>;
  const text = textOf(message);
  const name = textOf(code);
  const resource = resourceText(resourceId);
  return (
    <>
      <p class="error-message">
        <LongText
          text={text ?? (name === null ? "Partner Center gave no reason." : `${name.charAt(0).toUpperCase()}${codeText(name.slice(1))}`)}
        />
      </p>
      {((text !== null && name !== null) || resource !== null) && (
        <p class="error-note">
          {[text !== null && name !== null ? codeText(name) : null, resource]
            .filter((part) => part !== null)
            .map((part, at) => (
              <span key={part}>
                {at > 0 && " · "}
                <LongText text={part} max={120} />
              </span>
            ))}
        </p>
      )}
      {Array.isArray(details) && details.length > 0 && depth < NESTED_MAX && <Level errors={details} depth={depth + 1} />}
    </>
  );
}

const textOf = (value: unknown): string | null => (typeof value === "string" && value.trim() !== "" ? value.trim() : null);

/** A resource is named by its id, or as the request named it. */
function resourceText(resource: unknown): string | null {
  if (typeof resource !== "object" || resource === null) {
    return textOf(resource);
  }
  const { externalId, resourceName } = resource as Record<string, unknown>;
  return textOf(externalId) ?? textOf(resourceName);
}
