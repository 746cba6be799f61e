// Waiting: growing pauses that something good can cut short.

/** pause waits so many milliseconds, or until it is woken or ended. */
export function pause(ms: number, ended: AbortSignal, wake?: EventTarget): Promise<void> {
  return new Promise((done) => {
    const go = () => {
      clearTimeout(timer);
      ended.removeEventListener("abort", go);
      wake?.removeEventListener("wake", go);
      removeEventListener("online", go);
      done();
    };
    const timer = setTimeout(go, ms);
    ended.addEventListener("abort", go);
    wake?.addEventListener("wake", go);
    addEventListener("online", go);
    if (ended.aborted) go();
  });
}

/** Backoff gives pauses from 250 ms to 10 s, spread so that a thousand pages do not come back at once. */
export class Backoff {
  #tries = 0;

  next(): number {
    const full = Math.min(10_000, 250 * 2 ** this.#tries++);
    return full / 2 + (Math.random() * full) / 2;
  }

  reset(): void {
    this.#tries = 0;
  }
}
