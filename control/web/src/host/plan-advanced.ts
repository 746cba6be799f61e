// The third tab: what guests may, how many there may be, and who waits (S36-S41, S60).
import { type Key, t } from "../texts";
import { type Child, h } from "../ui/dom";
import type { Webinar } from "./api";
import { permitted } from "./draft";
import { embedding } from "./embed";
import { field, option, tick } from "./fields";

/** advanced is the tab's content. */
export function advanced(was: Webinar | null): Child {
  return [
    h("fieldset", { class: "plan-part" }, h("legend", {}, t("host.plan_guests")), h("p", { class: "hint" }, t("host.plan_guests_hint")),
      h("div", { class: "plan-ticks" }, permitted.map((p) => tick(p, t(`host.plan_may_${p}` as Key), was?.guests?.[p] ?? true)))),
    field("guest_limit", t("host.plan_limit"), h("input", { id: "guest_limit", name: "guest_limit", type: "number", min: 0, max: 1_000_000, inputmode: "numeric", value: String(was?.guest_limit ?? 0) }), t("host.plan_limit_hint")),
    field("lobby", t("host.lobby"), h("select", { id: "lobby", name: "lobby" },
      option("off", t("host.plan_lobby_off"), was?.lobby), option("guests", t("host.plan_lobby_guests"), was?.lobby), option("everyone", t("host.plan_lobby_everyone"), was?.lobby)), t("host.plan_lobby_hint")),
    field("partition", t("host.plan_partition"), h("select", { id: "partition", name: "partition" }, option("keep", t("host.plan_partition_keep"), was?.partition), option("strict", t("host.plan_partition_strict"), was?.partition)), t("host.plan_partition_hint")),
    field("retention_days", t("host.plan_retention"), h("input", { id: "retention_days", name: "retention_days", type: "number", min: 1, max: 3650, required: true, inputmode: "numeric", value: String(was?.retention_days || 30) }), t("host.plan_retention_hint")),
    tick("locked", t("host.plan_locked"), was?.locked ?? false, t("host.plan_locked_hint")),
    embedding(was),
  ];
}
