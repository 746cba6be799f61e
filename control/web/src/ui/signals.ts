// Signals: values that remember who read them, and run those again when they
// change. Effects run at once and in order; an effect that runs again first
// lets go of everything that was made inside it.

export interface Signal<T> {
  (): T;
  peek(): T;
  set(value: T): void;
}

interface Owner {
  inside: Set<() => void>;
}

interface Effect extends Owner {
  run(): void;
  sources: Set<Set<Effect>>;
}

let owner: Owner | null = null;
let reader: Effect | null = null;

/** signal makes a value that can be watched. Setting what it is already wakes nobody. */
export function signal<T>(value: T): Signal<T> {
  const readers = new Set<Effect>();
  const read = () => {
    if (reader) {
      readers.add(reader);
      reader.sources.add(readers);
    }
    return value;
  };
  return Object.assign(read, {
    peek: () => value,
    set(next: T) {
      if (Object.is(next, value)) return;
      value = next;
      for (const e of [...readers]) if (readers.has(e)) e.run();
    },
  });
}

/** effect runs what is given now, and whenever a signal that it read changes. */
export function effect(work: () => void): () => void {
  const self: Effect = {
    inside: new Set(),
    sources: new Set(),
    run() {
      release(self);
      within(self, self, work);
    },
  };
  const stop = () => release(self);
  owner?.inside.add(stop);
  self.run();
  return stop;
}

/** derived follows what work returns, and wakes its readers only where that is another value. */
export function derived<T>(work: () => T): () => T {
  const value = signal<T | undefined>(undefined);
  effect(() => value.set(work()));
  return value as () => T;
}

/** root runs what is given and returns what ends everything made inside. */
export function root(work: () => void): () => void {
  const self: Owner = { inside: new Set() };
  within(self, null, work);
  return () => {
    for (const stop of self.inside) stop();
    self.inside.clear();
  };
}

/** onEnd asks for a call when what is being made now is let go of. */
export function onEnd(work: () => void): void {
  owner?.inside.add(work);
}

/** untracked reads signals without being woken by them. */
export function untracked<T>(work: () => T): T {
  return within(owner, null, work);
}

function within<T>(o: Owner | null, r: Effect | null, work: () => T): T {
  const was = [owner, reader] as const;
  owner = o;
  reader = r;
  try {
    return work();
  } finally {
    [owner, reader] = was;
  }
}

function release(e: Effect): void {
  for (const stop of e.inside) stop();
  e.inside.clear();
  for (const readers of e.sources) readers.delete(e);
  e.sources.clear();
}
