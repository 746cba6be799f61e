// The stage as the host sees it: the picture, the tiles of those on air with their menus, and the way to send.
import { t } from "../texts";
import { type Child, each, h } from "../ui/dom";
import { icon } from "../ui/icons";
import { type Signal, derived, effect, signal } from "../ui/signals";
import { type Publish } from "../guest/publish";
import { Quality } from "../guest/quality";
import { type Stage } from "../guest/stage";
import type { Visit } from "../guest/visit";
import "../guest/publish";
import "../guest/stage";
import type { Participant } from "./api";
import type { Live } from "./live";
import { ask, problemLine } from "./parts";
import { initials, onAir } from "./people";
import { personMenu } from "./person";
import type { Presence } from "./presence";

/** stage shows what the audience sees. */
export function stage(live: Live, presence: Presence): HTMLElement {
  const sends = signal(false);
  let shown: Stage | null = null;
  const picture = (visit: Visit): Stage => {
    const el = document.createElement("stentor-stage") as Stage;
    el.visit = visit;
    el.leave = () => presence.leave();
    el.sizes = async () => new Quality();
    return (shown = el);
  };
  effect(() => {
    if (!presence.visit()) sends.set(false);
  });
  const panel = (visit: Visit): Publish => {
    const el = document.createElement("stentor-publish") as Publish;
    el.visit = visit;
    el.onair = (on) => shown?.hush(on);
    return el;
  };
  return h("section", { class: "live-stage", "aria-label": t("host.live_stage") },
    h("div", { class: "live-picture" }, () => (presence.visit() ? picture(presence.visit()!) : poster(live, presence)), tiles(live)),
    () => presence.visit() && h("div", { class: "row live-own" },
      h("button", { type: "button", class: "button", id: "present", "aria-expanded": () => String(sends()), onclick: () => sends.set(!sends.peek()) }, icon("camera"), () => t(sends() ? "host.live_present_close" : "host.live_present")),
      h("p", { class: "hint" }, () => t("stage.you", { name: presence.visit()?.grant().name ?? "" }))),
    () => presence.visit() && sends() && panel(presence.visit()!));
}

/** poster stands where the picture will be. */
function poster(live: Live, presence: Presence): Child {
  const onStage = derived(() => live.inside().filter(onAir).length);
  const enter = () => ask({
    title: t("host.live_watch_title"), yes: t("host.live_watch"),
    body: h("div", { class: "field" }, h("label", { for: "host-name" }, t("host.live_name")),
      h("input", { id: "host-name", name: "name", required: true, maxlength: 100, dir: "auto", autocomplete: "name", autofocus: true, "aria-describedby": "host-name-hint" }),
      h("p", { class: "hint", id: "host-name-hint" }, t("host.live_name_hint"))),
    async act(form) {
      await presence.enter(String(form.get("name")).trim());
    },
  });
  const watch = () => {
    void presence.begin().then(() => {
      if (!presence.visit.peek() && !presence.problem.peek()) enter();
    });
  };
  return h("div", { class: "frame poster" }, h("div", { class: "veil" },
    h("p", { class: "veil-title" }, () => (!live.open() ? t("host.state_ended") : onStage() > 0 ? t("stage.live") : t("stage.waiting_title"))),
    problemLine(() => (live.open() ? presence.problem() : "")),
    () => live.open() && h("button", { type: "button", class: "primary", id: "watch", disabled: () => presence.busy(), onclick: watch }, t("host.live_watch"))));
}

/** tiles are those on air, on the picture, each with the menu (S62, S70-S72). */
function tiles(live: Live): HTMLElement {
  const list = h("ul", { class: "tiles", id: "tiles", "aria-label": t("host.live_tiles") });
  each(list, () => live.inside().filter(onAir), (p) => p.id, (p) => tile(live, p));
  return list;
}

function tile(live: Live, p: Signal<Participant>): HTMLElement {
  const problem = signal("");
  return h("li", { class: "tile", "data-participant": p.peek().id },
    h("span", { class: "face", "aria-hidden": "true" }, () => initials(p().name)),
    h("span", { class: "tile-name" }, h("bdi", {}, () => p().name)),
    () => p().stop_audio && h("span", { class: "tile-sign", title: t("host.live_no_audio") }, icon("mute"), h("span", { class: "sr" }, t("host.live_no_audio"))),
    () => p().stop_video && h("span", { class: "tile-sign", title: t("host.live_no_video") }, icon("blind"), h("span", { class: "sr" }, t("host.live_no_video"))),
    () => live.open() && personMenu(live, p, problem), problemLine(problem));
}
