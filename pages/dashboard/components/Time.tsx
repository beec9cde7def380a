import { duration, exactTime, relative, useNow } from "../time";

/** A moment as it lies from now (`3 minutes ago`), with the exact one on hover. */
export function Time({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={exactTime(at)}>
      {relative(at, now)}
    </time>
  );
}

/** How long something has been going on, with the moment when it began on hover. */
export function Age({ since }: { since: string }) {
  const now = useNow();
  return (
    <time dateTime={since} title={`since ${exactTime(since)}`}>
      {duration(now - Date.parse(since))}
    </time>
  );
}
