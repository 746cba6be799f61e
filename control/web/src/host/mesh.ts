// <stentor-mesh>: the nodes with their versions (S8, S11), and how tracks travel.
import { megabits, number, t } from "../texts";
import { type Child, Part, each, h } from "../ui/dom";
import { type Signal, signal } from "../ui/signals";
import type { API, Hop, NodeStatus, Status, Track } from "./api";
import { every, problemLine } from "./parts";

export class Mesh extends Part {
  api!: API;

  render(): Child {
    const status = signal<Status | null>(null);
    const problem = every(2000, async () => status.set(await this.api.status()));
    const nodes = each(h("tbody"), () => status()?.nodes ?? [], (n) => n.node, (n) => node(n, () => status()?.leader === n().node));
    const tracks = each(h("ul", { class: "rows", id: "tracks" }), () => status()?.tracks ?? [], (k) => `${k.webinar}/${k.stream}/${k.track}/${k.epoch}`, track);
    const head = ["node", "role", "version", "region", "sessions", "load", "rtt", "age"] as const;
    return [
      h("div", { class: "head" }, h("h1", { tabindex: "-1" }, t("host.mesh"))),
      problemLine(problem),
      () => status() && h("p", { class: "hint" }, t("host.mesh_line", { cluster: status()!.cluster, leader: status()!.leader || t("host.no_leader"), term: status()!.term, index: status()!.index })),
      () => (status()?.unreachable.length ?? 0) > 0 && h("p", { class: "warning" }, t("host.unreachable", { nodes: status()!.unreachable.join(", ") })),
      h("section", { class: "card" }, h("h2", { id: "nodes-title" }, t("host.nodes")),
        h("div", { class: "wide", role: "region", "aria-labelledby": "nodes-title", tabindex: "0" },
          h("table", { id: "nodes" }, h("thead", {}, h("tr", {}, head.map((c) => h("th", { scope: "col" }, t(`host.column_${c}`))))), nodes))),
      h("section", { class: "card" }, h("h2", {}, t("host.tracks")), tracks, () => status()?.tracks.length === 0 && h("p", { class: "empty" }, t("host.no_tracks"))),
    ];
  }
}

function node(n: Signal<NodeStatus>, leads: () => boolean): HTMLElement {
  const mark = () => {
    if (!n().alive) return h("span", { class: "chip off" }, t("host.gone"));
    return n().draining && h("span", { class: "chip warn" }, t("host.draining"));
  };
  return h("tr", {},
    h("th", { scope: "row" }, h("bdi", {}, () => n().node), " ", mark),
    h("td", {}, () => t(n().role === "voter" ? "host.voter" : "host.edge"), () => leads() && ` · ${t("host.leader")}`),
    h("td", {}, h("bdi", {}, () => n().version), " ", () => n().outdated && h("span", { class: "chip warn" }, t("host.outdated"))),
    h("td", {}, () => n().region || "–"), h("td", {}, () => number(n().sessions)), h("td", {}, () => `${number(100 * n().load)} %`),
    h("td", {}, () => `${number(n().rtt_ms, 1)} ms`), h("td", {}, () => `${number(n().staleness_ms)} ms`));
}

/** track shows the hops as the tree that they are, the origin first. */
function track(k: Signal<Track>): HTMLElement {
  return h("li", { class: "track" },
    h("p", { class: "row-title" }, h("bdi", {}, () => `${k().stream} / ${k().track}`), " ", h("span", { class: "hint" }, h("bdi", {}, () => k().webinar))),
    () => h("ol", { class: "hops" }, inTree(k().hops).map(hop)));
}

function hop(p: Hop): HTMLElement {
  const el = h("li", {},
    h("span", { class: `chip ${p.role === "origin" ? "live" : ""}` }, h("bdi", {}, p.node)),
    h("span", {}, p.parent ? t("host.from", { node: p.parent, rtt: number(p.rtt_ms, 1) }) : t("host.origin")),
    h("span", { class: "hint" }, `${t("host.readers", { readers: p.readers })} · ${megabits(p.bitrate_bps)}`));
  el.style.setProperty("--depth", String(Math.max(0, p.path.length - 1)));
  return el;
}

/** inTree puts every hop after its parent. */
function inTree(hops: Hop[]): Hop[] {
  const way = (p: Hop) => [...p.path, ...(p.path.at(-1) === p.node ? [] : [p.node])].join("/");
  return [...hops].sort((a, b) => (way(a) < way(b) ? -1 : 1));
}

customElements.define("stentor-mesh", Mesh);
