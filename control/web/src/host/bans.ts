// Bans: who is kept out, how strongly, and the way back (S69).
import { clock, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, effect, signal } from "../ui/signals";
import type { API, Ban, Webinar } from "./api";
import { ask, every, problemLine, tell } from "./parts";

/** bans lists the bans of w, and looks again when version changes. */
export function bans(api: API, w: Webinar, version: Signal<number>): HTMLElement {
  const items = signal<Ban[]>([]);
  const load = async () => items.set(await api.bans(w.id));
  const problem = every(10_000, load);
  effect(() => {
    if (version() > 0) void load().catch(() => {});
  });
  const lift = (b: Ban) => ask({
    title: t("host.lift_title", { name: b.name || b.participant }),
    yes: t("host.lift"),
    body: h("p", {}, t("host.lift_hint")),
    async act() {
      await api.liftBan(w.id, b.id);
      await load();
      tell(t("host.lifted", { name: b.name || b.participant }));
    },
  });
  const list = h("ul", { class: "rows", id: "bans" });
  each(list, items, (b) => b.id, (b) => h("li", { class: "person" },
    h("div", { class: "grow" }, h("p", { class: "row-title" }, h("bdi", {}, () => b().name || b().participant)),
      h("p", { class: "hint" }, () => `${t(`host.strength_${b().strength}`)} · ${t("host.since", { time: clock(b().at) })}`)),
    h("button", { type: "button", class: "button", "aria-label": () => `${t("host.lift")}: ${b().name}`, onclick: () => lift(b.peek()) }, t("host.lift"))));
  return h("section", { class: "card", "aria-labelledby": "bans-title", hidden: () => items().length === 0 && problem() === "" },
    h("h2", { id: "bans-title" }, t("host.bans")), problemLine(problem), list);
}
