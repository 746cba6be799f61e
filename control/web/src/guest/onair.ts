// OnAir: what this page sends to the stage for as long as it is wanted: one WHIP session after the other, at whatever node
// takes it. For the audience it stays the same: a session that goes on with the one before it names that one's epoch.
import { Problem, asProblem } from "../http";
import { effect, root, signal } from "../ui/signals";
import { Backoff, pause } from "../wait";
import { type Outbound, Publisher, type Way } from "./publisher";
import { type Visit, passing } from "./visit";

/**
 * flowsOn is how long what still flows to a node that wants to be left goes on after nobody else took it, in milliseconds:
 * each try encodes everything twice for a moment. When it is lost, it is tried again at once.
 */
const flowsOn = 10_000;

export class OnAir {
  /** moving: the way of before leads nowhere, or is given up, and the next is not there yet. */
  readonly moving = signal(false);
  #lose!: (why: Problem) => void;
  /** lost is settled when it is over without having been asked to be. */
  readonly lost = new Promise<Problem>((done) => (this.#lose = done));
  readonly #visit: Visit;
  readonly #name: string;
  readonly #end = new AbortController();
  readonly #wake = new EventTarget();
  readonly #forget: () => void; // what the visit tells
  #attempt = { node: "", end: new AbortController() };
  #stream: MediaStream;
  #now: Publisher;

  private constructor(visit: Visit, name: string, stream: MediaStream, first: Publisher) {
    this.#visit = visit;
    this.#name = name;
    this.#stream = stream;
    this.#now = first;
    this.#forget = root(() => {
      const told = { node: visit.node.peek(), ways: visit.ways.peek(), moves: visit.moves.peek() };
      effect(() => {
        const [node, ways, moves] = [visit.node(), visit.ways(), visit.moves()];
        const left = node !== told.node && (this.moving.peek() || this.#now.origin === told.node); // what flows to a third one stays
        if (left) queueMicrotask(() => void this.#again(false));
        else if (moves !== told.moves) queueMicrotask(() => void this.#again(true));
        else if (ways !== told.ways) void this.#now.restart();
        Object.assign(told, { node, ways, moves });
      });
    });
    this.#guard(first);
  }

  /** begin sends a stream under a name, or throws why not; with takeover whoever sends under it ends. */
  static async begin(visit: Visit, stream: MediaStream, takeover: boolean, name = "main"): Promise<OnAir> {
    return new OnAir(visit, name, stream, await Publisher.go(visit.whip(name), visit.grant.peek().token, stream, { takeover }));
  }

  /** replace changes camera, microphone or screen. */
  async replace(stream: MediaStream): Promise<void> {
    await this.#now.replace(stream);
    this.#stream = stream;
  }

  stats(): Promise<Outbound> {
    return this.#now.stats();
  }

  /** node is the one that it is sent to. */
  get node(): string {
    return this.#now.origin;
  }

  close(): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    this.#forget();
    this.#now.close();
  }

  #over(why: Problem): void {
    if (this.#end.signal.aborted) return;
    this.close();
    this.#lose(why);
  }

  /** guard has somebody look where a session's way is broken, and goes on by another when it is lost. */
  #guard(p: Publisher): void {
    p.onbroken = () => this.#visit.suspect();
    void p.lost.then(() => {
      if (p !== this.#now || this.#end.signal.aborted) return;
      if (!this.#visit.onStage.peek()) return this.#over(new Problem("off_stage", ""));
      void this.#again(false);
    });
  }

  /**
   * again goes on by another session, at the node where the stay is now or where that one sends it. The one before is
   * closed when the new one is on the stage; where it flows it sends until then.
   */
  async #again(flows: boolean): Promise<void> {
    this.#wake.dispatchEvent(new Event("wake"));
    if (this.#attempt.node !== this.#visit.node.peek()) this.#attempt.end.abort(); // of no use any more
    if (this.moving.peek() || this.#end.signal.aborted) return;
    this.moving.set(true);
    const before = this.#now;
    if (!flows) before.rest();
    const backoff = new Backoff();
    while (!this.#end.signal.aborted && !(await this.#next(before, backoff, flows ? flowsOn : 0)));
    this.moving.set(false);
  }

  /** next tries once, and reports whether that is the end of it; until the next try at least so many milliseconds pass. */
  async #next(before: Publisher, backoff: Backoff, least: number): Promise<boolean> {
    const stream = this.#stream;
    const attempt = (this.#attempt = { node: this.#visit.node.peek(), end: new AbortController() });
    try {
      const way: Way = { resume: before.epoch };
      const next = await Publisher.go(this.#visit.whip(this.#name), this.#visit.grant.peek().token, stream, way, attempt.end.signal);
      before.leave();
      if (this.#end.signal.aborted) {
        next.close();
        return true;
      }
      this.#now = next;
      this.#guard(next);
      if (stream !== this.#stream) await next.replace(this.#stream);
      return true;
    } catch (e) {
      if (this.#end.signal.aborted) return true;
      if (attempt.end.signal.aborted) return false;
      const why = asProblem(e);
      if (!passing.has(why.code)) {
        this.#over(this.#visit.onStage.peek() ? why : new Problem("off_stage", ""));
        return true;
      }
      if (why.status === 401) await this.#visit.renew();
      else this.#visit.suspect();
      await pause(Math.max(least, backoff.next(), 1000 * why.retryAfter), this.#end.signal, this.#wake);
      return false;
    }
  }
}
