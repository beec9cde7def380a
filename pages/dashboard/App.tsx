// The frame around the views: navigation, the key, and what concerns all views.
import { useErrorBoundary, useLayoutEffect, useRef, useState } from "preact/hooks";
import { announcementStore } from "./announce";
import { Button, Dialog, Icon, Notice } from "./components";
import { KeyPrompt } from "./KeyPrompt";
import { forgetKey, keyStore } from "./key";
import { moveToRow, shortcutStore, useShortcut } from "./keys";
import { awayStore, refreshAll } from "./refresh";
import { href, keptScroll, match, navigate, type Route, routeStore } from "./router";
import { useStore } from "./store";
import { useNow } from "./time";
import { NAME, setTitle } from "./title";
import { NotFound, VIEWS, type View } from "./views";

const LICENCES = document.querySelector<HTMLLinkElement>("link[rel=license]")?.href;

export function App() {
  const { key } = useStore(keyStore);
  return (
    <>
      {key === null ? <KeyPrompt /> : <Frame key={key} />}
      <News />
    </>
  );
}

function find(route: Route): { view: View; params: Record<string, string> } {
  for (const view of VIEWS) {
    const params = match(view.pattern, route.path);
    if (params !== null) {
      return { view, params };
    }
  }
  return { view: NotFound, params: {} };
}

function Frame() {
  const route = useStore(routeStore);
  const { view, params } = find(route);
  const [helpIsOpen, setHelpIsOpen] = useState(false);
  const main = useRef<HTMLElement>(null);

  useShortcut("j", "Next row", () => moveToRow(1));
  useShortcut("k", "Previous row", () => moveToRow(-1));
  useShortcut("r", "Refresh", refreshAll);
  useShortcut("?", "This list", () => setHelpIsOpen(true));

  // Another view begins at its top, and one that someone comes back to where it was.
  const { entry, path } = route;
  const shownPath = useRef(path);
  useLayoutEffect(() => scrollTo(0, keptScroll(entry) ?? 0), [entry]);
  useLayoutEffect(() => {
    if (shownPath.current !== path) {
      shownPath.current = path;
      main.current?.querySelector("h1")?.focus({ preventScroll: true });
    }
  }, [path]);
  // A view with more to say calls useTitle, which runs after this.
  useLayoutEffect(() => setTitle(view.title), [view.title, path]);

  return (
    <div class="frame">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="rail">
        <a class="brand" href={href("/")} aria-label={`${NAME}: overview`}>
          <span class="brand-mark">
            <Icon name="check" />
          </span>
          <span class="brand-name">{NAME}</span>
        </a>
        <nav class="nav" aria-label="Views">
          {VIEWS.map(({ pattern, nav }) => nav && <NavLink key={pattern} pattern={pattern} nav={nav} path={path} />)}
        </nav>
        <div class="rail-end">
          <Button kind="quiet" onClick={() => setHelpIsOpen(true)} aria-label="Keyboard shortcuts and help">
            <Icon name="question" />
            <span class="rail-label">Help</span>
          </Button>
          <Button kind="quiet" onClick={() => forgetKey()} aria-label="Forget the key">
            <Icon name="key" />
            <span class="rail-label">Forget the key</span>
          </Button>
        </div>
      </header>
      <main class="main" id="main" tabIndex={-1} ref={main}>
        <AwayNotice />
        <Guarded key={path} view={view} params={params} route={route} />
      </main>
      {helpIsOpen && <Help onClose={() => setHelpIsOpen(false)} />}
    </div>
  );
}

function NavLink({ pattern, nav, path }: { pattern: string; nav: NonNullable<View["nav"]>; path: string }) {
  useShortcut(nav.keys, nav.text, () => navigate(pattern));
  const isCurrent = pattern === "/" ? path === "/" : path === pattern || path.startsWith(`${pattern}/`);
  return (
    <a href={href(pattern)} aria-current={isCurrent ? "page" : undefined}>
      <Icon name={nav.icon} />
      <span class="nav-long">{nav.text}</span>
      <span class="nav-short">{nav.short ?? nav.text}</span>
    </a>
  );
}

/** A view; where it fails, the rest of the page goes on. */
function Guarded({ view: { component: Component }, params, route }: { view: View; params: Record<string, string>; route: Route }) {
  const [error, reset] = useErrorBoundary((fault) => console.error(fault));
  if (error !== undefined) {
    return (
      <div role="alert">
        <Notice tone="bad" title="This view failed." action={<Button onClick={reset}>Show it again</Button>}>
          {error instanceof Error ? error.message : String(error)}
        </Notice>
      </div>
    );
  }
  return <Component params={params} query={route.query} />;
}

function AwayNotice() {
  const away = useStore(awayStore);
  return (
    <>
      {/* Read aloud once, not each second. */}
      <div class="visually-hidden" role="status">
        {away && "The monitor does not answer. The page tries again by itself."}
      </div>
      {away && <AwayCountdown retryAt={away.retryAt} />}
    </>
  );
}

function AwayCountdown({ retryAt }: { retryAt: number }) {
  const seconds = Math.max(0, Math.ceil((retryAt - useNow()) / 1000));
  return (
    <div class="away">
      <Notice tone="warning" title="The monitor does not answer." action={<Button onClick={refreshAll}>Try now</Button>}>
        {seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again …"} What you see may be out of date.
      </Notice>
    </div>
  );
}

function News() {
  const news = useStore(announcementStore);
  return (
    <div class="news" role="status">
      {news && (
        <div class="toast" key={news.id}>
          {news.text}
        </div>
      )}
    </div>
  );
}

function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl class="shortcuts">
        {shortcutStore.get().map(({ keys, does }) => (
          <div key={keys}>
            <dt>{does}</dt>
            <dd>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
        <div>
          <dt>Open the row</dt>
          <dd>
            <kbd>Enter</kbd>
          </dd>
        </div>
        <div>
          <dt>Close a dialog, empty the search</dt>
          <dd>
            <kbd>Esc</kbd>
          </dd>
        </div>
      </dl>
      <p class="muted">
        <a class="link" href="docs">
          The API behind this page
        </a>
        {LICENCES && (
          <>
            {" · "}
            <a class="link" href={LICENCES}>
              Licences
            </a>
          </>
        )}
      </p>
    </Dialog>
  );
}
