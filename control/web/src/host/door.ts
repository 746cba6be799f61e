// What stands behind the link, live: the link itself, the PIN, the lock and the lobby (S7, S29-S35).
import { asProblem } from "../http";
import { t } from "../texts";
import { type Child, h } from "../ui/dom";
import { derived, signal } from "../ui/signals";
import type { EditWebinar, Webinar } from "./api";
import { field, option } from "./fields";
import type { Live } from "./live";
import { address, ask, copying, problemLine, tell } from "./parts";
import { openDoor, pinChoice, pinOnce } from "./pin";

/** door is the card of the link and of what stands behind it. */
export function door(live: Live): HTMLElement {
  const bare = derived(() => openDoor(live.webinar()));
  const path = derived(() => live.webinar()?.join_path ?? "");
  const registers = derived(() => Boolean(live.webinar()?.registration)); // which leaves no room for a PIN
  return h("section", { class: "card", "aria-labelledby": "door-title" }, h("h2", { id: "door-title" }, t("host.guest_link")),
    () => live.open() && bare() && h("p", { class: "warning" }, t("host.no_door")),
    () => copying("guest-link", t("host.guest_link_label"), address(path())),
    () => live.open() && [
      h("div", { class: "row" }, h("button", { type: "button", class: "button", id: "rotate", onclick: () => rotate(live) }, t("host.live_rotate")), () => !registers() && pin(live)),
      lock(live), lobbyChoice(live),
    ]);
}

/** rotate gives the webinar another link. */
function rotate(live: Live): void {
  ask({
    title: t("host.live_rotate_title"), yes: t("host.live_rotate"), danger: true, body: h("p", {}, t("host.live_rotate_hint")),
    async act() {
      const w = await live.api.rotateLink(live.id);
      live.webinar.set(w);
      return copying("rotated-link", t("host.live_rotated"), address(w.join_path));
    },
  });
}

function pin(live: Live): Child {
  const pinned = derived(() => live.webinar()?.has_pin === true);
  const words = () => t(pinned() ? "host.pin_change" : "host.pin_set");
  const set = () => ask({
    title: words(),
    yes: t("host.save"),
    body: [pinned() && h("p", { class: "hint" }, t("host.pin_inside")), pinChoice(false)],
    act: async (form) => {
      const made = await live.api.setPIN(live.id, form.get("how") === "type" ? { value: String(form.get("pin")) } : { generate: true });
      await live.load();
      return pinOnce(made.pin, made.weak);
    },
  });
  const clear = () => ask({
    title: t("host.pin_clear"), yes: t("host.pin_clear"), danger: true, body: h("p", {}, t("host.no_door")),
    act: async () => {
      await live.api.clearPIN(live.id);
      await live.load();
    },
  });
  return [
    h("button", { type: "button", class: "button", id: "pin-set", onclick: set }, words),
    h("button", { type: "button", class: "button", hidden: () => !pinned(), onclick: clear }, t("host.pin_clear")),
  ];
}

function lock(live: Live): HTMLElement {
  return toggle(live, "live-locked", t("host.plan_locked"), (w) => w.locked === true, (locked) => ({ locked }), t("host.plan_locked_hint"));
}

/** toggle is a switch of one setting: at once to see, and back again where it was refused. */
export function toggle(live: Live, id: string, words: Child, of: (w: Webinar) => boolean, edit: (on: boolean) => EditWebinar, hint = ""): HTMLElement {
  const problem = signal("");
  const box: HTMLInputElement = h("input", {
    id, type: "checkbox", role: "switch", "aria-describedby": hint ? `${id}-hint` : null,
    checked: () => live.webinar() !== null && of(live.webinar()!),
    onchange: async () => {
      problem.set("");
      try {
        live.webinar.set(await live.api.set(live.id, edit(box.checked)));
        tell(t("host.live_changed"));
      } catch (e) {
        problem.set(asProblem(e).sentence);
        box.checked = of(live.webinar.peek()!);
      }
    },
  });
  return h("div", { class: "toggle" }, h("label", { class: "choice", for: id }, h("span", { class: "grow" }, words), box),
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint), problemLine(problem));
}

function lobbyChoice(live: Live): HTMLElement {
  const problem = signal("");
  const choice: HTMLSelectElement = h("select", {
    id: "live-lobby",
    onchange: async () => {
      problem.set("");
      try {
        live.webinar.set(await live.api.set(live.id, { lobby: choice.value }));
        tell(t("host.live_changed"));
      } catch (e) {
        problem.set(asProblem(e).sentence);
        choice.value = live.webinar.peek()?.lobby ?? "off";
      }
    },
    value: () => live.webinar()?.lobby ?? "off",
  }, option("off", t("host.plan_lobby_off"), live.webinar.peek()?.lobby), option("guests", t("host.plan_lobby_guests"), live.webinar.peek()?.lobby), option("everyone", t("host.plan_lobby_everyone"), live.webinar.peek()?.lobby));
  return h("div", {}, field("live-lobby", t("host.lobby"), choice, t("host.plan_lobby_hint")), problemLine(problem));
}
