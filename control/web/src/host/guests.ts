// What guests may send, switched while the webinar runs (S36-S44, S73). The edge where a guest is enforces it.
import { type Key, t } from "../texts";
import { h } from "../ui/dom";
import { derived } from "../ui/signals";
import { permitted } from "./draft";
import { toggle } from "./door";
import type { Live } from "./live";

/** guests is the card of the switches. */
export function guests(live: Live): HTMLElement {
  const passive = derived(() => permitted.every((p) => !live.webinar()?.guests?.[p]));
  return h("section", { class: "card", "aria-labelledby": "guests-title" },
    h("div", { class: "head" }, h("h2", { id: "guests-title" }, t("host.live_guests_may")), h("span", { class: "chip warn", role: "status", hidden: () => !passive() }, () => (passive() ? t("host.live_passive") : ""))),
    h("p", { class: "hint" }, t("host.plan_guests_hint")),
    h("div", { class: "toggles" }, permitted.map((p) => toggle(live, `guests-${p}`, t(`host.plan_may_${p}` as Key), (w) => w.guests?.[p] ?? false, (on) => ({ guests: { [p]: on } })))));
}
