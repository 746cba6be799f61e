// Invites: personal links for presenters, moderators and guests who need no PIN.
import { type Key, t } from "../texts";
import { each, h } from "../ui/dom";
import { effect, signal } from "../ui/signals";
import type { Invite } from "./api";
import type { Live } from "./live";
import { inviteList } from "./invite-list";
import { address, ask, copying, every, problemLine } from "./parts";

const roles = ["presenter", "moderator", "attendee"];

/** invites lists the personal links of a webinar, and makes new ones. */
export function invites(live: Live): HTMLElement {
  const { api, id } = live;
  const items = signal<Invite[]>([]);
  const load = async () => items.set(await api.invites(id));
  const problem = every(60_000, load); // events say when there is another one; this one looks by itself
  effect(() => {
    if (live.invited() > 0) void load().catch(() => {});
  });
  const make = () => ask({
    title: t("host.invite"),
    yes: t("host.invite_make"),
    body: [
      h("div", { class: "field" }, h("label", { for: "invite-name" }, t("host.invite_name")), h("input", { id: "invite-name", name: "name", required: true, maxlength: 100, dir: "auto", autocomplete: "off", autofocus: true })),
      h("div", { class: "field" }, h("label", { for: "invite-role" }, t("host.invite_role")), h("select", { id: "invite-role", name: "role" }, roles.map((r) => h("option", { value: r }, t(`common.role_${r}` as Key))))),
    ],
    async act(form) {
      const made = await api.invite(id, String(form.get("name")).trim(), String(form.get("role")));
      void load().catch(() => {});
      return [h("p", {}, t("host.invite_once", { name: made.name })), copying("invite-link", t("host.invite_link"), address(made.link_path ?? live.webinar.peek()!.join_path)),
        made.role !== "attendee" && [h("p", { class: "hint" }, t("host.whip_hint")), copying("whip-url", "WHIP", address(made.whip_path)), copying("whip-token", t("host.whip_token"), made.secret ?? "")]];
    },
  });
  const list = h("ul", { class: "rows", id: "invites" });
  each(list, items, (i) => i.id, (i) => h("li", { class: "person" }, h("p", { class: "grow row-title" }, h("bdi", {}, () => i().name)), h("span", { class: "chip" }, () => t(`common.role_${i().role}` as Key))));
  return h("section", { class: "card", "aria-labelledby": "invites-title" },
    h("div", { class: "head" }, h("h2", { id: "invites-title" }, t("host.invites")), h("div", { class: "row tight" }, h("button", { type: "button", class: "button", id: "invite", onclick: make }, t("host.invite")),
      h("button", { type: "button", class: "button", id: "invite-list", onclick: () => inviteList(api, id, () => void load().catch(() => {})) }, t("host.list")))),
    h("p", { class: "hint" }, t("host.invites_hint")), problemLine(problem), list);
}
