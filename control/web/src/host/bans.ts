// Bans: who is kept out, how strongly, and the way back (S69).
import { clock, t } from "../texts";
import { each, h } from "../ui/dom";
import type { Ban } from "./api";
import type { Live } from "./live";
import { ask, tell } from "./parts";

/** bans lists the bans of the webinar. */
export function bans(live: Live): HTMLElement {
  const items = live.bans;
  const lift = (b: Ban) => ask({
    title: t("host.lift_title", { name: b.name || b.participant }),
    yes: t("host.lift"),
    body: h("p", {}, t("host.lift_hint")),
    async act() {
      await live.api.liftBan(live.id, b.id);
      await live.lists();
      tell(t("host.lifted", { name: b.name || b.participant }));
    },
  });
  const list = h("ul", { class: "rows", id: "bans" });
  each(list, items, (b) => b.id, (b) => h("li", { class: "person" },
    h("div", { class: "grow" }, h("p", { class: "row-title" }, h("bdi", {}, () => b().name || b().participant)),
      h("p", { class: "hint" }, () => `${t(`host.strength_${b().strength}`)} · ${t("host.since", { time: clock(b().at) })}`)),
    h("button", { type: "button", class: "button", "aria-label": () => `${t("host.lift")}: ${b().name}`, onclick: () => lift(b.peek()) }, t("host.lift"))));
  return h("section", { class: "people-part", "aria-labelledby": "bans-title", hidden: () => items().length === 0 },
    h("h2", { id: "bans-title" }, t("host.bans"), " ", h("span", { class: "count" }, () => items().length)), list);
}
