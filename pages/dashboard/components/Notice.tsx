import type { ComponentChildren } from "preact";
import type { ApiProblem } from "../api";
import type { Tone } from "./Badge";
import { Button } from "./Button";
import { Icon, type IconName } from "./Icon";

const ICONS: Record<Tone, IconName> = { neutral: "info", active: "info", good: "check", bad: "cross", warning: "warning" };

/** Something to know before reading on. */
export function Notice({
  tone = "neutral",
  title,
  action,
  children,
}: {
  tone?: Tone;
  title?: ComponentChildren;
  /** A button or a link. */
  action?: ComponentChildren;
  children?: ComponentChildren;
}) {
  return (
    <div class={`notice notice-${tone}`}>
      <Icon name={ICONS[tone]} />
      <div class="notice-text">
        {title !== undefined && <strong>{title}</strong>}
        {children !== undefined && <div>{children}</div>}
      </div>
      {action}
    </div>
  );
}

/** Why a call failed. */
export function ProblemView({ problem, onRetry }: { problem: ApiProblem; onRetry?: () => void }) {
  const { faults, errors, retryAfter, upstreamRequestId } = problem.more;
  const causes = errors === undefined ? [] : errorTexts(errors);
  return (
    <div role="alert">
      <Notice tone="bad" title={problem.title} action={onRetry && <Button onClick={onRetry}>Try again</Button>}>
        <p>{problem.detail}</p>
        {[...(faults ?? []), ...causes].length > 0 && (
          <ul>
            {[...(faults ?? []), ...causes].map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        )}
        {retryAfter !== undefined && <p>Try again in {retryAfter} s.</p>}
        {upstreamRequestId !== undefined && <p class="muted">Partner Center's request id: {upstreamRequestId}</p>}
      </Notice>
    </div>
  );
}

/** Partner Center's errors in words: the innermost messages, which say what to change. */
export function errorTexts(errors: readonly unknown[]): string[] {
  const texts = errors.flatMap((error) => innermost(error, 0));
  return [...new Set(texts)];
}

const NESTED_MAX = 10;

function innermost(error: unknown, depth: number): string[] {
  if (typeof error !== "object" || error === null) {
    return [String(error)];
  }
  const { message, code, details } = error as Record<string, unknown>;
  const within = Array.isArray(details) && depth < NESTED_MAX ? details.flatMap((detail) => innermost(detail, depth + 1)) : [];
  if (within.length > 0) {
    return within;
  }
  if (typeof message === "string" && message !== "") {
    return [message];
  }
  return typeof code === "string" && code !== "" ? [code] : [];
}
