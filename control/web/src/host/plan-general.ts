// The first tab: what it is, when it is, and its PIN.
import { type Key, t } from "../texts";
import { type Child, h } from "../ui/dom";
import { signal } from "../ui/signals";
import type { Webinar } from "./api";
import { occurrences, rhythm, rhythms, zoneOf } from "./draft";
import type { Door, How } from "./plan-door";
import { field, option } from "./fields";
import { weak } from "./pin";
import { instant, local, wall, zones } from "./zone";

/** general is the tab's content. */
export function general(was: Webinar | null, d: Door): Child {
  return [
    field("title", t("host.webinar_title"), h("input", { id: "title", name: "title", required: true, maxlength: 200, dir: "auto", autocomplete: "off", value: was?.title ?? "" })),
    field("description", t("host.plan_description"), h("textarea", { id: "description", name: "description", maxlength: 4000, rows: 3, dir: "auto", value: was?.description ?? "" })),
    field("mode", t("host.mode"), h("select", { id: "mode", name: "mode" }, option("role-based", t("host.mode_roles"), was?.mode), option("all-on-screen", t("host.mode_all"), was?.mode))),
    schedule(was), pin(was, d),
  ];
}

function schedule(was: Webinar | null): HTMLElement {
  const s = was?.schedule;
  const start = signal(s ? wall(Date.parse(s.start), zoneOf(was)) : "");
  const zone = signal(zoneOf(was));
  const { repeat, times } = rhythm(s?.rule);
  const again = signal(repeat);
  const read = (to: typeof start) => (e: Event) => to.set((e.target as HTMLInputElement).value);
  const here = () => (start() && zone() !== local ? t("host.plan_here", { time: moment(instant(start(), zone())) }) : "");
  const count = signal(times);
  const plain = () => Object.hasOwn(rhythms, again());
  const coming = (): string[] => {
    if (plain()) return start() ? occurrences(start(), again(), count() || 10, 5).map((n) => moment(instant(n, zone()), zone())) : [];
    return again() && again() === repeat ? (s?.next ?? []).slice(0, 5).map((n) => moment(new Date(n), zoneOf(was))) : []; // a rule of another's making: what the server says
  };
  const next = () => coming().length > 0 && h("div", { id: "next-dates", role: "status" }, h("p", { class: "hint" }, t("host.plan_next")), h("ol", { class: "next-dates" }, coming().map((n) => h("li", {}, n))));
  return h("fieldset", { class: "plan-part" }, h("legend", {}, t("host.plan_when")),
    h("div", { class: "plan-grid" },
      field("start", t("host.plan_start"), h("input", { id: "start", name: "start", type: "datetime-local", value: start.peek(), "aria-describedby": "start-here", oninput: read(start) })),
      field("zone", t("host.plan_zone"), h("select", { id: "zone", name: "zone", dir: "ltr", onchange: read(zone) }, zones(zone.peek()).map((z) => option(z, z.replaceAll("_", " "), zone.peek())))),
      field("duration", t("host.plan_duration"), h("input", { id: "duration", name: "duration", type: "number", min: 1, max: 10080, required: true, inputmode: "numeric", value: String(s ? s.duration_seconds / 60 : 60), step: "any" })),
      field("repeat", t("host.plan_repeat"), h("select", { id: "repeat", name: "repeat", onchange: read(again) },
        option("", t("host.plan_once"), repeat), Object.keys(rhythms).map((k) => option(k, t(`host.plan_${k.toLowerCase()}` as Key), repeat)),
        repeat.includes("=") && option(repeat, repeat, repeat))),
      () => plain() && field("times", t("host.plan_times"), h("input", { id: "times", name: "times", type: "number", min: 2, max: 500, required: true, inputmode: "numeric", value: String(times), oninput: (e: Event) => count.set(Number((e.target as HTMLInputElement).value)) }))),
    h("p", { class: "hint", id: "start-here", role: "status" }, () => here() || (start() ? "" : t("host.plan_no_start"))), next);
}

function moment(at: Date, zone = local): string {
  return new Intl.DateTimeFormat(document.documentElement.lang || "en", { dateStyle: "medium", timeStyle: "short", timeZone: zone }).format(at);
}

function pin(was: Webinar | null, d: Door): HTMLElement {
  const typed = signal("");
  const one = (value: How, words: string) => h("label", { class: "choice" },
    h("input", { type: "radio", name: "how", value, checked: () => d.how() === value, disabled: () => d.registers(), onchange: () => d.how.set(value) }), words);
  const warning = () => {
    if (d.registers()) return "";
    if (d.how() === "none") return t("host.no_door");
    return d.how() === "type" && typed().length >= 4 && weak(typed()) ? t("host.pin_weak") : "";
  };
  return h("fieldset", { class: "plan-part", id: "plan-pin" }, h("legend", {}, t("host.pin")),
    () => d.registers() && h("p", { class: "notice", id: "pin-excluded" }, t("host.plan_pin_excluded")),
    was?.has_pin && one("keep", t("host.plan_pin_keep")),
    one("generate", t("host.pin_generate")), one("type", t("host.pin_type")), one("none", t("host.pin_none")),
    () => d.how() === "type" && field("pin", t("host.pin_value"), h("input", { id: "pin", name: "pin", required: true, minlength: 4, maxlength: 32, autocomplete: "off", spellcheck: "false", dir: "ltr", "aria-describedby": "pin-weak", value: typed.peek(), oninput: (e: Event) => typed.set((e.target as HTMLInputElement).value) })),
    h("p", { class: "warning", id: "pin-weak", role: "status" }, warning));
}
