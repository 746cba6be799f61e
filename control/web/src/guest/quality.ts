// The menu of sizes under the picture: what a viewer may choose among where the publisher sends
// several sizes at once (WHEP's layers, draft-ietf-wish-whep-03, section 4.9). It lives as long as
// the stage; a choice is kept in memory only, and goes along to the next session.
import { menuButton, type Item } from "../host/menu";
import { Problem, asProblem, send } from "../http";
import { megabits, t } from "../texts";
import { h } from "../ui/dom";
import { root, signal } from "../ui/signals";

/** Session is what the menu needs of a WHEP session: the Link headers of its answer, and its address. */
export interface Session {
  readonly resource: string;
  readonly links: string;
}

/** Shown is the picture as it is played, in pixels; zero while there is none. */
export interface Shown {
  frameWidth: number;
  frameHeight: number;
}

/** Layer is one size as the node tells of it; zero or absent is not known. */
interface Layer {
  rid: string;
  width?: number;
  height?: number;
  bitrate?: number; // bits a second
}

/** settle is how long another size may take until it is said why it does not come, in milliseconds: a key frame, and a look at the statistics. */
const settle = 5_000;

/** extension is the address that a Link header has for one of WHEP's extensions, "" where there is none. */
export function extension(s: Session, name: string): string {
  const at = new RegExp(`<([^>]+)>\\s*;\\s*rel="urn:ietf:params:whep:ext:core:${name}"`).exec(s.links)?.[1];
  return at ? new URL(at, s.resource).href : "";
}

/** lines are what people call the size of a picture, upright or not. */
const lines = (width = 0, height = 0) => Math.min(width || height, height || width);

const named = (l: Layer) => (lines(l.width, l.height) ? `${lines(l.width, l.height)}p` : l.rid);

export class Quality {
  readonly button: HTMLElement;
  readonly note: HTMLElement;
  readonly #layers = signal<Layer[]>([]); // the largest first
  readonly #wish = signal<string>(""); // by its name, which the next session has too; "" is automatic
  readonly #playing = signal(0); // lines
  readonly #late = signal(false); // what was chosen should be there by now
  readonly #problem = signal<Problem | null>(null);
  #session: Session | null = null;
  #media = ""; // the section of the video
  #shown = ""; // the section of the large picture; "" is the first
  #feed: EventSource | null = null;
  #again = false; // the session is another one, and does not know of the choice
  #timer = 0;
  #end!: () => void;

  constructor() {
    let button!: HTMLElement;
    let note!: HTMLElement;
    this.#end = root(() => {
      button = h("span", { class: "quality", hidden: () => this.#layers().length < 2 },
        menuButton(() => t("quality.label", { size: this.#now() }), () => this.#items(), { id: "quality" }, "sliders"));
      note = h("p", { class: "figures", id: "quality-note", role: "status" }, () => this.#sentence());
    });
    this.button = button;
    this.note = note;
  }

  /** follow goes along to another session, or to none. */
  follow(session: Session | null): void {
    if (session === this.#session) return;
    this.#session = session;
    this.#unfeed();
    this.#problem.set(null);
    this.#again = Boolean(session && this.#wish.peek());
    if (session) this.#look();
    else this.#layers.set([]);
  }

  /** on says in which section the large picture comes. */
  on(section: number): void {
    const now = section < 0 ? "" : String(section);
    if (now === this.#shown) return;
    this.#shown = now;
    this.#again = Boolean(this.#session && this.#wish.peek());
    if (this.#session) this.#look();
  }

  /** shows takes in what is played; another size may mean that other sizes are sent. */
  shows(s: Shown): void {
    const now = lines(s.frameWidth, s.frameHeight);
    if (now === this.#playing.peek()) return;
    this.#playing.set(now);
    if (now) this.#look();
  }

  close(): void {
    this.follow(null);
    clearTimeout(this.#timer);
    this.#end();
  }

  /**
   * look asks the session which layers there are, and listens no longer than that: an open
   * connection for each viewer would cost a node more than the few looks that there are.
   */
  #look(): void {
    const session = this.#session;
    const feed = session && extension(session, "layer") && extension(session, "server-sent-events");
    if (!feed) return this.#layers.set([]);
    this.#unfeed();
    const events = (this.#feed = new EventSource(feed));
    events.addEventListener("layers", (e) => {
      this.#unfeed();
      this.#take(JSON.parse(String((e as MessageEvent).data)) as Record<string, Layer[] | null>);
      if (this.#again) void this.#choose(this.#wish.peek());
      this.#again = false;
    });
  }

  #unfeed(): void {
    this.#feed?.close();
    this.#feed = null;
  }

  #take(by: Record<string, Layer[] | null>): void {
    const [media, all] = Object.entries(by).find(([at]) => at === this.#shown) ?? Object.entries(by)[0] ?? ["", null];
    this.#media = media;
    this.#layers.set([...(all ?? [])].sort((a, b) => lines(b.width, b.height) - lines(a.width, a.height)));
  }

  /** now is what is played, by the name of the layer that is closest to it: encoders round. */
  #now(): string {
    const playing = this.#playing();
    const off = (l: Layer) => Math.abs(Math.log((lines(l.width, l.height) || 1) / playing));
    const nearest = playing ? [...this.#layers()].sort((a, b) => off(a) - off(b))[0] : undefined;
    return nearest ? named(nearest) : "–";
  }

  #items(): Item[] {
    this.#look(); // for the next time
    const now = this.#now();
    const wish = this.#wish.peek();
    const size = (l: Layer): Item => ({
      id: named(l), checked: wish === named(l), act: () => void this.#choose(named(l)),
      words: [named(l), l.bitrate ? megabits(l.bitrate) : "", wish && now === named(l) ? t("quality.now") : ""].filter(Boolean).join(" · "),
    });
    return [
      { id: "automatic", checked: !wish, act: () => void this.#choose(""), words: wish ? t("quality.automatic") : t("quality.automatic_now", { size: now }) },
      ...this.#layers.peek().map(size),
    ];
  }

  /** choose asks for the size of that name, or leaves it to the node again. */
  async #choose(name: string): Promise<void> {
    const session = this.#session;
    const layer = this.#layers.peek().find((l) => named(l) === name);
    this.#problem.set(null);
    this.#wish.set(layer ? name : "");
    this.#late.set(false);
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#late.set(true), settle);
    if (!session) return;
    try {
      await send(extension(session, "layer"), { method: "POST", json: { mediaId: this.#media, rid: layer?.rid } });
    } catch (e) {
      if (session !== this.#session) return;
      this.#wish.set("");
      this.#problem.set(asProblem(e));
    }
  }

  /** sentence says what became of the choice. What is fixed comes whatever the network takes, unless the host has set a ceiling. */
  #sentence(): string {
    if (this.#problem()) return this.#problem()!.sentence;
    const [size, now] = [this.#wish(), this.#now()];
    if (!size || this.#layers().length < 2) return "";
    if (now === size) return t("quality.fixed", { size });
    if (!this.#late() || now === "–") return t("quality.changing", { size });
    return t("quality.bounded", { size, now });
  }
}
