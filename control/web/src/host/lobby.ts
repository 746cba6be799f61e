// The lobby: who waits, the longest first, and the way in.
import { asProblem } from "../http";
import { clock, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, signal } from "../ui/signals";
import type { Participant } from "./api";
import type { Live } from "./live";
import { menuButton } from "./menu";
import { problemLine, tell } from "./parts";
import { removals } from "./person";

/** lobby lists who waits to be admitted. */
export function lobby(live: Live): HTMLElement {
  const { waiting } = live;
  const problem = signal("");
  const admit = async (body: { participants?: string[]; all?: boolean }) => {
    problem.set("");
    try {
      const { participants } = await live.api.admit(live.id, body);
      const now = new Set(participants);
      waiting.set(waiting.peek().filter((p) => !now.has(p.id))); // the nodes say so a moment later
      tell(t("host.lobby_admitted", { count: participants.length }));
      (waiting.peek().length > 0 ? title : document.getElementById("people-title"))?.focus();
      await live.look();
    } catch (e) {
      problem.set(asProblem(e).sentence);
    }
  };
  const row = (p: Signal<Participant>) => h("li", { class: "person" },
    h("div", { class: "grow" }, h("p", { class: "row-title" }, h("bdi", {}, () => p().name)),
      h("p", { class: "hint" }, () => t("host.lobby_since", { time: clock(p().since) }))),
    h("button", { type: "button", class: "primary", "aria-label": () => `${t("host.lobby_admit")}: ${p().name}`, onclick: () => void admit({ participants: [p.peek().id] }) }, t("host.lobby_admit")),
    menuButton(() => t("host.live_actions", { name: p().name }), () => removals(live, p.peek())));
  const list = h("ul", { class: "rows", id: "lobby" });
  each(list, waiting, (p) => p.id, row);
  const title = h("h2", { id: "lobby-title", tabindex: "-1" }, t("host.lobby"), " ", h("span", { class: "count" }, () => waiting().length));
  return h("section", { class: "people-part lobby-part", "aria-labelledby": "lobby-title", hidden: () => waiting().length === 0 && problem() === "" },
    h("div", { class: "head" }, title,
      h("button", { type: "button", class: "button", id: "admit-all", onclick: () => void admit({ all: true }) }, t("host.lobby_admit_all"))),
    h("p", { class: "hint", role: "status" }, () => (waiting().length > 0 ? t("host.lobby_count", { count: waiting().length }) : "")),
    problemLine(problem), list);
}
