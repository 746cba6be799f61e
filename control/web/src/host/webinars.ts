// <stentor-webinars>: the webinars that the token reaches.
import { clock, t } from "../texts";
import { type Child, Part, each, h } from "../ui/dom";
import { signal } from "../ui/signals";
import type { API, Webinar } from "./api";
import { create } from "./create";
import { every, problemLine, stateChip } from "./parts";

export class Webinars extends Part {
  api!: API;

  render(): Child {
    const items = signal<Webinar[] | null>(null);
    const load = async () => items.set(await this.api.webinars());
    const problem = every(5000, load);
    const open = (w: Webinar) => (location.hash = `#/webinars/${encodeURIComponent(w.id)}`);
    const list = h("ul", { class: "rows", id: "webinars" });
    each(list, () => items() ?? [], (w) => w.id, (w) => h("li", {}, h("a", { class: "row-link", href: `#/webinars/${encodeURIComponent(w().id)}` },
      h("span", { class: "row-title" }, h("bdi", {}, () => w().title)),
      h("span", { class: "hint" }, () => clock(w().created_at)),
      () => stateChip(w().state),
      () => w().state !== "ended" && h("span", { class: `chip ${w().has_pin ? "" : "warn"}` }, t(w().has_pin ? "host.has_pin" : "host.open_door")))));
    return [
      h("div", { class: "head" }, h("h1", { tabindex: "-1" }, t("host.webinars")), h("button", { type: "button", class: "primary", id: "new", onclick: () => create(this.api, open) }, t("host.new"))),
      problemLine(problem), list,
      () => items()?.length === 0 && h("p", { class: "empty" }, t("host.no_webinars")),
    ];
  }
}

customElements.define("stentor-webinars", Webinars);
