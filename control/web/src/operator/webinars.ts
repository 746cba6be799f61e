// The webinars, and what they come to on the mesh.
import { type Key, number, t } from "../texts";
import { each, h } from "../ui/dom";
import type { Status, Track, Webinar } from "../host/api";
import { stateChip } from "../host/parts";
import type { Signal } from "../ui/signals";

const columns = ["webinar", "state", "streams", "viewers"] as const;

/** webinars is the card of the webinars that have not ended, those on air first. */
export function webinars(all: () => readonly Webinar[], status: () => Status | null): HTMLElement {
  const tracksOf = (id: string) => (status()?.tracks ?? []).filter((k) => k.webinar === id);
  const open = () => all().filter((w) => w.state !== "ended").sort((a, b) => Number(b.state === "live") - Number(a.state === "live"));
  const body = each(h("tbody", { id: "webinars-on-air" }), open, (w) => w.id, (w) => row(w, () => tracksOf(w().id)));
  return h("section", { class: "card", "aria-labelledby": "webinars-title" }, h("h2", { id: "webinars-title" }, t("host.webinars")),
    h("p", { class: "empty", hidden: () => open().length > 0 }, t("host.no_webinars")),
    h("div", { class: "wide", hidden: () => open().length === 0, role: "region", "aria-labelledby": "webinars-title", tabindex: "0" },
      h("table", {}, h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col" }, t(`operator.column_${c}` as Key))))), body)));
}

function row(w: Signal<Webinar>, tracks: () => Track[]): HTMLElement {
  return h("tr", {}, h("th", { scope: "row" }, h("a", { href: `/host#/webinars/${encodeURIComponent(w.peek().id)}` }, h("bdi", {}, () => w().title))),
    h("td", {}, () => stateChip(w().state)), h("td", {}, () => number(new Set(tracks().map((k) => k.stream)).size)), h("td", {}, () => number(viewers(tracks()))));
}

/** viewers are those who drain the track that most of them drain: readers that are no nodes. A node listens to sound itself, to know who speaks. */
export function viewers(tracks: Track[]): number {
  const pictures = tracks.filter((k) => k.track === "video");
  if (pictures.length > 0) tracks = pictures;
  return Math.max(0, ...tracks.map((k) => k.hops.reduce((n, p) => n + Math.max(0, p.readers - p.children.length), 0)));
}
