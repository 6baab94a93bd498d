import { useEffect, useState } from "preact/hooks";

/** A Store is one value that components follow. */
export class Store<T> {
  private readonly followers = new Set<() => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set value(next: T) {
    if (Object.is(next, this.current)) return;
    this.current = next;
    for (const f of this.followers) f();
  }

  follow(f: () => void): () => void {
    this.followers.add(f);
    return () => void this.followers.delete(f);
  }
}

/** useStore is the value of a store; the component is drawn again when it changes. */
export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(store.value);
  useEffect(() => {
    const take = (): void => setValue(() => store.value);
    take(); // it may have changed between drawing and now
    return store.follow(take);
  }, [store]);
  return value;
}
