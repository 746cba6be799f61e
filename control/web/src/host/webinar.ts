// <stentor-webinar>: one webinar while it runs: its stage, its people, its doors, its end.
import { t } from "../texts";
import { type Child, Part, h } from "../ui/dom";
import { icon } from "../ui/icons";
import { derived, effect, untracked } from "../ui/signals";
import type { API } from "./api";
import { door } from "./door";
import { guests } from "./guests";
import { invites } from "./invites";
import { Live } from "./live";
import { panel, saveChat } from "./panel";
import { ask, problemLine, stateChip } from "./parts";
import { Presence } from "./presence";
import { recording } from "./recording";
import { stage } from "./stage";

export class OneWebinar extends Part {
  api!: API;
  webinar!: string;

  render(): Child {
    const live = new Live(this.api, this.webinar);
    const presence = new Presence(live);
    const here = derived(() => live.webinar() !== null); // the body is made once, and its parts follow what they show
    effect(() => {
      if (here()) untracked(() => void presence.begin());
    });
    return [
      () => !here() && h("p", {}, h("a", { href: "#/webinars", class: "back" }, t("host.back"))),
      problemLine(() => (here() ? "" : live.stale())),
      () => here() && untracked(() => this.#body(live, presence)),
    ];
  }

  #body(live: Live, presence: Presence): Child {
    const title = derived(() => live.webinar()?.title ?? "");
    const state = derived(() => live.webinar()?.state ?? "planned");
    const registers = derived(() => Boolean(live.webinar()?.registration));
    const at = `#/webinars/${encodeURIComponent(live.id)}`;
    return [
      h("div", { class: "head live-head" },
        h("a", { href: "#/webinars", class: "round way-back", "aria-label": t("host.back"), title: t("host.back") }, icon("back")),
        h("h1", { tabindex: "-1" }, h("bdi", {}, title)), () => stateChip(state()),
        h("a", { class: "button", id: "records-link", href: `${at}/records` }, t("host.records")),
        h("a", { class: "button", id: "registrants-link", href: `${at}/registrants`, hidden: () => !registers() }, t("host.registrants")),
        h("a", { class: "button", id: "plan-link", href: `${at}/plan`, hidden: () => !live.open() }, t("host.plan")),
        () => live.open() && h("button", { type: "button", class: "danger", id: "end", onclick: () => end(live) }, t("host.end"))),
      h("div", { class: "live-columns" },
        stage(live, presence), panel(live, presence),
        h("div", { class: "live-settings" },
          door(live), recording(live), () => live.open() && guests(live), () => live.open() && invites(live))),
    ];
  }
}

/** end ends the webinar for everybody. */
function end(live: Live): void {
  ask({
    title: t("host.end_title", { title: live.webinar.peek()!.title }), yes: t("host.end"), danger: true, body: [h("p", {}, t("host.end_hint")), h("p", { class: "hint" }, t("host.chat_ends")), saveChat(live)],
    act: async () => {
      await live.api.end(live.id);
      await live.load();
    },
  });
}

customElements.define("stentor-webinar", OneWebinar);
