// Text that is typed into a search field, and kept in the address once someone stops typing.
import { useEffect, useRef, useState } from "preact/hooks";
import { replaceQuery } from "../router";

const TYPING_MS = 300;

/** The text as it is typed, and how to change it; `value` is what the address has for `name`. */
export function useTyped(name: string, value: string): [typed: string, setTyped: (text: string) => void] {
  const [typed, setTyped] = useState(value);
  const applied = useRef(value);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (typed.trim() !== applied.current) {
        applied.current = typed.trim();
        replaceQuery({ [name]: applied.current });
      }
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, name]);
  useEffect(() => {
    // It changed by a link or by going back, not by typing.
    if (value !== applied.current) {
      applied.current = value;
      setTyped(value);
    }
  }, [value]);
  return [typed, setTyped];
}
