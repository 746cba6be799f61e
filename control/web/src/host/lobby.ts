// The lobby: who waits, the longest first, and the way in.
import { asProblem } from "../http";
import { clock, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, signal } from "../ui/signals";
import type { API, Participant, Webinar } from "./api";
import { problemLine, tell } from "./parts";

/** lobby lists who waits to be admitted to w; load looks again, and refuse puts one of them out. */
export function lobby(api: API, w: Webinar, waiting: Signal<Participant[]>, load: () => Promise<void>, refuse: (p: Participant) => void): HTMLElement {
  const problem = signal("");
  const admit = async (body: { participants?: string[]; all?: boolean }) => {
    problem.set("");
    try {
      const { participants } = await api.admit(w.id, body);
      const now = new Set(participants);
      waiting.set(waiting.peek().filter((p) => !now.has(p.id))); // the nodes say so a moment later
      tell(t("host.lobby_admitted", { count: participants.length }));
      title.focus();
      await load();
    } catch (e) {
      problem.set(asProblem(e).sentence);
    }
  };
  const row = (p: Signal<Participant>) => h("li", { class: "person" },
    h("div", { class: "grow" }, h("p", { class: "row-title" }, h("bdi", {}, () => p().name)),
      h("p", { class: "hint" }, () => t("host.lobby_since", { time: clock(p().since) }))),
    h("button", { type: "button", class: "button", "aria-label": () => `${t("host.remove")}: ${p().name}`, onclick: () => refuse(p.peek()) }, t("host.remove")),
    h("button", { type: "button", class: "primary", "aria-label": () => `${t("host.lobby_admit")}: ${p().name}`, onclick: () => void admit({ participants: [p.peek().id] }) }, t("host.lobby_admit")));
  const list = h("ul", { class: "rows", id: "lobby" });
  each(list, waiting, (p) => p.id, row);
  const title = h("h2", { id: "lobby-title", tabindex: "-1" }, t("host.lobby"), " ", h("span", { class: "count" }, () => waiting().length));
  return h("section", { class: "card", "aria-labelledby": "lobby-title", hidden: () => (waiting().length === 0 && problem() === "") },
    h("div", { class: "head" }, title,
      h("button", { type: "button", class: "button", id: "admit-all", onclick: () => void admit({ all: true }) }, t("host.lobby_admit_all"))),
    h("p", { class: "hint", role: "status" }, () => (waiting().length > 0 ? t("host.lobby_count", { count: waiting().length }) : "")),
    problemLine(problem), list);
}
