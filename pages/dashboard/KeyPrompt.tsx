// Asks for the function key. Nothing else of the page is there without one.
import { useEffect, useRef, useState } from "preact/hooks";
import { type ApiProblem, accepts, asProblem } from "./api";
import { Button, Field, Icon, Notice, ProblemView } from "./components";
import { keyStore, storeKey } from "./key";
import { useStore } from "./store";
import { NAME, setTitle } from "./title";

export function KeyPrompt() {
  const { refused } = useStore(keyStore);
  const [key, setKey] = useState("");
  const [isWrong, setIsWrong] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  useEffect(() => {
    setTitle("Enter your key");
    input.current?.focus();
  }, []);

  const enter = async (event: Event) => {
    event.preventDefault();
    const given = key.trim();
    if (given === "" || busy) {
      input.current?.focus();
      return;
    }
    setBusy(true);
    setProblem(null);
    setIsWrong(false);
    try {
      if (await accepts(given)) {
        storeKey(given);
        return;
      }
      setIsWrong(true);
      input.current?.select();
    } catch (error) {
      setProblem(asProblem(error));
    }
    setBusy(false);
  };

  return (
    <main class="prompt">
      <form class="prompt-card" onSubmit={(event) => void enter(event)}>
        <span class="brand-mark">
          <Icon name="check" />
        </span>
        <h1>{NAME}</h1>
        <p class="muted">Enter a function key to see your offers and jobs.</p>
        <div role="alert">
          {(isWrong || (refused && key === "")) && (
            <Notice tone="bad">{isWrong ? "This key is wrong." : "The key is no longer accepted. Enter a valid one."}</Notice>
          )}
        </div>
        {problem && <ProblemView problem={problem} />}
        <Field
          label="Function key"
          hint="It stays in this browser tab, and is forgotten when you close it. In the Azure portal, it is under App keys of the function app."
        >
          {(id) => (
            <input
              id={id}
              ref={input}
              class="input"
              type="password"
              autocomplete="off"
              required
              aria-invalid={isWrong}
              value={key}
              onInput={(event) => setKey(event.currentTarget.value)}
            />
          )}
        </Field>
        <Button kind="primary" type="submit" busy={busy}>
          {busy ? "Checking …" : "Continue"}
        </Button>
      </form>
    </main>
  );
}
