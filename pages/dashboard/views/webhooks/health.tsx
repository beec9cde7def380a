// How well an endpoint takes what it is sent, from its newest deliveries.
import { type ApiProblem, asProblem, isAborted, type Webhook } from "../../api";
import { Badge } from "../../components";
import { type Delivery, listDeliveries } from "./calls";
import { deliveries, isSuccess, statusOf } from "./words";

const RECENT_MAX = 12;
// Deliveries come with all their attempts, so that long lists would be much to load for a number.
const DEAD_MAX = 20;
const AT_ONCE = 6;

export interface Health {
  /** The newest deliveries, the newest first. */
  readonly recent: readonly Delivery[];
  readonly dead: number;
  /** Whether there are more dead deliveries than were counted. */
  readonly hasMoreDead: boolean;
}

export async function loadHealth(webhookId: string, signal: AbortSignal): Promise<Health> {
  const [recent, dead] = await Promise.all([
    listDeliveries(webhookId, {}, { limit: RECENT_MAX }, signal),
    listDeliveries(webhookId, { status: "dead" }, { limit: DEAD_MAX }, signal),
  ]);
  return { recent: recent.items, dead: dead.items.length, hasMoreDead: dead.nextCursor !== null };
}

/** The health of each endpoint by its id, or why it cannot be told. Raises ApiProblem if the monitor is away. */
export async function loadAllHealth(ids: readonly string[], signal: AbortSignal): Promise<Map<string, Health | ApiProblem>> {
  const found = new Map<string, Health | ApiProblem>();
  const waiting = [...ids];
  const work = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        found.set(id, await loadHealth(id, signal));
      } catch (error) {
        const problem = asProblem(error);
        if (isAborted(error) || problem.isAway) {
          throw error;
        }
        found.set(id, problem);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}

/** Whether an endpoint works, as far as is known. */
export function HealthBadge({ webhook, health }: { webhook: Webhook; health: Health | undefined }) {
  if (!webhook.enabled) {
    return webhook.disabledReason === null ? (
      <Badge tone="neutral" icon="dash">
        Disabled
      </Badge>
    ) : (
      <Badge tone="bad" icon="cross">
        Disabled
      </Badge>
    );
  }
  // What was not tried yet tells nothing.
  const newest = health?.recent.find(({ attempts }) => attempts.length > 0)?.attempts.at(-1);
  if (newest === undefined) {
    return (
      <Badge tone="neutral" icon="check">
        Enabled
      </Badge>
    );
  }
  return isSuccess(newest.status) ? (
    <Badge tone="good" icon="check">
      Working
    </Badge>
  ) : (
    <Badge tone="warning" icon="warning">
      Failing
    </Badge>
  );
}

/** How many deliveries are dead: `20+ deliveries are dead.` */
export function deadText({ dead, hasMoreDead }: Health): string {
  return dead === 1 && !hasMoreDead ? "1 delivery is dead." : `${dead}${hasMoreDead ? "+" : ""} deliveries are dead.`;
}

/** The newest deliveries as a row of marks, the newest at the right. Each status has a height of its own. */
export function Strip({ recent }: { recent: readonly Delivery[] }) {
  const counts = new Map<string, number>();
  for (const delivery of recent) {
    const text = statusOf(delivery).text.toLowerCase();
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const parts = [...counts].map(([text, count]) => `${count} ${text}`).join(", ");
  const label = `The last ${deliveries(recent.length)}: ${parts}`.replace("last 1 delivery", "last delivery");
  return recent.length === 0 ? null : (
    <span class="strip" role="img" aria-label={label} title={label}>
      {[...recent].reverse().map((delivery) => (
        <span key={delivery.id} class={`strip-mark strip-${statusOf(delivery).text.toLowerCase()}`} />
      ))}
    </span>
  );
}
