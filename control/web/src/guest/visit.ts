// Visit: an admitted participant's stay, from the door to the sentence at its
// end. It holds the token fresh, listens to events, and keeps the picture coming
// back for as long as the participant is welcome.
import { Problem, asProblem, send } from "../http";
import { signal } from "../ui/signals";
import { Backoff, pause } from "../wait";
import { Ahead } from "./ahead";
import { type Door, type Grant, type Knock, dead } from "./door";
import type { Captions } from "./captions";
import type { Connection } from "./connection";
import type { Slot } from "./gallery";
import { Player, type Stats, nothing } from "./player";

export type Phase = "connecting" | "lobby" | "waiting" | "watching" | "reconnecting" | "gone";

/** passing are reasons that end a connection, not the stay. */
export const passing = new Set([
  "network", "internal", "unavailable", "node_stopping", "not_ready", "not_live", "in_lobby", "too_many_messages", "message_malformed",
  "credentials_required", "token_invalid", "session_not_found", "too_many_guesses", "too_many_requests", "too_many_sessions",
]);

/**
 * answerWithin is how long a node in doubt may take to say that it is there, in milliseconds:
 * a round trip around the world. Whoever is wrongly taken for dead loses a viewer to a node
 * that answered sooner.
 */
const answerWithin = 300;

/** othersWithin is how long the others may take, in milliseconds. */
const othersWithin = 1000;

/** headStart is what it has before the others are asked too, in milliseconds. */
const headStart = 100;

/** silentAfter is when an events connection is taken for dead, in milliseconds: the server says something every 20 seconds. */
const silentAfter = 50_000;

/** askEvery is how often somebody in the lobby asks whose events do not come, in milliseconds. */
const askEvery = 10_000;

/** lookEvery is how often the page looks at what arrives, in milliseconds. */
const lookEvery = 1000;

/** unheard bounds what is kept of the talk until somebody listens to it. */
const unheard = 500;

/** Said is what the events say; members and types that are not here are passed over (node/signal/messages.go). */
interface Said {
  type: string;
  live?: boolean;
  on_stage?: boolean;
  recording?: boolean;
  on?: boolean;
  waiting?: boolean;
  role?: string;
  code?: string;
  detail?: string;
  session?: string;
  slots?: Slot[];
}

export class Visit {
  readonly phase = signal<Phase>("connecting");
  readonly refusal = signal<Problem | null>(null); // why it is over
  readonly live = signal(false); // something is on the stage: the events say so, or what arrives
  readonly waiting = signal(false); // in the lobby
  readonly recorded = signal(false); // what is sent here is being recorded
  readonly role = signal(""); // it can change
  readonly onStage = signal(true); // or free to go; until the events say otherwise
  readonly figures = signal(nothing()); // looked at every second
  readonly stream = signal<MediaStream | null>(null);
  readonly shows = signal<Captions | null>(null); // once the talk is there
  readonly session = signal<Connection | null>(null); // by which the picture comes
  readonly slots = signal<Slot[]>([]); // who is in which section of the session
  readonly node; // where the stay is, by its origin
  readonly ways = signal(0); // how often the way to it was another one
  readonly moves = signal(0); // how often it asked for what this page sends to go on elsewhere
  readonly grant;
  readonly #door: Door;
  readonly #knock: Knock | null;
  readonly #ahead: Ahead;
  readonly #end = new AbortController();
  readonly #wake = new EventTarget();
  #player: Player | null = null;
  #socket: WebSocket | null = null;
  #hearing = false; // the events come
  #seated = { session: "", slots: [] as Slot[] }; // as the events said last
  #told = 0; // how often the events spoke of the stage
  #renewal: Promise<boolean> | null = null;

  /**
   * knock is what opened the door, for when the token has run out in a sleeping tab; null where a PIN would have to be
   * typed again. ahead has a connection, where one was made before.
   */
  constructor(door: Door, grant: Grant, knock: Knock | null, ahead = new Ahead()) {
    this.#ahead = ahead;
    this.#door = door;
    this.#knock = knock;
    this.node = signal(door.base);
    this.grant = signal(grant);
    this.#granted(grant);
  }

  /** run does everything until the stay is over. */
  async run(): Promise<void> {
    const leave = () => this.#hangUp();
    addEventListener("pagehide", leave);
    const changed = () => void this.#doubt(true);
    const network = (navigator as Navigator & { connection?: EventTarget }).connection;
    addEventListener("online", changed);
    network?.addEventListener("change", changed);
    const looks = setInterval(() => void this.#look().catch(() => {}), lookEvery);
    await Promise.all([this.#watch(), this.#listen(), this.#refresh()]);
    clearInterval(looks);
    removeEventListener("online", changed);
    network?.removeEventListener("change", changed);
    removeEventListener("pagehide", leave);
  }

  #hearer: ((m: object) => void) | null = null;
  #heard: object[] = []; // since the last welcome, for who attaches later

  /** attach gives the talk what the events said since the last welcome, and what they say from now on. */
  attach(hear: (m: object) => void): void {
    this.#hearer = hear;
    this.#heard.splice(0).forEach(hear);
  }

  /** say sends a message over the events connection, and reports whether there is one. */
  say(m: object): boolean {
    const there = this.#hearing && this.#socket?.readyState === WebSocket.OPEN;
    if (there) this.#socket!.send(JSON.stringify(m));
    return there;
  }

  /** raise raises or lowers the participant's hand. */
  async raise(raised: boolean): Promise<void> {
    const grant = this.grant.peek();
    await send(`${this.#door.base}/api/v1/webinars/${encodeURIComponent(grant.webinar)}/hand`, { method: "PUT", bearer: grant.token, json: { raised } });
  }

  /** whip is where to send something under a name. */
  whip(name: string): string {
    return this.#door.whip(name);
  }

  /** suspect has somebody look whether the node is still there, since the way to it is broken. */
  suspect(): void {
    void this.#doubt(true);
  }

  /** leave ends the stay by the participant's own wish. */
  leave(): void {
    this.#over(new Problem("left", ""));
  }

  async stats(): Promise<Stats> {
    return (await this.#player?.stats()) ?? nothing();
  }

  #over(why: Problem): void {
    if (this.#end.signal.aborted) return;
    if (why.code !== "full") this.#door.forget(); // who came out of the lobby and found no seat need not wait in it again
    if (dead.has(why.code)) this.#door.forgetPersonal();
    this.refusal.set(why);
    this.#hangUp();
    this.#ahead.drop();
    this.#end.abort();
    this.phase.set("gone");
  }

  #hangUp(): void {
    this.stream.set(null);
    this.session.set(null);
    this.#player?.close();
    this.#player = null;
    this.#socket?.close();
    this.#socket = null;
  }

  get #ended(): boolean {
    return this.#end.signal.aborted;
  }

  /** watch keeps a player, one after the other. */
  async #watch(): Promise<void> {
    const backoff = new Backoff();
    while (!this.#ended) {
      if (this.waiting.peek()) await this.#lobby();
      if (this.#ended) return;
      let wait = 0;
      const told = this.#told;
      try {
        const attempt = this.#attempted();
        this.#player = await Player.start(this.#ahead.take(), this.#door.whep, this.grant.peek().token, attempt, (s) => this.stream.set(s), this.stream.peek() !== null);
        this.#guard(this.#player);
        backoff.reset();
        if (told === this.#told) this.live.set(true); // the stage opens to viewers only while somebody is on it
        this.phase.set("watching");
        this.slots.set([]);
        this.session.set(this.#player.connection);
        this.#seat();
        await this.#player.lost;
        if (this.#ended) return;
        this.session.set(null);
        this.#player?.close();
        this.phase.set("reconnecting");
      } catch (e) {
        if (this.#ended) return;
        wait = this.#attempt.signal.aborted ? 0 : await this.#hurdle(asProblem(e), backoff); // aborted: there is a better place
      }
      this.#player = null;
      await pause(wait, this.#end.signal, this.#wake);
    }
  }

  /** attempted is the end of an attempt to watch. */
  #attempted(): AbortSignal {
    const attempt = (this.#attempt = new AbortController());
    this.#end.signal.addEventListener("abort", () => attempt.abort(), { signal: attempt.signal });
    if (this.#ended) attempt.abort();
    return attempt.signal;
  }

  /** guard has the doubts that a player raises looked into. */
  #guard(player: Player): void {
    player.connection.onsilent = () => this.live.peek() && void this.#doubt(false);
    player.connection.onbroken = () => void this.#doubt(true);
  }

  #doubting = false;

  /**
   * doubt finds out whether this node is still there. If it is, and the way to it is not,
   * ICE begins anew; if it is not, the stay goes on at the first other node that answers: the
   * token holds there too, and the seat comes along. If nobody answers it is this device that has
   * no network, and all are asked again until somebody does.
   */
  async #doubt(broken: boolean, stopping = false): Promise<void> {
    if (this.#doubting || this.#ended) return;
    this.#doubting = true;
    this.#ahead.soon(); // for a move
    try {
      const backoff = new Backoff();
      for (let again = false; !this.#ended; again = true, stopping = false) {
        const own = stopping ? Promise.resolve(false) : this.#door.alive(answerWithin);
        const soon = await Promise.race([own, pause(headStart, this.#end.signal)]);
        const other = soon === true ? null : this.#door.nearest(othersWithin);
        if (await own) {
          if (!broken && !again) return;
          this.ways.set(this.ways.peek() + 1);
          await this.#player?.connection.restart();
          return;
        }
        const base = await other;
        if (base) return this.#move(base);
        if (await this.#plays(backoff.next())) return;
      }
    } finally {
      this.#doubting = false;
    }
  }

  /** plays reports, after ms, whether something was played meanwhile: then nobody need be asked. */
  async #plays(ms: number): Promise<boolean> {
    const connection = this.#player?.connection;
    const before = connection?.played ?? 0;
    await pause(ms, this.#end.signal);
    return (connection?.played ?? 0) > before;
  }

  /** move goes on at another node. */
  #move(base: string): void {
    this.#door.move(base);
    this.node.set(base);
    this.#cut?.();
    this.#attempt.abort();
    this.#player?.connection.lose();
    this.#stir();
  }

  #cut: (() => void) | null = null; // ends the events connection to the node of before
  #attempt = new AbortController(); // to watch

  /** lobby waits until a host lets the participant in. The events say so; where they do not come, the door is asked. */
  async #lobby(): Promise<void> {
    if (!this.waiting.peek()) return;
    this.phase.set("lobby");
    while (this.waiting.peek() && !this.#ended) {
      await pause(askEvery, this.#end.signal, this.#wake);
      if (this.waiting.peek() && !this.#ended && !this.#hearing) await this.renew();
    }
    if (!this.#ended) this.phase.set("connecting");
  }

  /** granted takes over what a new token says of its holder. */
  #granted(grant: Grant): void {
    this.grant.set(grant);
    this.role.set(grant.role);
    this.#waits(grant.waiting === true);
  }

  #waits(waiting: boolean): void {
    if (waiting === this.waiting.peek()) return;
    this.waiting.set(waiting);
    if (!waiting) this.#stir();
  }

  #stir(): void {
    this.#wake.dispatchEvent(new Event("wake"));
  }

  #arrived = 0; // bytes, as of the last look
  #toldThen = 0;

  /**
   * look lets what arrives speak for itself where the events do not: behind a
   * proxy without WebSockets, or on a connection that has died unnoticed. Both
   * looks must be younger than the last event, which knows better of a pause.
   */
  async #look(): Promise<void> {
    const told = this.#told;
    const now = await this.stats();
    this.figures.set(now);
    if (this.phase.peek() === "watching" && told === this.#told && told === this.#toldThen && this.#arrived > 0 && now.bytesReceived > this.#arrived) this.live.set(true);
    this.#arrived = now.bytesReceived;
    this.#toldThen = told;
  }

  /** hurdle looks at why there is no picture and returns how long to wait for the next try. */
  async #hurdle(why: Problem, backoff: Backoff): Promise<number> {
    if (!passing.has(why.code)) {
      this.#over(why);
      return 0;
    }
    if (why.code === "in_lobby") {
      this.stream.set(null);
      this.#waits(true);
      return 0;
    }
    if (why.code === "not_live" || why.status === 409) {
      this.phase.set("waiting");
      this.stream.set(null);
      this.#ahead.soon(); // somebody may come to the stage at any moment
      return 1000 * (why.retryAfter || 3);
    }
    this.phase.set(this.phase.peek() === "connecting" ? "connecting" : "reconnecting");
    if (why.status === 401) await this.renew();
    if (why.code === "network" || why.status >= 500) void this.#doubt(false);
    return Math.max(backoff.next(), 1000 * why.retryAfter);
  }

  /** listen keeps an events connection. */
  async #listen(): Promise<void> {
    const backoff = new Backoff();
    while (!this.#ended) {
      const code = await this.#hear(() => backoff.reset());
      this.#hearing = false;
      if (this.#ended) return;
      const base = this.#door.base;
      if (code !== "moved") void this.#doubt(false, code === "node_stopping");
      await pause(code === "moved" ? 0 : backoff.next(), this.#end.signal, this.#wake);
      if (base !== this.#door.base) backoff.reset();
      if (!this.#ended && (code === "token_invalid" || code === "credentials_required")) await this.renew();
    }
  }

  /** hear listens to one events connection until it ends, and returns the code that it ended with. */
  #hear(welcome: () => void): Promise<string> {
    return new Promise((done) => {
      const url = new URL(this.#door.url("/events"), location.href);
      url.protocol = url.protocol.replace("http", "ws");
      const ws = (this.#socket = new WebSocket(url));
      let code = "network";
      let timer = 0;
      const over = () => {
        clearTimeout(timer);
        ws.onopen = ws.onclose = ws.onmessage = null;
        ws.close(); // on a dead network it would take minutes to say that it did
        done(code);
      };
      const alive = () => {
        clearTimeout(timer);
        timer = window.setTimeout(over, silentAfter);
      };
      alive();
      this.#cut = () => {
        code = "moved";
        over();
      };
      ws.onopen = () => ws.send(JSON.stringify({ token: this.grant.peek().token }));
      ws.onclose = over;
      ws.onmessage = (e) => {
        alive();
        const m = JSON.parse(String(e.data)) as Said;
        if (m.type === "welcome") welcome();
        if (m.type === "ping") ws.send(JSON.stringify({ type: "pong" }));
        if (m.type !== "removed") return this.#said(m);
        code = m.code ?? "internal";
        if (passing.has(code)) over();
        else this.#over(new Problem(code, m.detail ?? ""));
      };
    });
  }

  /** seat takes over who is in which section, where that is said of this session. */
  #seat(): void {
    const last = (at: string) => at.split("/").pop();
    const at = this.session.peek()?.resource;
    if (at && last(at) === last(this.#seated.session)) this.slots.set(this.#seated.slots);
  }

  /** said takes over what the events say of the participant and of the stage. */
  #said(m: Said): void {
    if (m.type === "welcome") {
      this.#hearing = true;
      this.#heard = [];
      this.#waits(m.waiting === true);
    }
    if (this.#hearer) this.#hearer(m);
    else if (this.#heard.length < unheard) this.#heard.push(m);
    if (m.type === "slots") {
      this.#seated = { session: m.session ?? "", slots: m.slots ?? [] };
      this.#seat();
    }
    if (m.type === "welcome") this.recorded.set(m.recording === true);
    if (m.type === "recording") this.recorded.set(m.on === true);
    if (m.type === "move") this.moves.set(this.moves.peek() + 1);
    if (m.type === "admitted") this.#waits(false);
    if ((m.type === "welcome" || m.type === "permissions") && m.role) this.role.set(m.role);
    if (m.type !== "welcome" && m.type !== "stage") return;
    this.#told++;
    this.onStage.set(m.on_stage !== false);
    this.live.set(m.live === true);
    if (m.live) this.#stir();
  }

  /** refresh keeps the token younger than half of its life. */
  async #refresh(): Promise<void> {
    const backoff = new Backoff();
    let wait = half(this.grant.peek());
    while (!this.#ended) {
      await pause(wait, this.#end.signal);
      if (this.#ended) return;
      wait = (await this.renew()) ? half(this.grant.peek()) : backoff.next();
    }
  }

  /** renew gets a new token; who asks while one is under way gets the same, or a sleeper would wake as three participants. */
  renew(): Promise<boolean> {
    return (this.#renewal ??= this.#newToken().finally(() => (this.#renewal = null)));
  }

  /** newToken comes by the old one, or by what opened the door before. */
  async #newToken(): Promise<boolean> {
    try {
      this.#granted(await this.#door.refresh(this.grant.peek().token));
      return true;
    } catch (e) {
      const why = asProblem(e);
      if (!passing.has(why.code)) this.#over(why);
      if (why.status !== 401 || this.#ended) return false;
    }
    return this.#again();
  }

  async #again(): Promise<boolean> {
    if (!this.#knock) {
      this.#over(new Problem("token_invalid", ""));
      return false;
    }
    try {
      this.#granted(await this.#door.join(this.#knock));
      return true;
    } catch (e) {
      const why = asProblem(e);
      if (!passing.has(why.code)) this.#over(why);
      return false;
    }
  }
}

/** half is half of a grant's life in milliseconds, whatever the clock of this device says. */
function half(grant: Grant): number {
  const life = new Date(grant.expires_at).getTime() - Date.now();
  return Math.min(Math.max(life / 2, 20_000), 150_000);
}
