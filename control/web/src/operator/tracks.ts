// How a track travels: the picture of its tree, and a table of the same.
import { type Key, megabits, number, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, derived, signal } from "../ui/signals";
import type { Hop, Status, Track } from "../host/api";
import { bad, picture, share } from "./picture";

const name = (k: Track): string => `${k.webinar}/${k.stream}/${k.track}/${k.epoch}`;

/** tracks is the card of the trees; title says what a webinar is called. */
export function tracks(status: () => Status | null, title: (webinar: string) => string): HTMLElement {
  const all = derived(() => status()?.tracks ?? []);
  const chosen = signal("");
  const shown = derived(() => all().find((k) => name(k) === chosen()) ?? all().find((k) => k.track.startsWith("video")) ?? all()[0]);
  const options = h("select", { id: "track", onchange: (e: Event) => chosen.set((e.target as HTMLSelectElement).value) });
  each(options, all, name, (k) => h("option", { value: name(k.peek()), selected: () => k() === shown() }, () => `${title(k().webinar)} · ${k().stream} · ${k().track}`));
  const empty = derived(() => all().length === 0);
  const origin = derived(() => shown()?.hops.find((p) => p.role === "origin")?.node ?? "–");
  return h("section", { class: "card", "aria-labelledby": "tracks-title" },
    h("h2", { id: "tracks-title" }, t("host.tracks")),
    h("p", { class: "empty", hidden: () => !empty() }, t("host.no_tracks")),
    h("div", { class: "stack", hidden: empty },
      h("div", { class: "field track-choice" }, h("label", { for: "track" }, t("operator.track")), options),
      h("p", { class: "hint" }, () => t("operator.legend", { origin: origin() })),
      picture(shown), table(shown)));
}

const columns = ["node", "parent", "standby", "readers", "rtt", "loss", "bitrate", "delay", "late", "shed"] as const;

function table(shown: () => Track | undefined): HTMLElement {
  const body = each(h("tbody", { id: "hops" }), () => shown()?.hops ?? [], (p) => p.node, row);
  return h("div", { class: "wide", role: "region", "aria-label": t("operator.tree_table"), tabindex: "0" },
    h("table", {}, h("caption", { class: "sr" }, t("operator.tree_table")), h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col" }, t(`operator.column_${c}` as Key))))), body));
}

function row(p: Signal<Hop>): HTMLElement {
  const moved = (words: () => string) => h("td", {}, () => (p().parent ? words() : "–"));
  return h("tr", {},
    h("th", { scope: "row" }, h("bdi", {}, () => p().node), " ", () => p().role === "origin" && h("span", { class: "chip live" }, t("host.origin"))),
    h("td", {}, h("bdi", {}, () => p().parent ?? "–")), h("td", {}, h("bdi", {}, () => p().standby ?? "–")),
    h("td", {}, () => number(p().readers)), moved(() => `${number(p().rtt_ms, 1)} ms`),
    h("td", { class: () => (bad(p().loss) ? "bad" : "") }, () => (p().parent ? share(p().loss) : "–")),
    h("td", {}, () => megabits(p().bitrate_bps)), moved(() => `${number(p().delay_ms, 1)} ms`),
    h("td", {}, () => number(p().late_frames)), h("td", {}, () => number(p().shed)));
}
