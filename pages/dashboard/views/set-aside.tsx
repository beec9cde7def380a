// Rows that were put into the jobs table and are not jobs.
import { useEffect, useRef, useState } from "preact/hooks";
import { announce } from "../announce";
import { answer, api, type SetAsideRow } from "../api";
import { Button, Confirm, Empty, MoreButton, PageHeader, ProblemView, Skeleton, Time } from "../components";
import { type LoadPage, usePages } from "../pages";

const EVERY_SECONDS = 30;

const loadPage: LoadPage<SetAsideRow> = async (cursor, limit, signal) => {
  const query = { limit, ...(cursor !== null && { cursor }) };
  const { rows, nextCursor } = await answer(api.GET("/set-aside", { signal, params: { query } }));
  return { items: rows, nextCursor };
};
const idOf = ({ rowKey }: SetAsideRow) => rowKey;

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

export function SetAside() {
  const { items, hasMore, isLoadingMore, problem, moreProblem, more, refresh } = usePages("set aside", loadPage, {
    everySeconds: EVERY_SECONDS,
    idOf,
  });
  const list = useRef<HTMLUListElement>(null);
  // Of the row that was removed: the focus goes to the one that takes its place.
  const removedAt = useRef<number | null>(null);
  useEffect(() => {
    if (removedAt.current !== null && items !== undefined) {
      const buttons = list.current?.querySelectorAll("button") ?? [];
      const next = buttons[Math.min(removedAt.current, buttons.length - 1)];
      (next ?? document.querySelector<HTMLElement>("main h1"))?.focus();
      removedAt.current = null;
    }
  }, [items]);
  const [removing, setRemoving] = useState<SetAsideRow | null>(null);
  return (
    <>
      <PageHeader title="Set aside">
        <p class="muted">
          Rows in the jobs table that are not jobs. The monitor leaves them alone. Correct them where they come from, then remove them here.
        </p>
      </PageHeader>
      {problem && !problem.isAway && <ProblemView problem={problem} onRetry={refresh} />}
      {items === undefined && !problem && <Skeleton rows={4} label="Loading the rows" />}
      {items?.length === 0 && (
        <Empty icon="aside" title="Nothing is set aside">
          <p>Every row in the jobs table is a job.</p>
        </Empty>
      )}
      {items !== undefined && items.length > 0 && (
        <ul class="rows" ref={list} aria-label="Rows that were set aside">
          {items.map((row) => (
            <li key={row.rowKey} class="aside-row">
              <div>
                <p class="aside-key mono">
                  <bdi>{row.rowKey || "(empty key)"}</bdi>
                </p>
                <p class="aside-reason">
                  <bdi>{sentence(row.reason)}</bdi>
                </p>
              </div>
              <span class="muted aside-time">
                <Time at={row.setAsideAt} />
              </span>
              <Button data-row onClick={() => setRemoving(row)} aria-label={`Remove the row ${row.rowKey.slice(0, 100)}`}>
                Remove
              </Button>
            </li>
          ))}
        </ul>
      )}
      {moreProblem && <ProblemView problem={moreProblem} onRetry={more} />}
      <MoreButton hasMore={hasMore} busy={isLoadingMore} onMore={more} />
      {removing && (
        <Remove
          row={removing}
          onRemoved={() => {
            removedAt.current = items?.indexOf(removing) ?? null;
            refresh();
          }}
          onClose={() => setRemoving(null)}
        />
      )}
    </>
  );
}

function Remove({ row: { rowKey, reason }, onRemoved, onClose }: { row: SetAsideRow; onRemoved: () => void; onClose: () => void }) {
  const remove = async () => {
    await answer(api.DELETE("/set-aside/{rowKey}", { params: { path: { rowKey } } }));
    announce("The row was removed.");
    onRemoved();
  };
  return (
    <Confirm title="Remove this row?" action="Remove" danger onConfirm={remove} onClose={onClose}>
      <p class="aside-key mono">
        <bdi>{rowKey}</bdi>
      </p>
      <p>
        <bdi>{sentence(reason)}</bdi>
      </p>
      <p class="muted">The row goes from the monitor's storage for good. Nothing changes in Partner Center.</p>
    </Confirm>
  );
}
