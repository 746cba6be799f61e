// The nodes, with their versions (S8, S11), how they are, and what an operator does with them.
import { asProblem } from "../http";
import { number, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, derived, signal } from "../ui/signals";
import type { API, NodeStatus, Status } from "../host/api";
import { menuButton } from "../host/menu";
import { ask, problemLine, tell } from "../host/parts";

const head = ["node", "role", "version", "region", "sessions", "load", "rtt", "age"] as const;

/** nodes is the card of the nodes; may is whether who looks may drain and remove them. */
export function nodes(api: API, status: () => Status | null, may: () => boolean, load: () => Promise<void>): HTMLElement {
  const newest = derived(() => Math.max(0, ...(status()?.nodes ?? []).map((n) => n.index)));
  const body = each(h("tbody", { role: "rowgroup" }), () => status()?.nodes ?? [], (n) => n.node, (n) => row(api, n, () => status()?.leader === n().node, newest, may, load));
  return h("section", { class: "card", "aria-labelledby": "nodes-title" }, h("h2", { id: "nodes-title" }, t("host.nodes")),
    h("table", { id: "nodes", class: "cards", role: "table" },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head.map((c) => h("th", { scope: "col", role: "columnheader" }, t(`host.column_${c}`))),
        h("th", { scope: "col", role: "columnheader" }, t("operator.column_lag")), h("th", { scope: "col", role: "columnheader" }, h("span", { class: "sr" }, t("operator.column_actions"))))),
      body));
}

function row(api: API, n: Signal<NodeStatus>, leads: () => boolean, newest: () => number, may: () => boolean, load: () => Promise<void>): HTMLElement {
  const problem = signal("");
  const cell = (label: string, ...content: Parameters<typeof h>[2][]) => h("td", { role: "cell", "data-label": label }, ...content);
  const words = (c: (typeof head)[number]) => t(`host.column_${c}`);
  return h("tr", { role: "row", class: () => (n().alive ? "" : "gone"), "data-node": n.peek().node },
    h("th", { scope: "row", role: "rowheader" }, h("bdi", {}, () => n().node), " ", () => mark(n().alive, n().draining), problemLine(problem)),
    cell(words("role"), () => t(n().role === "voter" ? "host.voter" : "host.edge"), " ", () => leads() && h("span", { class: "chip live" }, t("host.leader"))),
    cell(words("version"), h("bdi", {}, () => n().version), " ", () => n().outdated && h("span", { class: "chip warn" }, t("host.outdated"))),
    cell(words("region"), () => n().region || "–"), cell(words("sessions"), () => number(n().sessions)),
    cell(words("load"), meter(n)), cell(words("rtt"), figure(() => `${number(n().rtt_ms, 1)} ms`)), cell(words("age"), figure(() => (n().staleness_ms < 10_000 ? `${number(n().staleness_ms)} ms` : `${number(n().staleness_ms / 1000)} s`))),
    cell(t("operator.column_lag"), () => number(Math.max(0, newest() - n().index))),
    h("td", { role: "cell", class: "node-menu" }, () => may() && menuButton(() => t("operator.actions", { node: n.peek().node }), () => actions(api, n.peek(), problem, load))));
}

/** figure is a number with its unit, which stand in that order in every direction of writing. */
function figure(words: () => string): HTMLElement {
  return h("bdi", { dir: "ltr" }, words);
}

function mark(alive: boolean, draining: boolean): HTMLElement | null {
  if (!alive) return h("span", { class: "chip stopped" }, t("host.gone"));
  return draining ? h("span", { class: "chip warn" }, t("host.draining")) : null;
}

function meter(n: Signal<NodeStatus>): HTMLElement {
  return h("span", { class: "load" }, h("meter", { min: "0", max: "1", high: "0.7", optimum: "0", value: () => Math.min(1, n().load), "aria-label": t("host.column_load") }), () => `${number(100 * n().load)} %`);
}

function actions(api: API, n: NodeStatus, problem: Signal<string>, load: () => Promise<void>) {
  const again = async () => {
    problem.set("");
    await api.drain(n.node, false).then(load).then(() => tell(t("operator.undrained", { node: n.node })), (e: unknown) => problem.set(asProblem(e).sentence));
  };
  return [
    n.draining ? { id: "undrain", words: t("operator.undrain"), act: () => void again() } : { id: "drain", words: t("operator.drain"), act: () => drain(api, n, load) },
    null,
    { id: "remove", words: t("operator.remove"), danger: true, act: () => remove(api, n, load) },
  ];
}

function drain(api: API, n: NodeStatus, load: () => Promise<void>): void {
  ask({
    title: t("operator.drain_title", { node: n.node }), yes: t("operator.drain_yes"),
    body: [h("p", {}, t("operator.drain_hint")), h("p", { class: "hint" }, t("operator.drain_sessions", { sessions: number(n.sessions) }))],
    async act() {
      await api.drain(n.node, true);
      await load();
      tell(t("operator.drained", { node: n.node }));
    },
  });
}

/** remove asks for the name of the node, since that is for good. */
function remove(api: API, n: NodeStatus, load: () => Promise<void>): void {
  ask({
    title: t("operator.remove_title", { node: n.node }), yes: t("operator.remove_yes"), danger: true,
    body: [h("p", {}, t("operator.remove_hint")),
      h("div", { class: "field" }, h("label", { for: "remove-name" }, t("operator.remove_name", { node: n.node })),
        h("input", { id: "remove-name", required: true, autocomplete: "off", spellcheck: "false", dir: "ltr", pattern: n.node.replaceAll(".", "[.]"), title: n.node }))],
    async act() {
      await api.removeNode(n.node);
      await load();
      tell(t("operator.removed", { node: n.node }));
    },
  });
}
