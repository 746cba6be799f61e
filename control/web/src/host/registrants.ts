// <stentor-registrants>: who signed up, the host's decision, and the file of them all (S57-S59).
import { asProblem } from "../http";
import { type Key, clock, number, t } from "../texts";
import { type Child, Part, each, h } from "../ui/dom";
import { type Signal, derived, signal } from "../ui/signals";
import type { API, Decision, Registrant, Webinar } from "./api";
import { field, option } from "./fields";
import { address, ask, copying, every, problemLine, saveFile, tell } from "./parts";

/** batch is how many the server decides on at once. */
const batch = 500;

const states = ["pending", "approved", "waitlisted", "declined", "cancelled"] as const;

export class Registrants extends Part {
  api!: API;
  webinar!: string;

  render(): Child {
    const w = signal<Webinar | null>(null);
    const all = signal<Registrant[]>([]);
    const load = async () => {
      const [one, signed] = await Promise.all([this.api.webinar(this.webinar), this.api.registrants(this.webinar)]);
      w.set(one);
      all.set(signed);
    };
    const stale = every(5000, load);
    const refused = signal("");
    const search = signal("");
    const state = signal("");
    const shown = derived(() => all().filter((r) => (!state() || r.status === state()) && matches(r, search())));
    const pending = derived(() => all().filter((r) => r.status === "pending").length);
    const attempt = async (work: () => Promise<void>) => {
      refused.set("");
      await work().catch((e: unknown) => refused.set(asProblem(e).sentence));
    };
    const decide = (ids: string[], decision: Decision) => attempt(async () => {
      for (let i = 0; i < ids.length; i += batch) await this.api.decide(this.webinar, ids.slice(i, i + batch), decision);
      await load();
      tell(t("host.registrants_decided", { count: ids.length }));
    });
    const here = derived(() => w() !== null);
    const body = h("tbody", { id: "registrants" });
    each(body, shown, (r) => r.id, (r) => this.#row(r, w, decide));
    return [
      h("p", {}, h("a", { href: `#/webinars/${encodeURIComponent(this.webinar)}`, class: "back" }, t("host.plan_back"))),
      h("div", { class: "head" }, h("h1", { tabindex: "-1" }, t("host.registrants")),
        h("button", { type: "button", class: "button", id: "csv", onclick: () => void attempt(() => this.#save()) }, t("host.registrants_csv")),
        h("button", { type: "button", class: "primary", id: "approve-all", hidden: () => pending() === 0, onclick: () => void decide(all.peek().filter((r) => r.status === "pending").map((r) => r.id), "approve") }, () => t("host.registrants_approve_all", { count: pending() }))),
      problemLine(() => refused() || stale()),
      () => here() && this.#standing(w, load),
      h("section", { class: "card" },
        h("div", { class: "plan-grid" },
          field("search", t("host.registrants_search"), h("input", { id: "search", type: "search", autocomplete: "off", oninput: (e: Event) => search.set((e.target as HTMLInputElement).value) })),
          field("status", t("host.registrants_status"), h("select", { id: "status", onchange: (e: Event) => state.set((e.target as HTMLSelectElement).value) }, option("", t("host.registrants_all")), states.map((s) => option(s, t(`host.registrant_${s}`)))))),
        h("p", { class: "hint", role: "status" }, () => t("host.registrants_shown", { shown: shown().length, all: all().length })),
        h("div", { class: "wide", hidden: () => shown().length === 0 }, h("table", {}, h("thead", {}, h("tr", {}, ["host.registrants_name", "host.registrants_email", "host.registrants_at", "host.registrants_status", "host.registrants_decision"].map((k) => h("th", { scope: "col" }, t(k as Key))))), body)),
        () => here() && all().length === 0 && h("p", { class: "empty" }, t("host.registrants_none"))),
    ];
  }

  /** standing is how the registration is: its page, its numbers, and the way to close it. */
  #standing(w: Signal<Webinar | null>, load: () => Promise<void>): HTMLElement {
    const first = w.peek()!;
    const r = () => w()?.registration;
    const turn = () => {
      const open = Boolean(r()?.closed);
      ask({ title: t(open ? "host.registration_open" : "host.registration_close"), yes: t(open ? "host.registration_open" : "host.registration_close"), danger: !open,
        body: h("p", {}, t(open ? "host.registration_open_hint" : "host.registration_close_hint")),
        act: async () => { await this.api.openRegistration(this.webinar, open); await load(); } });
    };
    return h("section", { class: "card", hidden: () => !r() },
      h("div", { class: "head" }, h("h2", {}, h("bdi", {}, () => w()?.title ?? "")), h("span", { class: () => `chip ${r()?.open ? "live" : ""}` }, () => t(r()?.open ? "host.registration_is_open" : "host.registration_is_closed"))),
      h("p", { class: "hint" }, () => t("host.registrants_count", { approved: number(r()?.approved ?? 0), pending: number(r()?.pending ?? 0), waitlisted: number(r()?.waitlisted ?? 0), maximum: r()?.maximum ? number(r()!.maximum!) : "∞" })),
      copying("register-link", t("host.plan_register_link"), address(`${first.join_path}/register`)),
      h("button", { type: "button", class: "button", id: "registration-turn", hidden: () => w()?.state === "ended", onclick: turn }, () => t(r()?.closed ? "host.registration_open" : "host.registration_close")));
  }

  #row(r: Signal<Registrant>, w: Signal<Webinar | null>, decide: (ids: string[], d: Decision) => Promise<void>): HTMLElement {
    const name = () => `${r().first_name} ${r().last_name}`.trim() || r().id;
    const button = (d: Decision, now: () => boolean) => h("button", {
      type: "button", class: d === "approve" ? "button" : "danger", "aria-label": () => `${t(`host.registrants_${d}`)}: ${name()}`, hidden: () => !now() || w()?.state === "ended", onclick: () => void decide([r.peek().id], d),
    }, t(`host.registrants_${d}`));
    const labels = () => new Map((w()?.registration?.fields ?? []).map((f) => [f.id, f.label]));
    const answers = () => Object.entries(r().fields ?? {}).filter(([, given]) => given.length > 0);
    const kind = () => ({ approved: "live", pending: "warn" } as Record<string, string>)[r().status] ?? "";
    return h("tr", {},
      h("th", { scope: "row" }, h("bdi", {}, name), () => answers().length > 0 && h("details", { class: "answers" }, h("summary", {}, t("host.registrants_answers")),
        h("dl", {}, answers().map(([id, given]) => [h("dt", {}, h("bdi", {}, labels().get(id) ?? id)), h("dd", {}, h("bdi", {}, given.join(", ")))])))),
      h("td", {}, h("bdi", {}, () => r().email)), h("td", {}, () => clock(r().created_at)),
      h("td", {}, h("span", { class: () => `chip ${kind()}` }, () => t(`host.registrant_${r().status}`))),
      h("td", {}, h("div", { class: "row tight" }, button("approve", () => ["pending", "waitlisted", "declined"].includes(r().status)), button("decline", () => ["pending", "waitlisted"].includes(r().status)), button("cancel", () => r().status === "approved"))));
  }

  async #save(): Promise<void> {
    saveFile(await this.api.registrantsCSV(this.webinar), "registrants.csv");
  }
}

function matches(r: Registrant, search: string): boolean {
  const text = `${r.first_name} ${r.last_name} ${r.email}`.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

customElements.define("stentor-registrants", Registrants);
