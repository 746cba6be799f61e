// Ahead: the transport of a session, made before it is asked for. Its offer has a section for everybody who
// may come to the stage, and a browser takes longer to write that than a node to answer it.
import { Problem } from "../http";
import { Connection } from "./connection";

/** keep is how long one is kept that nobody takes, in milliseconds: who has not come by then does something else. */
const keep = 5 * 60_000;

/** idleWithin is when a page that is never idle makes one all the same, in milliseconds: the time that a short name takes to type. */
const idleWithin = 2_000;

export class Ahead {
  #plan: { made: Connection | null; timer: number } | null = null; // others have been given up

  constructor() {
    addEventListener("pagehide", () => this.drop()); // with an open connection the way back to this page would load it anew
  }

  /** soon makes one when the page has nothing else to do, unless there is one. */
  soon(): void {
    if (this.#plan || !("RTCPeerConnection" in window)) return;
    const plan = (this.#plan = { made: null as Connection | null, timer: 0 });
    const make = () => {
      if (plan !== this.#plan) return;
      const made = new Connection();
      made.prepare().then(() => (plan === this.#plan ? (plan.made = made) : made.close()), () => made.close()); // whoever needs one hears why
      plan.timer = window.setTimeout(() => this.drop(), keep);
    };
    if ("requestIdleCallback" in window) requestIdleCallback(make, { timeout: idleWithin });
    else setTimeout(make, idleWithin / 10); // Safari
  }

  /** take gives the one that was made, or a new one; it throws where the browser knows none. */
  take(): Connection {
    if (!("RTCPeerConnection" in window)) throw new Problem("browser", "");
    const made = this.#plan?.made ?? new Connection();
    if (this.#plan) this.#plan.made = null;
    this.drop();
    return made;
  }

  /** drop gives up what was made or planned. */
  drop(): void {
    clearTimeout(this.#plan?.timer);
    this.#plan?.made?.close();
    this.#plan = null;
  }
}
