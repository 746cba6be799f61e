// Participants, as the nodes see them, those who wait first, and their removal (S62-S65).
import { type Key, clock, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, signal } from "../ui/signals";
import type { API, Participant, Webinar } from "./api";
import { lobby } from "./lobby";
import { ask, every, problemLine, tell } from "./parts";

/** people lists who waits and who is inside; removed is called when somebody was put out. */
export function people(api: API, w: Webinar, removed: () => void): HTMLElement[] {
  const items = signal<Participant[]>([]);
  const waiting = signal<Participant[]>([]);
  const unreachable = signal<string[]>([]);
  const load = async () => {
    const answer = await api.participants(w.id);
    const all = merge(answer.items);
    items.set(all.filter((p) => !p.waiting));
    waiting.set(all.filter((p) => p.waiting).sort((a, b) => a.since.localeCompare(b.since)));
    unreachable.set(answer.unreachable);
  };
  const problem = every(2000, load);
  const row = (p: Signal<Participant>) => h("li", { class: "person" },
    h("div", { class: "grow" },
      h("p", { class: "row-title" }, h("bdi", {}, () => p().name)),
      h("p", { class: "hint" }, () => [t(`common.role_${p().role}` as Key), p().uses.includes("publish") && t("host.on_air"), t("host.at_node", { node: p().node }), t("host.since", { time: clock(p().since) })].filter(Boolean).join(" · "))),
    h("button", { type: "button", class: "button", "aria-label": () => `${t("host.remove")}: ${p().name}`, onclick: () => remove(api, w, p.peek(), removed, load) }, t("host.remove")));
  const list = h("ul", { class: "rows", id: "participants" });
  each(list, items, (p) => p.id, row);
  const inside = h("section", { class: "card", "aria-labelledby": "people-title" },
    h("h2", { id: "people-title" }, t("host.people"), " ", h("span", { class: "count" }, () => items().length)),
    problemLine(problem), list, () => items().length === 0 && h("p", { class: "empty" }, t("host.nobody")),
    () => unreachable().length > 0 && h("p", { class: "warning" }, t("host.unreachable", { nodes: unreachable().join(", ") })));
  return [lobby(api, w, waiting, load, (p) => remove(api, w, p, removed, load)), inside];
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

function remove(api: API, w: Webinar, p: Participant, removed: () => void, load: () => Promise<void>): void {
  ask({
    title: t("host.remove_title", { name: p.name }),
    yes: t("host.remove"),
    after: t("host.removed_for_good", { name: p.name }),
    danger: true,
    body: [h("p", {}, t("host.remove_hint")), h("label", { class: "choice" }, h("input", { type: "checkbox", name: "ban", value: "yes" }), t("host.ban")), h("p", { class: "hint" }, t("host.ban_hint"))],
    async act(form) {
      const { ban } = await api.disconnect(w.id, p.id, form.get("ban") === "yes");
      void load().catch(() => {}); // the list says itself why it is old
      removed();
      if (!ban) return tell(t("host.removed", { name: p.name }));
      return h("div", { class: `strength ${ban.strength}`, id: "strength" },
        h("p", { class: "row-title" }, t(`host.strength_${ban.strength}`)), h("p", {}, t(`host.strength_${ban.strength}_hint`)));
    },
  });
}
