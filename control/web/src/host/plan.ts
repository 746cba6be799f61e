// <stentor-plan>: a new webinar, or the settings of one, on three tabs (S22-S61).
import { Problem, asProblem } from "../http";
import { t } from "../texts";
import { type Child, Part, h } from "../ui/dom";
import { type Signal, onEnd, signal } from "../ui/signals";
import type { API, Webinar } from "./api";
import { changes, created, registration, resigned, settings } from "./draft";
import { type Door, door } from "./plan-door";
import { snippet } from "./embed";
import { general } from "./plan-general";
import { advanced } from "./plan-advanced";
import { signUp } from "./plan-registration";
import { openDoor, pinOnce } from "./pin";
import { address, copying, problemLine, tell } from "./parts";
import { tabs } from "./tabs";

export class Plan extends Part {
  api!: API;
  webinar = ""; // of a new one: none
  #version = 0; // of the webinar, as the last answer had it
  #dirty = false;

  render(): Child {
    const was = signal<Webinar | null>(null);
    const problem = signal("");
    const made = signal<{ w: Webinar; pin: Child } | null>(null);
    const load = async () => {
      const w = await this.api.webinar(this.webinar);
      this.#version = w.version;
      this.#dirty = false;
      was.set(w);
    };
    if (this.webinar) load().catch((e: unknown) => problem.set(asProblem(e).sentence));
    const leaving = (e: BeforeUnloadEvent) => {
      if (this.#dirty) e.preventDefault();
    };
    addEventListener("beforeunload", leaving);
    onEnd(() => removeEventListener("beforeunload", leaving));
    const form = () => (was() || !this.webinar ? this.#form(was(), load, made) : null);
    const back = this.webinar ? h("a", { href: `#/webinars/${encodeURIComponent(this.webinar)}`, class: "back" }, t("host.plan_back")) : h("a", { href: "#/webinars", class: "back" }, t("host.back"));
    return [h("p", {}, back), problemLine(problem), () => { const m = made(); return m ? this.#done(m.w, m.pin) : form(); }];
  }

  #form(was: Webinar | null, load: () => Promise<void>, made: Signal<{ w: Webinar; pin: Child } | null>): HTMLElement {
    const d = door(was);
    const problem = signal("");
    const conflict = signal(false);
    const busy = signal(false);
    const panels = tabs("plan", [
      { id: "general", title: t("host.plan_general"), body: general(was, d) },
      { id: "registration", title: t("host.plan_registration"), body: signUp(was, d) },
      { id: "advanced", title: t("host.plan_advanced"), body: advanced(was) },
    ]);
    const submit = async (e: SubmitEvent) => {
      e.preventDefault();
      const form = e.target as HTMLFormElement;
      if (busy.peek() || !panels.valid(form)) return;
      busy.set(true);
      problem.set("");
      conflict.set(false);
      try {
        const data = new FormData(form);
        const { w, pin } = was ? await this.#change(was, data, d) : await this.#create(data, d);
        this.#dirty = false;
        if (!was || pin) made.set({ w, pin });
        else {
          tell(t("host.plan_saved"));
          location.hash = `#/webinars/${encodeURIComponent(w.id)}`;
        }
      } catch (failed) {
        await this.#refused(asProblem(failed), problem, conflict);
      } finally {
        busy.set(false);
      }
    };
    const reload = () => void load().catch((e: unknown) => problem.set(asProblem(e).sentence));
    const dirty = () => (this.#dirty = true);
    return h("form", { class: "plan", novalidate: true, onsubmit: submit, oninput: dirty, onchange: dirty },
      h("h1", { tabindex: "-1" }, was ? t("host.plan_of", { title: was.title }) : t("host.new")),
      panels.el, problemLine(problem),
      () => conflict() && h("div", { class: "row" }, h("button", { type: "button", class: "button", id: "plan-reload", onclick: reload }, t("host.plan_reload"))),
      h("div", { class: "row end plan-foot" },
        h("a", { class: "button", href: was ? `#/webinars/${encodeURIComponent(was.id)}` : "#/webinars" }, t("host.cancel")),
        h("button", { type: "submit", class: "primary", id: "plan-save", disabled: () => busy() }, t(was ? "host.save" : "host.create"))));
  }

  async #create(form: FormData, d: Door): Promise<{ w: Webinar; pin: Child }> {
    const body = created(settings(form), d.newPIN(form), d.registers.peek() ? registration(form, d.fields()) : undefined);
    const w = await this.api.create(body);
    return { w, pin: pinOnce(w.pin) };
  }

  /** change sends what differs: settings first; then what has to go makes room for what comes, since PIN and registration exclude each other. */
  async #change(was: Webinar, form: FormData, d: Door): Promise<{ w: Webinar; pin: Child }> {
    const id = was.id;
    let now = was;
    const step = async (work: Promise<unknown>) => {
      await work;
      now = await this.api.webinar(id);
      this.#version = now.version;
    };
    const edit = changes(was, settings(form));
    if (Object.keys(edit).length > 0) await step(this.api.edit(id, edit, this.#version));
    const registers = d.registers.peek();
    if (was.has_pin && d.how.peek() === "none" && now.has_pin) await step(this.api.clearPIN(id, this.#version));
    if (was.registration && !registers && now.registration) await step(this.api.clearRegistration(id, this.#version));
    if (registers) {
      const wanted = registration(form, d.fields());
      if (resigned(was.registration, wanted)) await step(this.api.setRegistration(id, wanted, this.#version));
    }
    const pin = d.newPIN(form);
    if (!pin.pin && !pin.generate_pin) return { w: now, pin: null };
    const set = await this.api.setPIN(id, pin.pin ? { value: pin.pin } : { generate: true }, this.#version);
    return { w: { ...now, has_pin: true, open_door: false }, pin: pinOnce(set.pin, set.weak) };
  }

  /** refused says why; where somebody else was quicker, what was typed stays and may be saved over it. */
  async #refused(p: Problem, problem: Signal<string>, conflict: Signal<boolean>): Promise<void> {
    problem.set(p.sentence);
    if (p.code !== "version_mismatch") return;
    conflict.set(true);
    const now = await this.api.webinar(this.webinar).catch(() => null);
    if (now) this.#version = now.version;
  }

  #done(w: Webinar, pin: Child): HTMLElement {
    const at = `#/webinars/${encodeURIComponent(w.id)}`;
    const title = h("h1", { tabindex: "-1" }, t("host.created", { title: w.title }));
    queueMicrotask(() => title.focus());
    return h("section", { class: "card narrow", id: "made" }, title,
      openDoor(w) && h("p", { class: "warning" }, t("host.no_door")),
      copying("new-link", t("host.guest_link_label"), address(w.join_path)),
      w.registration && copying("new-register", t("host.plan_register_link"), address(`${w.join_path}/register`)),
      w.embed_origins?.length ? snippet(w) : null,
      pin, h("div", { class: "row end" }, h("a", { class: "button primary", id: "made-open", href: at }, t("host.done"))));
  }
}

customElements.define("stentor-plan", Plan);
