// <stentor-preflight>: own version and the mesh's, camera, microphone, network, 4K ability (S12).
import { t } from "../texts";
import { type Child, Part, h } from "../ui/dom";
import { type Signal, onEnd, signal } from "../ui/signals";
import type { API } from "./api";
import { type Verdict, encode, hear, network, paths, versions, view } from "./preflight-checks";

const checks = ["versions", "camera", "microphone", "network", "paths", "encode"] as const;
type Check = (typeof checks)[number];
type Standing = Verdict | "running" | null;

export class Preflight extends Part {
  api!: API;
  page = ""; // this page's own version
  readonly #busy = signal(false);
  readonly #seen = signal<MediaStream | null>(null);
  readonly #level = signal(0);
  readonly #listening = signal("");
  readonly #found = Object.fromEntries(checks.map((c) => [c, signal<Standing>(null)])) as Record<Check, Signal<Standing>>;
  #end = new AbortController();

  render(): Child {
    onEnd(() => this.#stop());
    const begun = () => checks.some((c) => this.#found[c]() !== null);
    return [
      h("div", { class: "head" }, h("h1", { tabindex: "-1" }, t("host.preflight"))),
      h("p", { class: "lead preflight-hint" }, t("host.pf_hint")),
      h("div", { class: "preflight" },
        h("section", { class: "card", "aria-labelledby": "pf-camera" }, this.#preview(), h("p", { class: "row" },
          h("button", { type: "button", class: "primary", id: "check", disabled: () => this.#busy(), onclick: () => void this.#run() }, () => t(this.#busy() ? "host.pf_running" : begun() ? "host.pf_again" : "host.pf_begin")))),
        h("ul", { class: "card checks", id: "checks", "aria-live": "polite" }, checks.map((c) => this.#line(c)))),
    ];
  }

  #preview(): HTMLElement {
    const picture = h("video", { class: "preview", playsinline: true, autoplay: true, muted: true, "aria-label": t("publish.preview"), hidden: () => !this.#seen() });
    picture.muted = true;
    return h("div", { class: "preview-box" }, picture, () => {
      picture.srcObject = this.#seen();
      return !this.#seen() && h("p", { class: "preview-none" }, t("publish.nothing"));
    });
  }

  #line(c: Check): HTMLElement {
    const found = this.#found[c];
    const state = () => {
      const now = found();
      return now === null ? "idle" : now === "running" ? "running" : now.state;
    };
    const words = (): string => {
      const now = found();
      if (now === null) return "";
      if (now !== "running") return now.words;
      return c === "microphone" && this.#listening() ? t("host.pf_microphone_say", { name: this.#listening() }) : t("host.pf_running");
    };
    const chip = () => ({ good: "chip live", warn: "chip warn", bad: "chip stopped" })[state() as Verdict["state"]];
    return h("li", { class: () => `check ${state()}`, "data-check": c, "data-state": state },
      h("h2", { id: `pf-${c}` }, t(`host.pf_${c}`)),
      () => chip() && h("span", { class: chip()! }, t(`host.pf_${state() as Verdict["state"]}`)),
      h("p", { class: "hint" }, h("bdi", {}, words)),
      c === "microphone" && h("meter", { min: "0", max: "1", value: () => this.#level(), "aria-label": t("host.pf_level"), hidden: () => found() !== "running" }));
  }

  async #run(): Promise<void> {
    this.#stop();
    this.#end = new AbortController();
    this.#busy.set(true);
    for (const c of checks) this.#found[c].set("running");
    const { signal: ended } = this.#end;
    const took = async (c: Check, work: Promise<Verdict>) => {
      const verdict = await work;
      if (!ended.aborted) this.#found[c].set(verdict);
    };
    await Promise.all([took("versions", versions(this.api, this.page)), took("camera", view(this.#seen))]);
    const seen = this.#seen.peek();
    const microphone = seen?.getAudioTracks()[0];
    this.#listening.set(microphone?.label ?? "");
    await Promise.all([took("microphone", hear(microphone, this.#level, ended)), took("network", network()).then(() => took("paths", paths()))]);
    await took("encode", encode(seen?.getVideoTracks()[0], ended)); // alone: what else works would slow it
    this.#busy.set(false);
  }

  #stop(): void {
    this.#end.abort();
    for (const track of this.#seen.peek()?.getTracks() ?? []) track.stop();
    this.#seen.set(null);
  }
}

customElements.define("stentor-preflight", Preflight);
