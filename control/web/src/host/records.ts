// <stentor-records>: who was inside and when, and what was done, with the way to undo it (M11).
import { asProblem } from "../http";
import { type Key, clock, has, number, t } from "../texts";
import { type Child, Part, each, h } from "../ui/dom";
import { type Signal, derived, signal } from "../ui/signals";
import type { API, AuditEntry, Stay } from "./api";
import { ask, every, problemLine, saveFile, tell } from "./parts";
import { tabs } from "./tabs";

export class Records extends Part {
  api!: API;
  webinar!: string;

  render(): Child {
    const panels = tabs("records", [
      { id: "attendance", title: t("host.attendance"), body: this.#attendance() },
      { id: "audit", title: t("host.audit"), body: this.#audit() },
    ]);
    return [
      h("p", {}, h("a", { href: `#/webinars/${encodeURIComponent(this.webinar)}`, class: "back" }, t("host.plan_back"))),
      h("div", { class: "head" }, h("h1", { tabindex: "-1" }, t("host.records"))),
      panels.el,
    ];
  }

  #attendance(): Child {
    const stays = signal<Stay[]>([]);
    const refused = signal("");
    const stale = every(10_000, async () => stays.set(await this.api.attendance(this.webinar)));
    const save = () => this.api.attendanceCSV(this.webinar).then((file) => saveFile(file, "attendance.csv"), (e: unknown) => refused.set(asProblem(e).sentence));
    const body = each(h("tbody", { id: "attendance" }), stays, (s) => s.id, stay);
    return [
      h("div", { class: "head" }, h("p", { class: "hint", role: "status" }, () => t("host.attendance_count", { people: new Set(stays().map((s) => s.participant)).size, stays: stays().length })),
        h("button", { type: "button", class: "button", id: "attendance-csv", onclick: () => void save() }, t("host.attendance_csv"))),
      problemLine(() => refused() || stale()),
      table(["name", "role", "joined", "left", "minutes", "node"].map((c) => `host.attendance_${c}` as Key), body, () => stays().length === 0, "host.attendance"),
      () => stays().length === 0 && h("p", { class: "empty" }, t("host.attendance_none")),
    ];
  }

  #audit(): Child {
    const entries = signal<AuditEntry[]>([]);
    const next = signal("");
    const load = async () => {
      const page = await this.api.audit(this.webinar);
      const older = entries.peek().filter((e) => e.seq < (page.items.at(-1)?.seq ?? 0));
      if (entries.peek().length <= page.items.length) next.set(page.next ?? "");
      entries.set([...page.items, ...older]);
    };
    const problem = every(5000, load);
    const more = async () => {
      const page = await this.api.audit(this.webinar, next.peek());
      next.set(page.next ?? "");
      entries.set([...entries.peek(), ...page.items]);
    };
    const body = each(h("tbody", { id: "audit" }), entries, (e) => String(e.seq), (e) => this.#entry(e, load));
    return [
      h("p", { class: "hint" }, t("host.audit_hint")), problemLine(problem),
      table(["at", "action", "undo", "by", "subject"].map((c) => `host.audit_${c}` as Key), body, () => entries().length === 0, "host.audit"),
      () => next() && h("p", {}, h("button", { type: "button", class: "button", id: "audit-more", onclick: () => void more().catch((e: unknown) => problem.set(asProblem(e).sentence)) }, t("host.audit_more"))),
    ];
  }

  #entry(e: Signal<AuditEntry>, load: () => Promise<void>): HTMLElement {
    const what = action(e.peek().action);
    const undo = () => ask({
      title: t("host.audit_undo_title", { action: what }), yes: t("host.audit_undo"), body: h("p", {}, t("host.audit_undo_hint")),
      act: async () => {
        await this.api.undo(this.webinar, e.peek().seq);
        await load();
        tell(t("host.audit_undone"));
      },
    });
    return h("tr", {}, h("td", {}, clock(e.peek().at)), h("th", { scope: "row" }, what),
      h("td", {}, () => e().undoable && h("button", { type: "button", class: "button", "aria-label": `${t("host.audit_undo")}: ${what}`, onclick: undo }, t("host.audit_undo"))),
      h("td", {}, h("bdi", { class: "audit-id" }, e.peek().by)), h("td", {}, h("bdi", { class: "audit-id" }, e.peek().subject ?? "–")));
  }
}

/** action is what was done, in words where somebody wrote them. */
function action(name: string): string {
  const key = `host.did_${name.replace(".", "_")}`;
  return has(key) ? t(key) : name;
}

function stay(s: Signal<Stay>): HTMLElement {
  const minutes = derived(() => Math.max(0, (Date.parse(s().left_at ?? new Date().toISOString()) - Date.parse(s().joined_at)) / 60_000));
  return h("tr", {}, h("th", { scope: "row" }, h("bdi", {}, () => s().name || t("host.attendance_deleted"))), h("td", {}, () => t(`common.role_${s().role}` as Key)),
    h("td", {}, () => clock(s().joined_at)), h("td", {}, () => (s().left_at ? clock(s().left_at!) : h("span", { class: "chip live" }, t("host.attendance_inside")))),
    h("td", {}, () => number(minutes())), h("td", {}, h("bdi", {}, () => s().node)));
}

function table(head: Key[], body: HTMLElement, empty: () => boolean, label: Key): HTMLElement {
  return h("div", { class: "wide", hidden: empty, role: "region", tabindex: "0", "aria-label": t(label) }, h("table", {}, h("thead", {}, h("tr", {}, head.map((k) => h("th", { scope: "col" }, t(k))))), body));
}

customElements.define("stentor-records", Records);
