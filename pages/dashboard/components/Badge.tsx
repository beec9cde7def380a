import type { ComponentChildren } from "preact";
import type { JobState } from "../api";
import { Icon, type IconName } from "./Icon";

export type Tone = "neutral" | "good" | "bad" | "warning" | "active";

/** A state in words, with a shape and a colour of its own. */
export function Badge({ tone, icon, children }: { tone: Tone; icon: IconName; children: ComponentChildren }) {
  return (
    <span class={`badge badge-${tone}`}>
      <Icon name={icon} />
      {children}
    </span>
  );
}

const STATES: Record<JobState, { tone: Tone; icon: IconName; text: string }> = {
  pending: { tone: "active", icon: "clock", text: "Pending" },
  succeeded: { tone: "good", icon: "check", text: "Succeeded" },
  failed: { tone: "bad", icon: "cross", text: "Failed" },
  cancelled: { tone: "neutral", icon: "dash", text: "Cancelled" },
  lost: { tone: "warning", icon: "question", text: "Lost" },
  expired: { tone: "warning", icon: "warning", text: "Expired" },
};

/** A job's state. */
export function StateBadge({ state, stalled = false }: { state: JobState; stalled?: boolean }) {
  if (stalled) {
    return (
      <Badge tone="warning" icon="warning">
        Stalled
      </Badge>
    );
  }
  const { tone, icon, text } = STATES[state];
  return (
    <Badge tone={tone} icon={icon}>
      {text}
    </Badge>
  );
}
