// The picture of a track's tree: the origin left, hops rightward, on each edge RTT, loss and bitrate.
import { megabits, number, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, derived } from "../ui/signals";
import type { Track } from "../host/api";
import { s } from "./svg";
import { type Placed, box, draw } from "./tree";

/** picture draws a track, and draws it again as it changes, piece by piece. */
export function picture(track: () => Track | undefined): HTMLElement {
  const drawing = derived(() => draw(track()?.hops ?? []));
  const layer = (make: (p: Signal<Placed>) => SVGElement, which: (p: Placed) => boolean) =>
    each(s("g", {}) as unknown as HTMLElement, () => drawing().all.filter(which), (p) => p.hop.node, (p) => make(p) as unknown as HTMLElement) as unknown as SVGElement;
  const at = (node: string | undefined) => drawing().all.find((p) => p.hop.node === node);
  const root = s("svg", {
    class: "tree", role: "img", "aria-label": () => summary(track()), width: () => drawing().width, height: () => drawing().height,
    viewBox: () => `0 0 ${drawing().width} ${drawing().height}`,
  },
    layer((p) => standby(p, at), (p) => Boolean(p.hop.standby && at(p.hop.standby))),
    layer(edge, (p) => p.parent !== null),
    layer(node, () => true));
  return h("div", { class: "tree-box", role: "region", tabindex: "0", "aria-label": t("operator.tree") }, root as unknown as HTMLElement);
}

function summary(k: Track | undefined): string {
  const hops = k?.hops ?? [];
  const deepest = Math.max(0, ...hops.map((p) => p.path.length - 1));
  return t("operator.tree_summary", { stream: k?.stream ?? "", track: k?.track ?? "", nodes: hops.length, hops: deepest });
}

/** share is what part of the packets was lost, in percent. */
export const share = (loss: number): string => `${number(100 * loss, loss > 0 && loss < 0.1 ? 1 : 0)} %`;

/** bad reports whether an edge is one of those that alerts tell of. */
export const bad = (loss: number): boolean => loss > 0.01;

function edge(p: Signal<Placed>): SVGElement {
  const way = () => {
    const from = p().parent!;
    const [x1, x2] = [from.x + box.width, p().x];
    const middle = x1 + 34;
    return `M${x1} ${from.y} C${middle} ${from.y} ${middle - 12} ${p().y} ${middle + 22} ${p().y} L${x2} ${p().y}`;
  };
  const x = () => p().x - 10;
  const hop = () => p().hop;
  return s("g", { class: () => (bad(hop().loss) ? "edge lossy" : "edge") },
    s("path", { d: way }),
    s("path", { class: "tip", d: () => `M${p().x - 7} ${p().y - 4.5} L${p().x} ${p().y} L${p().x - 7} ${p().y + 4.5} Z` }),
    s("text", { x, y: () => p().y - 8 }, () => `${number(hop().rtt_ms, 1)} ms · ${share(hop().loss)}`),
    s("text", { x, y: () => p().y + 18 }, () => megabits(hop().bitrate_bps)),
    s("text", { x, y: () => p().y + 33, class: "shed" }, () => (hop().shed > 0 ? t("operator.shed", { layers: hop().shed }) : "")));
}

/** standby is who goes on when the parent dies, as a dashed line that comes from below. */
function standby(p: Signal<Placed>, at: (node: string | undefined) => Placed | undefined): SVGElement {
  const way = () => {
    const from = at(p().hop.standby) ?? p();
    const [x1, y1] = [from.x + box.width / 2, from.y + (from.y <= p().y ? box.height / 2 : -box.height / 2)];
    const [x2, y2] = [p().x + 24, p().y + (from.y <= p().y ? -box.height / 2 : box.height / 2)];
    const bend = from.y === p().y ? box.height / 2 + 14 : 0;
    if (bend) return `M${x1} ${from.y + box.height / 2} Q${(x1 + x2) / 2} ${from.y + box.height / 2 + 2 * bend} ${x2} ${p().y + box.height / 2}`;
    return `M${x1} ${y1} C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2} ${x2} ${y2}`;
  };
  return s("path", { class: "standby", d: way });
}

function node(p: Signal<Placed>): SVGElement {
  const hop = () => p().hop;
  return s("g", { class: () => `hop ${hop().role}`, transform: () => `translate(${p().x} ${p().y - box.height / 2})` },
    s("rect", { width: box.width, height: box.height, rx: 10 }),
    s("text", { x: 14, y: 24, class: "hop-name" }, () => short(hop().node)),
    s("text", { x: 14, y: 44 }, () => (hop().role === "origin" ? `${t("host.origin")} · ` : "") + t("host.readers", { readers: hop().readers })));
}

/** short keeps a name inside its box; the table has all of it. */
const short = (name: string): string => (name.length > 19 ? `${name.slice(0, 18)}…` : name);
