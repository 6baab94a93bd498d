import { useState, useEffect } from "preact/hooks";
import { here, type Page } from "../api/http";
import { messageOf, useLoad } from "./load";

export interface Paged<T> {
  rows: T[];
  problem: string;
  loading: boolean;
  more: (() => void) | undefined;
  again: () => void;
}

/** usePaged reads a list page by page: the first at once, others when asked for. */
export function usePaged<T>(read: (path: string, signal?: AbortSignal) => Promise<Page<T>>, path: string, every = 0): Paged<T> {
  const [rest, setRest] = useState<{ path: string; rows: T[]; next: string | undefined; problem: string } | null>(null);
  const first = useLoad((signal) => read(path, signal), [path], rest ? 0 : every); // pages that were added are not read again by themselves
  useEffect(() => setRest(null), [path]);
  const extra = rest?.path === path ? rest : null;
  const next = extra ? extra.next : first.value?.nextLink;
  return {
    rows: [...(first.value?.value ?? []), ...(extra?.rows ?? [])],
    problem: first.problem || extra?.problem || "",
    loading: first.loading,
    more: next
      ? () => {
          void read(here(next)).then(
            (page) => setRest({ path, rows: [...(extra?.rows ?? []), ...page.value], next: page.nextLink, problem: "" }),
            (e: unknown) => setRest({ path, rows: extra?.rows ?? [], next, problem: messageOf(e) }),
          );
        }
      : undefined,
    again: () => {
      setRest(null);
      first.again();
    },
  };
}
