// The gallery: who is on the stage beside the one in the large picture. The events say who is in
// which section of the session; nothing is negotiated when somebody comes or goes.
import { send } from "../http";
import { t } from "../texts";
import { each, h } from "../ui/dom";
import { icon } from "../ui/icons";
import { type Signal, derived, effect, onEnd, signal, untracked } from "../ui/signals";
import type { Connection } from "./connection";
import { extension } from "./quality";
import type { Visit } from "./visit";

/** Slot is what one section of the session carries (node/signal/messages.go). */
export interface Slot {
  mid: string;
  kind: "video" | "audio";
  stream: string;
  participant?: string;
  name?: string;
}

/** Seat is one stream on the stage, with the tracks by which it comes. */
export interface Seat {
  stream: string;
  participant: string;
  name: string;
  picture: MediaStreamTrack | null;
  sound: MediaStreamTrack | null;
  section: number; // of the picture in the description; -1 without one
}

/** steps are the heights that small pictures are asked for, in lines of the device: the nodes' layers have few. */
const steps = [180, 360, 540, 720, 1080];

/** settle is how long a change of size waits for more of the same, in milliseconds. */
const settle = 300;

/** seatsOf are the streams in the sections, shared screens and main first. */
export function seatsOf(slots: readonly Slot[], c: Connection): Seat[] {
  const by = new Map<string, Seat>();
  for (const s of slots) {
    const seat = by.get(s.stream) ?? { stream: s.stream, participant: s.participant ?? "", name: s.name ?? "", picture: null, sound: null, section: -1 };
    by.set(s.stream, seat);
    if (s.kind === "audio") seat.sound = c.track(s.mid);
    else [seat.picture, seat.section] = [c.track(s.mid), c.section(s.mid)];
  }
  const rank = (s: Seat) => (!s.picture ? 3 : s.stream.startsWith("screen") ? 0 : s.stream === "main" ? 1 : 2);
  return [...by.values()].sort((a, b) => rank(a) - rank(b));
}

export class Gallery {
  /** main is what the large picture shows. */
  readonly main: () => MediaStream | null;
  /** many is that there is more than one on the stage. */
  readonly many: () => boolean;
  /** alike is that all are shown at the same size. */
  readonly alike = signal(false);
  /** large is who is in the large picture; null where nobody said. */
  readonly large: () => Seat | null;
  readonly seats: () => Seat[];
  readonly list: HTMLElement;
  readonly #picked = signal("");
  readonly #asked = new Map<number, string>(); // of the node, by section
  #session: Connection | null = null;

  constructor(readonly visit: Visit, readonly silent: () => boolean) {
    this.seats = derived(() => {
      const session = visit.session();
      return session ? seatsOf(visit.slots(), session) : [];
    });
    this.large = derived(() => this.seats().find((s) => s.stream === this.#picked()) ?? this.seats()[0] ?? null);
    this.many = derived(() => this.seats().length > 1);
    let made: { key: string; stream: MediaStream } | null = null;
    this.main = derived(() => {
      const [whole, seat, session] = [visit.stream(), this.large(), visit.session()];
      if (!seat || !session) return whole;
      session.shown = seat.picture?.id ?? "";
      const tracks = [seat.picture, seat.sound].filter((x) => x !== null);
      if (whole && whole.getTracks().every((x) => tracks.includes(x)) && tracks.length === whole.getTracks().length) return whole;
      const key = tracks.map((x) => x.id).join();
      if (made?.key !== key) made = { key, stream: new MediaStream(tracks) };
      return made.stream;
    });
    this.list = each(h("ul", { class: "seats", "aria-label": t("gallery.others"), hidden: () => !this.many() }),
      () => this.seats().filter((s) => s.stream !== this.large()?.stream), (s) => s.stream, (s) => this.#seat(s));
    this.#measure();
  }

  /** toggle is the button that changes between one large picture and all alike. */
  toggle(): HTMLElement {
    const words = () => t(this.alike() ? "gallery.one" : "gallery.all");
    return h("button", { type: "button", class: "round", id: "layout", hidden: () => !this.many(), "aria-label": words, title: words, onclick: () => this.alike.set(!this.alike.peek()) },
      () => icon(this.alike() ? "speaker" : "grid"));
  }

  /** name is that of who is in the large picture, shown where there are others. */
  name(): HTMLElement {
    return h("p", { class: "seat-name", hidden: () => !this.many() || !this.large()?.name }, h("bdi", {}, () => this.large()?.name ?? ""));
  }

  #seat(seat: Signal<Seat>): HTMLElement {
    const video = h("video", { playsinline: true, autoplay: true, "aria-hidden": "true", tabindex: "-1" });
    const named = () => seat().name || t("gallery.nameless");
    effect(() => {
      const tracks = [seat().picture, seat().sound].filter((x) => x !== null);
      const was = video.srcObject as MediaStream | null;
      if (was && was.getTracks().length === tracks.length && tracks.every((x) => was.getTracks().includes(x))) return;
      video.srcObject = new MediaStream(tracks);
      video.muted = untracked(this.silent);
      void video.play().catch(() => {
        video.muted = true; // the button for the sound is over the large picture
        void video.play().catch(() => {});
      });
    });
    effect(() => {
      video.muted = this.silent();
    });
    onEnd(() => {
      video.srcObject = null;
    });
    return h("li", { class: () => (seat().picture ? "seat" : "seat unseen"), "data-stream": seat.peek().stream, "data-section": () => String(seat().section) },
      video,
      h("span", { class: "seat-face", "aria-hidden": "true" }, () => [...named()][0] ?? ""),
      h("span", { class: "seat-name", "aria-hidden": "true" }, h("bdi", {}, named)),
      h("button", { type: "button", class: "seat-pick", "aria-label": () => t("gallery.pick", { name: named() }), title: () => t("gallery.pick", { name: named() }), onclick: () => this.#picked.set(seat.peek().stream) }));
  }

  /** measure tells the node how large each small picture is shown, so that it sends a small one. */
  #measure(): void {
    let timer = 0;
    const soon = () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => this.#ask(), settle);
    };
    const watch = new ResizeObserver(soon);
    watch.observe(this.list);
    effect(() => {
      this.seats();
      this.large();
      this.alike();
      soon();
    });
    onEnd(() => {
      watch.disconnect();
      clearTimeout(timer);
    });
  }

  #ask(): void {
    const session = this.visit.session.peek();
    if (session !== this.#session) this.#asked.clear();
    this.#session = session;
    const at = session && extension(session, "layer");
    if (!session || !at) return;
    const want = new Map<number, string>();
    const large = this.large();
    if (large && large.section >= 0) want.set(large.section, "");
    for (const li of this.list.querySelectorAll<HTMLElement>("li")) {
      const lines = li.clientHeight * devicePixelRatio;
      if (Number(li.dataset.section) >= 0) want.set(Number(li.dataset.section), String(steps.find((s) => s >= lines) ?? ""));
    }
    for (const [section, lines] of want) {
      if ((this.#asked.get(section) ?? "") === lines) continue; // what was not asked for is not bounded
      this.#asked.set(section, lines);
      void send(at, { method: "POST", json: { mediaId: String(section), ...(lines && { maxHeight: Number(lines) }) } }).catch(() => this.#asked.delete(section));
    }
  }
}
