// Putting somebody out (S62, S63), and keeping them out (S64), with the strength of the ban in words.
import { t } from "../texts";
import { type Child, h } from "../ui/dom";
import { signal } from "../ui/signals";
import type { Participant, Strength } from "./api";
import type { Live } from "./live";
import { ask, tell } from "./parts";

/** foreseen is how strong a ban will be by what somebody came with; the server says how strong it is. */
function foreseen(p: Participant): Strength {
  if (p.account) return "strong";
  return p.invite || p.registration ? "medium" : "weak";
}

/** remove asks whether p is to go, and for good. */
export function remove(live: Live, p: Participant, forGood: boolean): void {
  const banned = signal(forGood);
  ask({
    title: t("host.remove_title", { name: p.name }),
    yes: t("host.remove"),
    after: t("host.removed_for_good", { name: p.name }),
    danger: true,
    closed: () => {
      if (document.activeElement === document.body) document.getElementById("people-title")?.focus(); // the row is gone
    },
    body: [h("p", {}, () => t(banned() ? "host.live_ban_hint" : "host.remove_hint")),
      h("label", { class: "choice" }, h("input", { type: "checkbox", name: "ban", value: "yes", checked: forGood, onchange: (e: Event) => banned.set((e.target as HTMLInputElement).checked) }), t("host.ban")),
      h("div", { class: "stack", hidden: () => !banned() },
        strength(foreseen(p)),
        h("label", { class: "choice" }, h("input", { type: "checkbox", name: "network", value: "yes" }), t("host.live_network")),
        h("p", { class: "hint tick-hint" }, t("host.live_network_hint")))],
    async act(form) {
      const keep = form.get("ban") === "yes";
      const { ban } = await live.api.disconnect(live.id, p.id, keep, keep && form.get("network") === "yes");
      live.gone(p.id);
      if (!ban) return tell(t("host.removed", { name: p.name }));
      return [strength(ban.strength), ban.strength === "weak" && stronger(live)];
    },
  });
}

/** strength says what a ban holds against, and what it does not. */
function strength(s: Strength): HTMLElement {
  return h("div", { class: `strength ${s}`, id: "strength" },
    h("p", { class: "row-title" }, t(`host.strength_${s}`)), h("p", {}, t(`host.strength_${s}_hint`)));
}

/** stronger offers what stands behind a weak ban: the lobby, or a registration. */
function stronger(live: Live): Child {
  const on = signal(live.webinar.peek()?.lobby !== "off");
  const turn = async () => {
    live.webinar.set(await live.api.set(live.id, { lobby: "guests" }));
    on.set(true);
    tell(t("host.live_lobby_is_on"));
  };
  return h("div", { class: "row" },
    h("button", { type: "button", class: "button", id: "weak-lobby", disabled: () => on(), onclick: () => void turn() }, () => t(on() ? "host.live_lobby_is_on" : "host.live_lobby_on")),
    h("a", { class: "button", href: `#/webinars/${encodeURIComponent(live.id)}/plan` }, t("host.live_registered_only")));
}
