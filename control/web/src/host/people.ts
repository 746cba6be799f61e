// Participants, as the nodes see them, and their removal (S62-S65).
import { type Key, clock, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, signal } from "../ui/signals";
import type { API, Participant, Webinar } from "./api";
import { ask, every, problemLine, tell } from "./parts";

/** people lists who is inside; banned is called when somebody was kept out. */
export function people(api: API, w: Webinar, banned: () => void): HTMLElement {
  const items = signal<Participant[]>([]);
  const unreachable = signal<string[]>([]);
  const load = async () => {
    const answer = await api.participants(w.id);
    items.set(merge(answer.items));
    unreachable.set(answer.unreachable);
  };
  const problem = every(2000, load);
  const row = (p: Signal<Participant>) => h("li", { class: "person" },
    h("div", { class: "grow" },
      h("p", { class: "row-title" }, h("bdi", {}, () => p().name)),
      h("p", { class: "hint" }, () => [t(`common.role_${p().role}` as Key), p().waiting && t("host.in_lobby"), p().uses.includes("publish") && t("host.on_air"), t("host.at_node", { node: p().node }), t("host.since", { time: clock(p().since) })].filter(Boolean).join(" · "))),
    h("button", { type: "button", class: "button", "aria-label": () => `${t("host.remove")}: ${p().name}`, onclick: () => remove(api, w, p.peek(), banned, load) }, t("host.remove")));
  const list = h("ul", { class: "rows", id: "participants" });
  each(list, items, (p) => p.id, row);
  return h("section", { class: "card", "aria-labelledby": "people-title" },
    h("h2", { id: "people-title" }, t("host.people"), " ", h("span", { class: "count" }, () => items().length)),
    problemLine(problem), list, () => items().length === 0 && h("p", { class: "empty" }, t("host.nobody")),
    () => unreachable().length > 0 && h("p", { class: "warning" }, t("host.unreachable", { nodes: unreachable().join(", ") })));
}

/** merge makes one row of somebody who has sessions at two nodes. */
function merge(all: Participant[]): Participant[] {
  const byID = new Map<string, Participant>();
  for (const p of all) {
    const known = byID.get(p.id);
    byID.set(p.id, known ? { ...known, node: known.node === p.node ? p.node : `${known.node}, ${p.node}`, uses: [...new Set([...known.uses, ...p.uses])] } : p);
  }
  return [...byID.values()];
}

function remove(api: API, w: Webinar, p: Participant, banned: () => void, load: () => Promise<void>): void {
  ask({
    title: t("host.remove_title", { name: p.name }),
    yes: t("host.remove"),
    after: t("host.removed_for_good", { name: p.name }),
    danger: true,
    body: [h("p", {}, t("host.remove_hint")), h("label", { class: "choice" }, h("input", { type: "checkbox", name: "ban", value: "yes" }), t("host.ban")), h("p", { class: "hint" }, t("host.ban_hint"))],
    async act(form) {
      const { ban } = await api.disconnect(w.id, p.id, form.get("ban") === "yes");
      void load().catch(() => {}); // the list says itself why it is old
      if (!ban) return tell(t("host.removed", { name: p.name }));
      banned();
      return h("div", { class: `strength ${ban.strength}`, id: "strength" },
        h("p", { class: "row-title" }, t(`host.strength_${ban.strength}`)), h("p", {}, t(`host.strength_${ban.strength}_hint`)));
    },
  });
}
