// <stentor-publish>: for presenters, camera or screen onto the stage.
import { Problem, asProblem } from "../http";
import { type Key, megabits, number, t } from "../texts";
import { type Child, Part, h } from "../ui/dom";
import { icon } from "../ui/icons";
import { type Signal, effect, onEnd, signal } from "../ui/signals";
import { type Capture, type From, camera, devices, screen } from "./capture";
import { OnAir } from "./onair";
import type { Outbound } from "./publisher";
import type { Visit } from "./visit";

const idle: Outbound = { frameWidth: 0, frameHeight: 0, framesPerSecond: 0, framesEncoded: 0, bytesSent: 0, codec: "" };

export class Publish extends Part {
  visit!: Visit;
  onair!: (on: boolean) => void;
  readonly #capture = signal<Capture | null>(null);
  readonly #onair = signal<OnAir | null>(null);
  readonly #busy = signal(false);
  readonly #problem = signal<Problem | null>(null);
  readonly #out = signal({ ...idle, rate: 0 });
  readonly #cameras = signal<MediaDeviceInfo[]>([]);
  readonly #microphones = signal<MediaDeviceInfo[]>([]);
  readonly #camera = signal("");
  readonly #microphone = signal("");

  /** outbound is what leaves, for the diagnostics. */
  async outbound(): Promise<Outbound> {
    return (await this.#onair.peek()?.stats()) ?? idle;
  }

  /** node is the one that takes what is sent, "" where nothing is. */
  get node(): string {
    return this.#onair.peek()?.node ?? "";
  }

  render(): Child {
    this.#measure();
    onEnd(() => this.#end());
    const preview = h("video", { class: "preview", playsinline: true, autoplay: true, muted: true, "aria-label": t("publish.preview") });
    preview.muted = true;
    effect(() => this.onair(this.#onair() !== null));
    effect(() => {
      preview.srcObject = this.#capture()?.stream ?? null;
    });
    return h("section", { class: "card publish", "aria-labelledby": "publish-title" },
      h("h2", { id: "publish-title" }, t("publish.title")),
      h("p", { class: "hint" }, t("publish.hint")),
      h("div", { class: "publish-grid" },
        h("div", { class: "preview-box" }, preview, () => !this.#capture() && h("p", { class: "preview-none" }, t("publish.nothing"))),
        h("div", { class: "stack" }, this.#choice(), () => this.#capture()?.from === "camera" && this.#pickers(), this.#buttons(),
          h("p", { class: "problem", role: "alert", id: "publish-problem" }, () => this.#trouble()),
          h("p", { class: "figures", role: "status", id: "publish-status" }, () => this.#status()),
          h("p", { class: "warning" }, () => this.#short()),
          h("p", { class: "warning", role: "status", id: "publish-silent" }, () => this.#silent()))));
  }

  #choice(): HTMLElement {
    const one = (from: From, words: Key) =>
      h("button", { type: "button", class: "button", "aria-pressed": () => String(this.#capture()?.from === from), disabled: () => this.#busy(), onclick: () => void this.#take(from) }, icon(from), t(words));
    return h("div", { class: "row" }, one("camera", "publish.camera"), "getDisplayMedia" in navigator.mediaDevices && one("screen", "publish.screen"));
  }

  #pickers(): Child {
    const pick = (id: string, words: Key, list: () => MediaDeviceInfo[], chosen: Signal<string>) =>
      h("div", { class: "field" }, h("label", { for: id }, t(words)),
        h("select", { id, onchange: (e: Event) => {
          chosen.set((e.target as HTMLSelectElement).value);
          void this.#take("camera");
        } }, () => list().map((d) => h("option", { value: d.deviceId, selected: d.deviceId === chosen.peek() }, d.label || d.deviceId.slice(0, 8)))));
    return [pick("camera", "publish.which_camera", this.#cameras, this.#camera), pick("microphone", "publish.which_microphone", this.#microphones, this.#microphone)];
  }

  #buttons(): HTMLElement {
    return h("div", { class: "row" }, () =>
      this.#onair()
        ? h("button", { type: "button", class: "danger", id: "off-air", onclick: () => this.#end() }, t("publish.stop"))
        : [
            h("button", { type: "button", class: "primary", id: "on-air", disabled: () => !this.#capture() || this.#busy(), onclick: () => void this.#go(false) }, t("publish.start")),
            this.#problem()?.code === "stream_taken" && h("button", { type: "button", class: "button", id: "beside", onclick: () => void this.#go(false, this.#beside()) }, t("gallery.beside")),
            this.#problem()?.code === "stream_taken" && h("button", { type: "button", class: "danger", onclick: () => void this.#go(true) }, t("publish.takeover")),
          ]);
  }

  /** take captures, and lets go of what was captured before once the new is there. */
  async #take(from: From): Promise<void> {
    this.#problem.set(null);
    this.#busy.set(true);
    const before = this.#capture.peek();
    let taken: Capture | null = null;
    try {
      taken = from === "camera" ? await camera(this.#camera.peek(), this.#microphone.peek()) : await screen(before?.voice ?? null, this.#microphone.peek());
      if (!this.isConnected) return taken.stop();
      await this.#onair.peek()?.replace(taken.stream);
      this.#capture.set(taken);
      before?.stop();
      this.#watch(taken);
      if (from === "camera") await this.#list(taken);
    } catch (e) {
      if (this.#capture.peek() !== taken) taken?.stop(); // what was there before goes on
      if ((e as DOMException).name !== "NotAllowedError" || from === "camera") this.#problem.set(named(e));
    } finally {
      this.#busy.set(false);
    }
  }

  async #list(taken: Capture): Promise<void> {
    this.#camera.set(taken.stream.getVideoTracks()[0]?.getSettings().deviceId ?? "");
    this.#microphone.set(taken.voice?.getSettings().deviceId ?? "");
    this.#cameras.set(await devices("videoinput"));
    this.#microphones.set(await devices("audioinput"));
  }

  /** beside is a stream name of one's own, beside who is on the stage already. */
  #beside(): string {
    return `${this.#capture.peek()?.from === "screen" ? "screen" : "camera"}-${Math.random().toString(36).slice(2, 10)}`;
  }

  async #go(takeover: boolean, name?: string): Promise<void> {
    const capture = this.#capture.peek();
    if (!capture) return;
    this.#problem.set(null);
    this.#busy.set(true);
    try {
      const onair = await OnAir.begin(this.visit, capture.stream, takeover, name);
      if (!this.isConnected || this.#capture.peek() !== capture) return onair.close();
      this.#onair.set(onair);
      void onair.lost.then((why) => this.#lost(onair, why));
    } catch (e) {
      this.#problem.set(asProblem(e));
    } finally {
      this.#busy.set(false);
    }
  }

  /** lost says that the sending has ended without being asked to. */
  #lost(onair: OnAir, why: Problem): void {
    if (this.#onair.peek() !== onair) return;
    this.#onair.set(null);
    this.#problem.set(why);
  }

  /** watch ends the sending when the browser's own "stop sharing" ends the picture. */
  #watch(capture: Capture): void {
    capture.stream.getVideoTracks()[0]?.addEventListener("ended", () => {
      if (this.#capture.peek() === capture) this.#end();
    });
  }

  #end(): void {
    const onair = this.#onair.peek();
    this.#onair.set(null);
    onair?.close();
    this.#capture.peek()?.stop();
    this.#capture.set(null);
    this.#out.set({ ...idle, rate: 0 });
  }

  #measure(): void {
    const timer = setInterval(() => {
      void this.#onair.peek()?.stats().then((s) => {
        const rate = 8 * Math.max(0, s.bytesSent - this.#out.peek().bytesSent);
        this.#out.set({ ...s, rate });
      });
    }, 1000);
    onEnd(() => clearInterval(timer));
  }

  #trouble(): string {
    const p = this.#problem();
    if (!p) return "";
    return p.code === "network" ? t("publish.lost") : p.sentence;
  }

  #status(): string {
    const s = this.#out();
    if (!this.#onair()) return "";
    if (this.#onair()!.moving()) return t("publish.moving");
    if (!s.frameWidth) return t("publish.starting");
    return t("publish.sending", { width: s.frameWidth, height: s.frameHeight, fps: number(s.framesPerSecond), codec: s.codec.replace("video/", "") }) + " · " + megabits(s.rate);
  }

  /** short says when less leaves than was captured: looked at in the outbound track, not assumed. */
  #short(): string {
    const captured = this.#capture()?.stream.getVideoTracks()[0]?.getSettings().width ?? 0;
    const sent = this.#out().frameWidth;
    return sent && sent < captured ? t("publish.short", { sent, captured }) : "";
  }

  /** silent says that nobody will hear the presenter. */
  #silent(): string {
    const capture = this.#capture();
    return capture && !capture.voice ? t("publish.silent") : "";
  }
}

/** refusals of the browser to capture, by the names that it gives them. */
const refusals: Record<string, string> = {
  NotAllowedError: "no_permission", NotFoundError: "no_device", OverconstrainedError: "no_device", NotReadableError: "device_busy",
};

/** named is why the browser did not capture. */
export function named(e: unknown): Problem {
  const code = refusals[(e as DOMException).name];
  return code ? new Problem(code, "") : asProblem(e);
}

customElements.define("stentor-publish", Publish);
