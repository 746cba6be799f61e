// Live: one webinar while it is looked at. It holds what the control API and its
// events say, and shows a change that can be undone before the answer is there.
import { asProblem } from "../http";
import { derived, effect, onEnd, signal } from "../ui/signals";
import type { API, Ban, EditParticipant, Edited, Happened, Participant, Unconnected, Webinar } from "./api";
import { follow } from "./events";
import { every } from "./parts";

/** soon is how long a list waits for more of the same before it is read anew, in milliseconds. */
const soon = 150;

export class Live {
  readonly webinar = signal<Webinar | null>(null);
  readonly inside = signal<Participant[]>([]);
  readonly waiting = signal<Participant[]>([]); // in the lobby, the longest first
  readonly unconnected = signal<Unconnected[]>([]);
  readonly bans = signal<Ban[]>([]);
  readonly unreachable = signal<string[]>([]);
  readonly invited = signal(0); // grows when invites have changed
  readonly self = signal(""); // the participant that this page is itself
  readonly hearing = signal(false); // the events come
  /** stale says why what is shown may be old; "" where it is not. */
  readonly stale: () => string;
  readonly open: () => boolean;
  #looked = 0;

  constructor(readonly api: API, readonly id: string) {
    this.open = derived(() => this.webinar()?.state !== "ended");
    follow(api, id, (e) => this.#heard(e), (on) => this.hearing.set(on));
    const roster = every(1000, () => (this.#due() ? this.look() : Promise.resolve()));
    const lists = every(10_000, () => this.lists());
    const plan = every(4000, async () => {
      if (!this.hearing.peek() || !this.webinar.peek()) await this.load();
    });
    this.stale = () => plan() || roster() || lists();
    effect(() => {
      if (!this.hearing()) return;
      void this.look().catch(() => {}); // hands can have come down while nothing was heard
    });
  }

  load = async (): Promise<void> => this.webinar.set(await this.api.webinar(this.id));

  /** lists reads who was put out, and who is kept out. */
  lists = async (): Promise<void> => {
    const [gone, bans] = await Promise.all([this.api.unconnected(this.id), this.api.bans(this.id)]);
    this.unconnected.set(gone);
    this.bans.set(bans);
  };

  /** look asks the nodes who is inside: the log does not say who comes and goes. */
  look = async (): Promise<void> => {
    this.#looked = performance.now();
    const answer = await this.api.participants(this.id);
    const all = merge(answer.items);
    this.inside.set(all.filter((p) => !p.waiting));
    this.waiting.set(all.filter((p) => p.waiting).sort((a, b) => a.since.localeCompare(b.since)));
    this.unreachable.set(answer.unreachable);
  };

  /** due: every two seconds, and more rarely the more there are, since all nodes are asked for all of them. */
  #due(): boolean {
    return performance.now() - this.#looked >= 1900 + this.inside.peek().length;
  }

  /** edit changes what holds for one participant: at once to see, and back again where it was refused. */
  async edit(p: Participant, body: EditParticipant): Promise<void> {
    const { hand, role, ...plain } = body;
    this.#patch(p.id, { ...plain, ...(hand === false && { hand: undefined }) });
    try {
      this.#edited(await this.api.editParticipant(this.id, p.id, body));
      if (role !== undefined) await this.look();
    } catch (e) {
      this.#patch(p.id, p);
      throw asProblem(e);
    }
  }

  /** gone takes somebody off the list who was put out: the nodes say so a moment later. */
  gone(id: string): void {
    this.inside.set(this.inside.peek().filter((p) => p.id !== id));
    this.waiting.set(this.waiting.peek().filter((p) => p.id !== id));
    this.#lookSoon();
    this.#listsSoon();
  }

  #patch(id: string, with_: Partial<Participant>): void {
    this.inside.set(this.inside.peek().map((p) => (p.id === id ? { ...p, ...with_ } : p)));
  }

  #edited(e: Edited): void {
    const { stage, stop_audio, stop_video, stop_messages, hand } = e;
    this.#patch(e.id, { stage, stop_audio, stop_video, stop_messages, hand });
  }

  #heard(e: Happened): void {
    if (e.webinar) this.webinar.set(e.webinar);
    if (e.participant) this.#edited(e.participant);
    if (e.type === "invite") this.invited.set(this.invited.peek() + 1);
    if (e.type === "ban" || e.type === "unconnected" || e.type === "reset") this.#listsSoon();
    if (e.type === "participant" || e.type === "reset") this.#lookSoon();
    if (e.type === "reset") void this.load().catch(() => {});
  }

  readonly #listsSoon = later(() => this.lists());
  readonly #lookSoon = later(() => this.look());
}

/** later does work once, a moment after it was asked for, however often. */
function later(work: () => Promise<void>): () => void {
  let timer = 0;
  onEnd(() => clearTimeout(timer));
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => void work().catch(() => {}), soon); // the next poll says what is wrong
  };
}

/** merge makes one row of somebody who has sessions at two nodes. */
function merge(all: Participant[]): Participant[] {
  const byID = new Map<string, Participant>();
  for (const p of all) {
    const known = byID.get(p.id);
    byID.set(p.id, known ? { ...known, node: known.node === p.node ? p.node : `${known.node}, ${p.node}`, uses: [...new Set([...known.uses, ...p.uses])] } : p);
  }
  return [...byID.values()];
}
