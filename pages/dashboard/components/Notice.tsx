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

/** Partner Center's errors in words: the innermost messages, which say what to change; a code where there is no message. */
export function errorTexts(errors: readonly unknown[]): string[] {
  const texts = errors.flatMap((error) => {
    const messages = innermostMessages(error, 0);
    return messages.length > 0 ? messages : [codeOf(error)];
  });
  return [...new Set(texts)];
}

const NESTED_MAX = 10;

function innermostMessages(error: unknown, depth: number): string[] {
  if (typeof error !== "object" || error === null) {
    return typeof error === "string" && error !== "" ? [error] : [];
  }
  const { message, details } = error as Record<string, unknown>;
  const within = Array.isArray(details) && depth < NESTED_MAX ? details.flatMap((detail) => innermostMessages(detail, depth + 1)) : [];
  if (within.length > 0) {
    return within;
  }
  return typeof message === "string" && message !== "" ? [message] : [];
}

function codeOf(error: unknown): string {
  const code: unknown = typeof error === "object" && error !== null ? (error as Record<string, unknown>).code : error;
  return typeof code === "string" && code !== "" ? code : "Partner Center gives no reason";
}
