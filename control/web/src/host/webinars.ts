// <stentor-webinars>: the webinars that the token reaches.
import { clock, t } from "../texts";
import { type Child, Part, each, h } from "../ui/dom";
import { signal } from "../ui/signals";
import type { API, Webinar } from "./api";
import { openDoor } from "./pin";
import { every, problemLine, stateChip } from "./parts";

export class Webinars extends Part {
  api!: API;

  render(): Child {
    const items = signal<Webinar[] | null>(null);
    const load = async () => items.set(await this.api.webinars());
    const problem = every(5000, load);
    const list = h("ul", { class: "rows", id: "webinars" });
    each(list, () => items() ?? [], (w) => w.id, (w) => h("li", {}, h("a", { class: "row-link", href: `#/webinars/${encodeURIComponent(w().id)}` },
      h("span", { class: "row-title" }, h("bdi", {}, () => w().title)),
      h("span", { class: "hint" }, () => clock(w().schedule?.start ?? w().created_at)),
      () => stateChip(w().state),
      () => w().state !== "ended" && door(w()))));
    return [
      h("div", { class: "head" }, h("h1", { tabindex: "-1" }, t("host.webinars")), h("a", { class: "button primary", id: "new", href: "#/new" }, t("host.new"))),
      problemLine(problem), list,
      () => items()?.length === 0 && h("p", { class: "empty" }, t("host.no_webinars")),
    ];
  }
}

/** door is a word on what stands behind the link. */
function door(w: Webinar): HTMLElement | null {
  if (openDoor(w)) return h("span", { class: "chip warn" }, t("host.open_door"));
  if (w.has_pin) return h("span", { class: "chip" }, t("host.has_pin"));
  return w.registration ? h("span", { class: "chip" }, t("host.plan_registration")) : null;
}

customElements.define("stentor-webinars", Webinars);
