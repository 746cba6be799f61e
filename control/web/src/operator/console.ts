// <stentor-operator>: the mesh as one node sees it, looked at every two seconds.
import { type Key, number, t } from "../texts";
import { type Child, Part, each, h } from "../ui/dom";
import { type Signal, derived, signal } from "../ui/signals";
import type { API, Status, Webinar } from "../host/api";
import { every, problemLine } from "../host/parts";
import { type Alert, alerts } from "./alerts";
import { certificateCard } from "./certificates";
import { nodes } from "./nodes";
import { tracks } from "./tracks";
import { webinars } from "./webinars";

export class Operator extends Part {
  api!: API;

  render(): Child {
    const status = signal<Status | null>(null);
    const all = signal<Webinar[]>([]);
    const admin = signal(false);
    const load = async () => status.set(await this.api.status());
    const problem = every(2000, load);
    every(10_000, async () => all.set(await this.api.webinars()));
    void this.api.me().then((me) => admin.set(me.scopes.includes("admin")), () => {});
    const here = derived(() => status() !== null);
    const title = (id: string) => all().find((w) => w.id === id)?.title ?? id;
    return [
      h("div", { class: "head" }, h("h1", { tabindex: "-1" }, t("host.mesh")), h("span", { class: () => `chip ${problem() ? "warn" : "live"}`, hidden: () => !here() }, () => t(problem() ? "operator.old" : "operator.live"))),
      problemLine(problem),
      () => here() && [warnings(status as Signal<Status>), summary(status as Signal<Status>), nodes(this.api, status, admin, load), tracks(status, title), webinars(all, status), certificateCard(status)],
    ];
  }
}

/** warnings are the alerts; that there are none is said too. */
function warnings(status: () => Status): HTMLElement {
  const now = derived(() => alerts(status()));
  const calm = derived(() => now().length === 0);
  const words = (a: Alert) => t(a.key, a.places);
  const list = each(h("ul", { class: "alerts", id: "alerts" }), now, (a) => a.id, (a) => h("li", { class: () => (a().grave ? "problem" : "warning") },
    h("strong", {}, () => t(a().grave ? "operator.grave" : "operator.warn")), " ", () => words(a())));
  return h("section", { "aria-labelledby": "alerts-title" }, h("h2", { id: "alerts-title", class: "sr" }, t("operator.alerts")),
    h("div", { role: "status" }, h("p", { class: "calm", hidden: () => !calm() }, t("operator.calm")), list));
}

/** summary is the cluster in figures: Raft first. */
function summary(status: () => Status): HTMLElement {
  const figure = (words: string, value: () => string, hint: () => string = () => "") => h("div", { class: "figure" },
    h("dt", {}, words), h("dd", {}, h("bdi", {}, value), h("span", { class: "hint" }, hint)));
  const alive = (role?: string) => status().nodes.filter((n) => n.alive && (!role || n.role === role)).length;
  const lag = () => {
    const indexes = status().nodes.filter((n) => n.alive && n.role === "voter").map((n) => n.index);
    return indexes.length > 0 ? Math.max(...indexes) - Math.min(...indexes) : 0;
  };
  return h("dl", { class: "summary", id: "raft" },
    figure(t("operator.leader"), () => status().leader || t("host.no_leader"), () => t("operator.term", { term: status().term })),
    figure(t("operator.index"), () => number(status().index), () => t("operator.lag", { lag: number(lag()) })),
    figure(t("operator.voters"), () => `${alive("voter")} / ${status().nodes.filter((n) => n.role === "voter").length}`),
    figure(t("host.nodes"), () => `${alive()} / ${status().nodes.length}`, () => status().cluster),
    figure(t("operator.sessions"), () => number(status().nodes.reduce((n, one) => n + one.sessions, 0))),
    figure(t("operator.gossip"), () => (status().gossip_key ? String(status().gossip_key!.generation) : "–"), () => (status().gossip_key ? t(`operator.key_${status().gossip_key!.phase}` as Key) : "")));
}

customElements.define("stentor-operator", Operator);
