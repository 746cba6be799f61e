// Who was disconnected and has not been asked back, and the way back by button or menu (S66-S69).
import { asProblem } from "../http";
import { clock, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, signal } from "../ui/signals";
import type { Unconnected } from "./api";
import type { Live } from "./live";
import { menuButton } from "./menu";
import { ask, problemLine, tell } from "./parts";

/** unconnected lists who was put out of the webinar. */
export function unconnected(live: Live): HTMLElement {
  const items = live.unconnected;
  const list = h("ul", { class: "rows", id: "unconnected" });
  each(list, items, (u) => u.participant, (u) => row(live, u));
  return h("section", { class: "people-part", "aria-labelledby": "unconnected-title", hidden: () => items().length === 0 },
    h("h2", { id: "unconnected-title", tabindex: "-1" }, t("host.unconnected"), " ", h("span", { class: "count" }, () => items().length)), list);
}

const called = (u: Unconnected): string => u.name || u.participant;

function row(live: Live, u: Signal<Unconnected>): HTMLElement {
  const problem = signal("");
  const back = async (one: Unconnected) => {
    await live.api.reinvite(live.id, one.participant);
    tell(t("host.reinvited", { name: called(one) }));
    await live.lists();
    document.getElementById(live.unconnected.peek().length > 0 ? "unconnected-title" : "people-title")?.focus();
  };
  const reinvite = () => {
    const one = u.peek();
    problem.set("");
    if (one.banned) return ask({ title: t("host.reinvite_title", { name: called(one) }), yes: t("host.reinvite"), body: h("p", {}, t("host.reinvite_hint")), act: () => back(one) });
    back(one).catch((e: unknown) => problem.set(asProblem(e).sentence));
  };
  return h("li", { class: "person" },
    h("div", { class: "grow" }, h("p", { class: "row-title" }, h("bdi", {}, () => called(u()))),
      h("p", { class: "hint" }, () => [t("host.unconnected_at", { time: clock(u().at) }), u().banned && t("host.unconnected_banned")].filter(Boolean).join(" · ")),
      problemLine(problem)),
    () => live.open() && [
      h("button", { type: "button", class: "button", "aria-label": () => `${t("host.reinvite")}: ${called(u())}`, onclick: reinvite }, t("host.reinvite")),
      menuButton(() => t("host.live_actions", { name: called(u()) }), () => [{ id: "reinvite", words: t("host.reinvite"), act: reinvite }]),
    ]);
}
