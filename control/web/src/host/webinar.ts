// <stentor-webinar>: one webinar: its link and doors, its people, its end.
import { t } from "../texts";
import { type Child, Part, h } from "../ui/dom";
import { derived, signal } from "../ui/signals";
import { bans } from "./bans";
import type { API, Webinar } from "./api";
import { invites } from "./invites";
import { address, ask, copying, every, problemLine, stateChip } from "./parts";
import { people } from "./people";
import { openDoor, pinChoice, pinOnce } from "./pin";
import { unconnected } from "./unconnected";

export class OneWebinar extends Part {
  api!: API;
  webinar!: string;

  render(): Child {
    const w = signal<Webinar | null>(null);
    const load = async () => w.set(await this.api.webinar(this.webinar));
    const problem = every(3000, load);
    const version = signal(0); // grows when bans may have changed
    const title = derived(() => w()?.title ?? "");
    const state = derived(() => w()?.state ?? "planned");
    const open = derived(() => state() !== "ended");
    const pinned = derived(() => w()?.has_pin === true);
    const bare = derived(() => openDoor(w()));
    const registers = derived(() => Boolean(w()?.registration)); // which leaves no room for a PIN
    const body = () => {
      const first = w.peek()!;
      return [
        h("div", { class: "head" }, h("h1", { tabindex: "-1" }, h("bdi", {}, title)), () => stateChip(state()),
          h("a", { class: "button", id: "registrants-link", href: `#/webinars/${encodeURIComponent(first.id)}/registrants`, hidden: () => !registers() }, t("host.registrants")),
          h("a", { class: "button", id: "plan-link", href: `#/webinars/${encodeURIComponent(first.id)}/plan`, hidden: () => !open() }, t("host.plan")),
          () => open() && h("button", { type: "button", class: "danger", id: "end", onclick: () => this.#end(first, load) }, t("host.end"))),
        h("div", { class: "columns" },
          h("div", { class: "stack" },
            people(this.api, first, () => version.set(version.peek() + 1)),
            unconnected(this.api, first, open, version),
            bans(this.api, first, version)),
          h("div", { class: "stack" },
            h("section", { class: "card" }, h("h2", {}, t("host.guest_link")),
              () => open() && bare() && h("p", { class: "warning" }, t("host.no_door")),
              copying("guest-link", t("host.guest_link_label"), address(first.join_path)),
              () => open() && !registers() && this.#pin(first.id, pinned, load)),
            () => open() && invites(this.api, first))),
      ];
    };
    const here = derived(() => w() !== null); // the body is made once, and its parts follow what they show
    return [h("p", {}, h("a", { href: "#/webinars", class: "back" }, t("host.back"))), problemLine(problem), () => here() && body()];
  }

  #pin(id: string, pinned: () => boolean, load: () => Promise<void>): HTMLElement {
    const words = () => t(pinned() ? "host.pin_change" : "host.pin_set");
    const set = () => ask({
      title: words(),
      yes: t("host.save"),
      body: [pinned() && h("p", { class: "hint" }, t("host.pin_inside")), pinChoice(false)],
      act: async (form) => {
        const made = await this.api.setPIN(id, form.get("how") === "type" ? { value: String(form.get("pin")) } : { generate: true });
        await load();
        return pinOnce(made.pin, made.weak);
      },
    });
    const clear = () => ask({
      title: t("host.pin_clear"), yes: t("host.pin_clear"), danger: true, body: h("p", {}, t("host.no_door")),
      act: async () => {
        await this.api.clearPIN(id);
        await load();
      },
    });
    return h("div", { class: "row" },
      h("button", { type: "button", class: "button", id: "pin-set", onclick: set }, words),
      h("button", { type: "button", class: "button", hidden: () => !pinned(), onclick: clear }, t("host.pin_clear")));
  }

  #end(w: Webinar, load: () => Promise<void>): void {
    ask({
      title: t("host.end_title", { title: w.title }), yes: t("host.end"), danger: true, body: h("p", {}, t("host.end_hint")),
      act: async () => {
        await this.api.end(w.id);
        await load();
      },
    });
  }
}

customElements.define("stentor-webinar", OneWebinar);
