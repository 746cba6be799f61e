// TalkModel: what was said in the webinar, as this page knows it, and the way to say more. It hears the messages of the
// events connection (node/signal/messages.go) and sends its own over it. What was not answered when the connection broke is
// sent again under the same key, so that it is said once.
import type { Caption, Captions } from "../guest/captions";
import { framed } from "../framed";
import { Problem } from "../http";
import { type Signal, derived, signal } from "../ui/signals";

export interface Line {
  id: string;
  at: number;
  by?: string;
  name: string;
  role: string;
  own?: boolean;
  text: string;
}

export interface Question {
  id: string;
  at: number;
  name: string;
  own?: boolean;
  text: string;
  status: "asked" | "approved" | "answered" | "dismissed";
  answer?: string;
  votes: number;
  voted?: boolean;
}

export interface Poll {
  id: string;
  at: number;
  text: string;
  options: string[];
  many?: boolean;
  closed?: boolean;
  chosen?: number[];
  results?: number[];
  voters: number;
}

/** Draft is a line that is not said yet; problem says why not. */
export interface Draft {
  key: string;
  text: string;
  problem: string;
}

/** Link is the page's events connection, and what else the talk needs of the stay. */
export interface TalkLink {
  /** attach tells what was heard since the last welcome, and from now on. */
  attach(hear: (m: object) => void): void;
  /** say reports whether the message went out. */
  say(m: object): boolean;
  /** raise raises or lowers the participant's hand. */
  raise(up: boolean): Promise<void>;
  /** captions is where the stage finds what shows them. */
  readonly shows?: Signal<Captions | null>;
}

/** Heard is any message; members that are not there are undefined. */
interface Heard {
  type: string;
  role?: string;
  waiting?: boolean;
  raised?: boolean;
  slow_mode?: number;
  permissions?: { messages: boolean };
  begins?: boolean;
  chat?: Line[];
  questions?: Question[];
  polls?: Poll[];
  captions?: Caption[];
  before?: string;
  id?: string;
  key?: string;
  code?: string;
  detail?: string;
  wait_ms?: number;
  counts?: Record<string, number>;
}

export type Part = "chat" | "questions" | "polls";

/** longest is how long an answer may take, in milliseconds: a node looks twelve seconds for one that takes the message. */
const longest = 20_000;

/** kept bounds the lines of a page that is open for hours. */
const kept = 2000;

interface Waiting {
  message: object;
  done(): void;
  failed(why: Problem): void;
  timer: number;
}

export class TalkModel {
  readonly lines = signal<readonly Line[]>([]);
  readonly drafts = signal<readonly Draft[]>([]);
  readonly questions = signal<readonly Question[]>([]);
  readonly polls = signal<readonly Poll[]>([]);
  readonly before = signal(""); // there is more of the chat before this line
  readonly here = signal(false); // out of the lobby, and the history is there
  readonly role = signal("");
  readonly may = signal(false); // send messages
  readonly raised = signal(false);
  readonly slow = signal(0); // seconds between two messages of the audience
  readonly until = signal(0); // when the next may be sent, in milliseconds of this device
  readonly reactions = signal<Record<string, number>>({}); // the last that came
  readonly hosts = derived(() => !framed && (this.role() === "owner" || this.role() === "moderator"));
  readonly captions = derived(() => this.hosts() || (this.role() === "presenter" && this.may())); // may be written by this page
  readonly unread = { chat: signal(0), questions: signal(0), polls: signal(0) };
  readonly #seen = { chat: false, questions: false, polls: false };
  readonly #waiting = new Map<string, Waiting>();
  #begun = false;

  constructor(readonly link: TalkLink) {
    link.attach((m) => this.#hear(m as Heard));
  }

  /** seen says whether a part is before somebody's eyes. */
  seen(part: Part, on: boolean): void {
    this.#seen[part] = on;
    if (on) this.unread[part].set(0);
  }

  /** send says or does something, and throws a Problem where it was refused. */
  send(type: string, fields: object = {}, key = makeKey()): Promise<void> {
    const message = { type, key, ...fields };
    return new Promise((done, failed) => {
      const timer = window.setTimeout(() => this.#answered(key, new Problem("cut_off", "")), longest);
      this.#waiting.set(key, { message, done, failed, timer });
      this.link.say(message); // else it goes with the next welcome
    });
  }

  /** write says a line; until it is said it stands among the drafts. */
  async write(text: string, key = makeKey()): Promise<void> {
    this.drafts.set([...this.drafts.peek().filter((d) => d.key !== key), { key, text, problem: "" }]);
    try {
      await this.send("chat", { text }, key);
      this.discard(key);
    } catch (e) {
      const why = e as Problem;
      if (why.code === "slow_mode") this.discard(key);
      else this.drafts.set(this.drafts.peek().map((d) => (d.key === key ? { ...d, problem: why.code } : d)));
      throw why;
    } finally {
      this.#slowed(0);
    }
  }

  discard(key: string): void {
    this.drafts.set(this.drafts.peek().filter((d) => d.key !== key));
  }

  older(): void {
    this.link.say({ type: "talk_history", before: this.before.peek() });
  }

  /** slowed begins the wait after a message of the audience, or takes the one that the server named. */
  #slowed(wait: number): void {
    const audience = this.role.peek() === "attendee";
    const next = Date.now() + (wait || (audience ? 1000 * this.slow.peek() : 0));
    if (next > this.until.peek()) this.until.set(next);
  }

  #answered(key: string, why: Problem | null): void {
    const w = this.#waiting.get(key);
    if (!w) return;
    clearTimeout(w.timer);
    this.#waiting.delete(key);
    if (why) w.failed(why);
    else w.done();
  }

  #hear(m: Heard): void {
    switch (m.type) {
      case "welcome":
        for (const w of this.#waiting.values()) this.link.say(w.message);
        this.raised.set(m.raised === true);
        return this.#rules(m);
      case "permissions":
        return this.#rules(m);
      case "hand":
        return this.raised.set(m.raised === true);
      case "talk_history":
        return this.#history(m);
      case "chat":
        return this.#lines([m as unknown as Line], true);
      case "question":
        return this.#question(m as unknown as Question);
      case "poll":
        return this.#poll(m as unknown as Poll);
      case "chat_deleted":
        return this.lines.set(this.lines.peek().filter((l) => l.id !== m.id));
      case "question_deleted":
        return this.questions.set(this.questions.peek().filter((q) => q.id !== m.id));
      case "poll_deleted":
        return this.polls.set(this.polls.peek().filter((p) => p.id !== m.id));
      case "caption":
        return this.link.shows?.peek()?.hears(m as unknown as Caption);
      case "caption_deleted":
        return this.link.shows?.peek()?.forgets(m.id ?? "");
      case "reaction":
        return this.reactions.set(m.counts ?? {});
      case "said":
        return this.#answered(m.key ?? "", null);
      case "refused":
        if (m.wait_ms) this.#slowed(m.wait_ms);
        return this.#answered(m.key ?? "", new Problem(m.code ?? "internal", m.detail ?? ""));
    }
  }

  #rules(m: Heard): void {
    if (m.role) this.role.set(m.role);
    this.may.set(m.permissions?.messages === true);
    this.slow.set(m.slow_mode ?? 0);
  }

  #history(m: Heard): void {
    if (m.begins) {
      this.lines.set([]);
      this.questions.set([]);
      this.polls.set([]);
    }
    const first = m.begins || !this.#begun;
    this.#begun = true;
    if (m.chat || m.begins) this.before.set(m.before ?? "");
    else if (m.before === undefined && !m.questions && !m.polls) this.before.set("");
    this.#lines(m.chat ?? [], false);
    this.link.shows?.peek()?.knows(m.captions ?? []);
    for (const q of m.questions ?? []) this.#question(q, first);
    for (const p of m.polls ?? []) this.#poll(p, first);
    this.here.set(true);
  }

  /** lines takes lines, in order; those that are there already stay as they are. */
  #lines(more: Line[], fresh: boolean): void {
    const known = new Set(this.lines.peek().map((l) => l.id));
    const added = more.filter((l) => !known.has(l.id));
    if (added.length === 0) return;
    this.lines.set([...this.lines.peek(), ...added].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1)).slice(-kept));
    if (fresh && added.some((l) => !l.own)) this.#new("chat", added.length);
  }

  #question(q: Question, quiet = false): void {
    const was = this.questions.peek().find((o) => o.id === q.id);
    this.questions.set([...this.questions.peek().filter((o) => o.id !== q.id), q]);
    if (!quiet && !q.own && was?.status !== q.status) this.#new("questions", 1);
  }

  #poll(p: Poll, quiet = false): void {
    const was = this.polls.peek().find((o) => o.id === p.id);
    this.polls.set([...this.polls.peek().filter((o) => o.id !== p.id), p].sort((a, b) => b.at - a.at));
    if (!quiet && (!was || was.closed !== p.closed)) this.#new("polls", 1);
  }

  #new(part: Part, n: number): void {
    if (!this.#seen[part] || document.hidden) this.unread[part].set(this.unread[part].peek() + n);
  }
}

/** makeKey is a name of what is said that nobody else has. */
export function makeKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(36).padStart(2, "0")).join("");
}
