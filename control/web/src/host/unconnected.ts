// Who was disconnected and has not been asked back, and the way back (S66-S69).
import { asProblem } from "../http";
import { clock, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, effect, signal } from "../ui/signals";
import type { API, Unconnected, Webinar } from "./api";
import { ask, every, problemLine, tell } from "./parts";

/** unconnected lists who was put out of w while it is open, looks again when version changes, and changes it when it lifted a ban. */
export function unconnected(api: API, w: Webinar, open: () => boolean, version: Signal<number>): HTMLElement {
  const items = signal<Unconnected[]>([]);
  const load = async () => items.set(await api.unconnected(w.id));
  const stale = every(5000, load);
  const refused = signal("");
  const problem = () => refused() || stale();
  effect(() => {
    if (version() > 0) void load().catch(() => {});
  });
  const back = async (u: Unconnected) => {
    await api.reinvite(w.id, u.participant);
    items.set(items.peek().filter((i) => i.participant !== u.participant));
    tell(t("host.reinvited", { name: u.name || u.participant }));
    if (u.banned) version.set(version.peek() + 1);
  };
  const reinvite = (u: Unconnected) => {
    refused.set("");
    if (u.banned) return ask({ title: t("host.reinvite_title", { name: u.name || u.participant }), yes: t("host.reinvite"), body: h("p", {}, t("host.reinvite_hint")), act: () => back(u) });
    back(u).catch((e: unknown) => refused.set(asProblem(e).sentence));
  };
  const row = (u: Signal<Unconnected>) => h("li", { class: "person" },
    h("div", { class: "grow" }, h("p", { class: "row-title" }, h("bdi", {}, () => u().name || u().participant)),
      h("p", { class: "hint" }, () => [t("host.unconnected_at", { time: clock(u().at) }), u().banned && t("host.unconnected_banned")].filter(Boolean).join(" · "))),
    h("button", { type: "button", class: "button", hidden: () => !open(), "aria-label": () => `${t("host.reinvite")}: ${u().name}`, onclick: () => reinvite(u.peek()) }, t("host.reinvite")));
  const list = h("ul", { class: "rows", id: "unconnected" });
  each(list, items, (u) => u.participant, row);
  return h("section", { class: "card", "aria-labelledby": "unconnected-title", hidden: () => items().length === 0 && problem() === "" },
    h("h2", { id: "unconnected-title" }, t("host.unconnected"), " ", h("span", { class: "count" }, () => items().length)), problemLine(problem), list);
}
