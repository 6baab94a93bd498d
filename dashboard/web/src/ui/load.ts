import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Loaded<T> {
  value: T | undefined;
  problem: string;
  loading: boolean;
  again: () => void;
}

export const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));

/**
 * useLoad reads something when the page opens and whenever deps change, and every so
 * many milliseconds if that is given and the page is visible. What was read stays
 * while it is read again; a request that is not wanted any more is given up.
 */
export function useLoad<T>(read: (signal: AbortSignal) => Promise<T>, deps: unknown[], every = 0): Loaded<T> {
  const [state, setState] = useState<{ value: T | undefined; problem: string; loading: boolean }>({ value: undefined, problem: "", loading: true });
  const [turn, setTurn] = useState(0);
  const key = JSON.stringify(deps);
  const seen = useRef(key);
  useEffect(() => {
    const control = new AbortController();
    let timer = 0;
    const fresh = seen.current !== key; // about something else: what was read is not it
    seen.current = key;
    setState((s) => ({ ...s, value: fresh ? undefined : s.value, loading: true }));
    const run = async (): Promise<void> => {
      if (document.visibilityState === "visible" || every === 0) {
        try {
          const value = await read(control.signal);
          if (!control.signal.aborted) setState({ value, problem: "", loading: false });
        } catch (e) {
          if (!control.signal.aborted) setState((s) => ({ ...s, problem: messageOf(e), loading: false }));
        }
      }
      if (every > 0 && !control.signal.aborted) timer = window.setTimeout(() => void run(), every);
    };
    void run();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [key, turn, every]);
  const again = useCallback(() => setTurn((n) => n + 1), []);
  return { ...state, again };
}

/** useLate is a value once it has stood still for so many milliseconds. */
export function useLate<T>(value: T, ms: number): T {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setLate(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return late;
}
