// The second tab: whether, how long and how many people sign up, and what they are asked (S45-S56).
import { t } from "../texts";
import { type Child, h } from "../ui/dom";
import { signal } from "../ui/signals";
import type { Webinar } from "./api";
import { zoneOf } from "./draft";
import { field, option, tick } from "./fields";
import { asked } from "./plan-fields";
import type { Door } from "./plan-door";
import { wall } from "./zone";

/** signUp is the tab's content. */
export function signUp(was: Webinar | null, d: Door): Child {
  const pinned = () => d.how() !== "none";
  const turn = (e: Event) => d.registers.set((e.target as HTMLInputElement).checked);
  const instead = () => {
    d.how.set("none");
    d.registers.set(true);
    document.getElementById("registers")?.focus();
  };
  return [
    h("label", { class: "choice switch" }, h("input", { type: "checkbox", id: "registers", checked: () => d.registers(), disabled: () => pinned(), onchange: turn, "aria-describedby": "registers-hint" }), t("host.plan_registers")),
    h("p", { class: "hint", id: "registers-hint" }, t("host.plan_registers_hint")),
    () => pinned() && h("div", { class: "notice", id: "registration-excluded" }, h("p", {}, t("host.plan_registration_excluded")), h("button", { type: "button", class: "button", id: "instead", onclick: instead }, t("host.plan_instead"))),
    () => d.registers() && terms(was, d),
  ];
}

function terms(was: Webinar | null, d: Door): Child {
  const r = was?.registration;
  const window = signal(r?.window ?? "end");
  const at = (iso?: string) => (iso ? wall(Date.parse(iso), zoneOf(was)) : "");
  const time = (name: string, words: string, iso?: string) => field(name, words, h("input", { id: name, name, type: "datetime-local", required: true, value: at(iso) }));
  return [
    field("window", t("host.plan_window"), h("select", { id: "window", name: "window", onchange: (e: Event) => window.set((e.target as HTMLSelectElement).value) },
      option("start", t("host.plan_window_start"), window.peek()), option("end", t("host.plan_window_end"), window.peek()), option("interval", t("host.plan_window_interval"), window.peek()), option("always", t("host.plan_window_always"), window.peek()))),
    () => window() === "interval" && h("div", {}, h("div", { class: "plan-grid" }, time("opens_at", t("host.plan_opens"), r?.opens_at), time("closes_at", t("host.plan_closes"), r?.closes_at)), h("p", { class: "hint" }, t("host.plan_interval_hint"))),
    field("maximum", t("host.plan_maximum"), h("input", { id: "maximum", name: "maximum", type: "number", min: 0, max: 100_000, inputmode: "numeric", value: String(r?.maximum ?? 0) }), t("host.plan_maximum_hint")),
    h("div", {}, tick("approval", t("host.plan_approval"), r?.approval ?? false), tick("waitlist", t("host.plan_waitlist"), r?.waitlist ?? false), tick("accounts", t("host.plan_accounts"), r?.accounts ?? false)),
    asked(d.fields),
  ];
}
