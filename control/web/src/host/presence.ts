// Presence: the host's own way into the webinar, to see the stage and to speak in it. An account
// comes by a pass, a moderator by their personal link. A token is nobody, so who signed in
// by one gets a personal link of a moderator under the name that they give.
import { asProblem } from "../http";
import { onEnd, signal } from "../ui/signals";
import { Door, type Grant, type Knock } from "../guest/door";
import { Visit } from "../guest/visit";
import { session } from "./api";
import type { Live } from "./live";

/** unnamed is what the door hears of the invited instead of a name; nobody is shown it. */
const unnamed = "Invited";

export class Presence {
  readonly visit = signal<Visit | null>(null);
  readonly problem = signal("");
  readonly busy = signal(false);
  readonly #kept: string;

  constructor(readonly live: Live) {
    this.#kept = `stentor.host.${live.id}`;
    onEnd(() => this.leave());
  }

  /** begin enters where that takes no name. */
  async begin(): Promise<void> {
    if (this.visit.peek() || this.busy.peek() || !this.live.open()) return;
    await this.#try(async () => {
      const token = this.live.api.token.peek();
      if (session(token)) { // who came from the guest page is inside, and looks from here too
        const door = new Door(this.live.webinar.peek()!.link);
        return this.#stay(door, await door.refresh(token), null);
      }
      const knock = await this.#known();
      if (knock) await this.#join(knock);
    });
  }

  /** enter makes a personal link of that name, and enters by it. */
  async enter(name: string): Promise<void> {
    await this.#try(async () => {
      const { secret } = await this.live.api.invite(this.live.id, name, "moderator");
      sessionStorage.setItem(this.#kept, secret!);
      await this.#join({ name, invite: secret! });
    });
  }

  leave(): void {
    this.visit.peek()?.leave();
  }

  /** knows reports whether begin would get in. */
  async #known(): Promise<Knock | null> {
    const kept = sessionStorage.getItem(this.#kept);
    if (kept) return { name: unnamed, invite: kept };
    const me = await this.live.api.me();
    if (me.kind === "account") return { name: me.name, pass: (await this.live.api.pass()).pass };
    const token = this.live.api.token.peek();
    return me.kind === "participant" && token.startsWith("sti_") ? { name: unnamed, invite: token } : null;
  }

  async #try(work: () => Promise<void>): Promise<void> {
    this.busy.set(true);
    this.problem.set("");
    try {
      await work();
    } catch (e) {
      this.#refused(asProblem(e).code);
      this.problem.set(asProblem(e).sentence);
    } finally {
      this.busy.set(false);
    }
  }

  #refused(code: string): void {
    if (code === "invalid_invite" || code === "banned") sessionStorage.removeItem(this.#kept); // another one is made
  }

  async #join(knock: Knock): Promise<void> {
    const door = new Door(this.live.webinar.peek()!.link);
    this.#stay(door, await door.join(knock), knock);
  }

  #stay(door: Door, grant: Grant, knock: Knock | null): void {
    const visit = new Visit(door, grant, knock);
    this.live.self.set(grant.participant);
    this.visit.set(visit);
    void visit.run().then(() => {
      const why = visit.refusal.peek();
      if (this.visit.peek() === visit) this.visit.set(null);
      if (!why || why.code === "left") return;
      this.#refused(why.code);
      this.problem.set(why.sentence);
    });
  }
}
