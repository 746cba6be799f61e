// <stentor-stage>: the picture, its controls, and what there is to say about it.
import { Part, type Child, h } from "../ui/dom";
import { icon, type Icon } from "../ui/icons";
import { effect, onEnd, signal } from "../ui/signals";
import { type Key, megabits, number, t } from "../texts";
import { Gallery } from "./gallery";
import type { Quality } from "./quality";
import type { Visit } from "./visit";

/** quietAfter is how long the controls stay on a full screen without a movement, in milliseconds. */
const quietAfter = 2_500;

interface IOSVideo extends HTMLVideoElement {
  webkitEnterFullscreen?: () => void;
}

export class Stage extends Part {
  visit!: Visit;
  leave!: () => void;
  /** sizes brings the menu of sizes, which comes after the picture. */
  sizes!: () => Promise<Quality>;
  readonly #quality = signal<Quality | null>(null);
  readonly #silenced = signal(false);
  readonly #full = signal(false);
  readonly #hushed = signal(false); // this page sends: its own sound would come back into the microphone

  render(): Child {
    const video = h("video", { playsinline: true, autoplay: true, "aria-label": t("stage.picture") }) as IOSVideo;
    const gallery = new Gallery(this.visit, () => this.#silenced());
    this.#feed(video, gallery);
    this.#echoes(video, gallery);
    this.#choices(gallery);
    const controls = h("div", { class: "controls", role: "group", "aria-label": t("stage.controls") },
      this.#state(),
      this.#recorded(),
      h("span", { class: "grow" }),
      this.#button(() => (this.#silenced() ? "silent" : "sound"), () => (this.#silenced() ? "stage.unmute" : "stage.mute"), () => this.#mute(video)),
      () => this.visit.shows()?.button,
      gallery.toggle(),
      () => this.#quality()?.button,
      document.pictureInPictureEnabled && this.#button(() => "inset", () => "stage.inset", () => inset(video)),
      this.#button(() => (this.#full() ? "small" : "full"), () => (this.#full() ? "stage.small" : "stage.full"), () => this.#fullScreen(video)),
      this.#button(() => "leave", () => "stage.leave", () => this.leave()),
    );
    const frame = h("div", { class: () => (gallery.large() && !gallery.large()!.picture ? "frame unseen" : "frame") }, video, gallery.name(), () => this.#veil(), () => this.visit.shows()?.layer, () => this.#unmute(video));
    this.#quiet();
    const floor = h("div", { class: () => ["floor", gallery.many() && "many", gallery.many() && gallery.alike() && "alike"].filter(Boolean).join(" ") }, frame, gallery.list);
    effect(() => floor.setAttribute("data-columns", String(Math.ceil(Math.sqrt(gallery.seats().length || 1)))));
    return [floor, controls, h("p", { class: "figures", id: "figures" }, () => this.#figures()), () => this.#quality()?.note];
  }

  /** choices keeps the menu of sizes with the session, as long as somebody is on the stage. */
  #choices(gallery: Gallery): void {
    let here = true;
    onEnd(() => {
      here = false;
      this.#quality.peek()?.close();
      this.#quality.set(null);
    });
    this.sizes().then((q) => (here ? this.#quality.set(q) : q.close())).catch((e) => console.warn(e)); // the picture is there without it
    effect(() => this.#quality()?.on(gallery.large()?.section ?? -1));
    effect(() => this.#quality()?.follow(this.visit.live() ? this.visit.session() : null));
    effect(() => this.#quality()?.shows(this.visit.figures()));
  }

  /** feed gives the video what comes, and starts it with sound where the browser lets it. */
  #feed(video: HTMLVideoElement, gallery: Gallery): void {
    effect(() => {
      const stream = gallery.main();
      if (video.srcObject !== stream) video.srcObject = stream;
      if (stream) void this.#play(video);
    });
    video.addEventListener("volumechange", () => this.#silenced.set(video.muted));
    onEnd(() => {
      video.srcObject = null;
      if (document.pictureInPictureElement === video) void document.exitPictureInPicture().catch(() => {});
    });
  }

  async #play(video: HTMLVideoElement): Promise<void> {
    try {
      await video.play();
    } catch (e) {
      if ((e as DOMException).name !== "NotAllowedError") return;
      video.muted = true; // sound needs a click: the button over the picture asks for it
      this.#silenced.set(true);
      await video.play().catch(() => {});
    }
  }

  #button(sign: () => Icon, words: () => Key, act: () => void): HTMLElement {
    return h("button", { type: "button", class: "round", onclick: act, "aria-label": () => t(words()), title: () => t(words()) }, () => icon(sign()));
  }

  /** state is the chip: on air, waiting, coming back. */
  #state(): HTMLElement {
    const key = (): Key => {
      if (this.visit.phase() !== "watching") return `stage.${this.visit.phase()}` as Key;
      return this.visit.live() ? "stage.live" : "stage.paused";
    };
    const kind = () => (key() === "stage.live" ? "live" : "wait");
    return h("p", { class: () => `chip ${kind()}`, id: "phase", role: "status" }, () => t(key()));
  }

  /** recorded says that the webinar is being recorded, also to who reads by ear, and as soon as it is. */
  #recorded(): HTMLElement {
    return h("div", { role: "status", id: "recorded" }, () => this.visit.recorded() && h("p", { class: "chip stopped", title: t("stage.recorded_hint") }, t("stage.recorded")));
  }

  /** veil is what stands over the picture while there is none. */
  #veil(): Child {
    const phase = this.visit.phase();
    if (phase === "watching" && this.visit.live()) return null;
    if (phase === "lobby" || phase === "waiting" || phase === "watching") {
      const title: Key = phase === "lobby" ? "denial.in_lobby" : phase === "waiting" ? "stage.waiting_title" : "stage.paused_title";
      return h("div", { class: "veil" },
        h("p", { class: "veil-title" }, t(title)),
        h("p", {}, t(phase === "lobby" && this.visit.grant().pin_unchecked ? "stage.unchecked" : "stage.waiting_hint")));
    }
    return h("div", { class: "veil" }, h("span", { class: "spinner", "aria-hidden": "true" }), h("p", {}, t(`stage.${phase}` as Key)));
  }

  #unmute(video: HTMLVideoElement): Child {
    if (!this.#silenced() || this.#hushed() || this.visit.phase() !== "watching") return null;
    return h("button", { type: "button", class: "unmute primary", onclick: () => this.#mute(video) }, icon("silent"), t("stage.unmute"));
  }

  /** hush takes the sound off while this page sends itself. */
  hush(on: boolean): void {
    this.#hushed.set(on);
  }

  /** echoes takes the sound off while it is one's own, and gives it back when somebody else is heard. */
  #echoes(video: HTMLVideoElement, gallery: Gallery): void {
    let silencedHere = false;
    const own = () => gallery.seats().every((s) => s.participant === this.visit.grant().participant);
    effect(() => {
      const echo = this.#hushed() && own();
      if (echo && !video.muted) silencedHere = video.muted = true;
      else if (!echo && silencedHere && this.#hushed()) silencedHere = video.muted = false;
      else if (!this.#hushed()) silencedHere = false;
    });
  }

  #mute(video: HTMLVideoElement): void {
    video.muted = !video.muted;
    this.#silenced.set(video.muted);
    void video.play().catch(() => {});
  }

  #figures(): string {
    const s = this.visit.figures();
    if (this.visit.phase() !== "watching" || s.frameWidth === 0) return "";
    return t("stage.figures", { width: s.frameWidth, height: s.frameHeight, fps: number(s.framesPerSecond), codec: s.codec.replace("video/", "") }) + this.#rate(s.bytesReceived);
  }

  #before = { bytes: 0, at: 0 };

  #rate(bytes: number): string {
    const [was, now] = [this.#before, performance.now()];
    this.#before = { bytes, at: now };
    if (!was.at || bytes < was.bytes) return "";
    return " · " + megabits((8000 * (bytes - was.bytes)) / Math.max(1, now - was.at));
  }

  #fullScreen(video: IOSVideo): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (this.requestFullscreen) void this.requestFullscreen().catch(() => {});
    else video.webkitEnterFullscreen?.();
  }

  /** quiet takes the controls off a full screen until something moves or has the focus. */
  #quiet(): void {
    let timer = 0;
    const stir = () => {
      this.classList.remove("quiet");
      clearTimeout(timer);
      if (this.#full.peek()) timer = window.setTimeout(() => this.classList.add("quiet"), quietAfter);
    };
    const change = () => {
      this.#full.set(document.fullscreenElement === this);
      stir();
    };
    const keys = (e: KeyboardEvent) => this.#key(e);
    for (const kind of ["pointermove", "pointerdown", "keydown", "focusin"]) this.addEventListener(kind, stir);
    document.addEventListener("fullscreenchange", change);
    document.addEventListener("keydown", keys);
    onEnd(() => {
      clearTimeout(timer);
      for (const kind of ["pointermove", "pointerdown", "keydown", "focusin"]) this.removeEventListener(kind, stir);
      document.removeEventListener("fullscreenchange", change);
      document.removeEventListener("keydown", keys);
    });
  }

  /** key knows F for the full screen and M for the sound, unless somebody types. */
  #key(e: KeyboardEvent): void {
    const typing = (e.target as Element).closest?.("input, select, textarea, dialog");
    if (typing || e.ctrlKey || e.metaKey || e.altKey) return;
    const video = this.querySelector("video") as IOSVideo | null;
    if (video && e.key === "f") this.#fullScreen(video);
    if (video && e.key === "m") this.#mute(video);
  }
}

function inset(video: HTMLVideoElement): void {
  const toggled = document.pictureInPictureElement ? document.exitPictureInPicture() : video.requestPictureInPicture();
  void Promise.resolve(toggled).catch(() => {}); // no picture yet
}

customElements.define("stentor-stage", Stage);
