// Who is inside: raised hands first, then the stage, then everybody else (S62-S65, S70-S72).
import { type Key, clock, number, t } from "../texts";
import { type Child, each, h } from "../ui/dom";
import { type Icon, icon } from "../ui/icons";
import { type Signal, derived, signal } from "../ui/signals";
import type { Participant } from "./api";
import type { Live } from "./live";
import { problemLine } from "./parts";
import { personMenu } from "./person";

/** page is how many rows are shown at first, and how many more on request: a page with ten thousand rows would be slow. */
const page = 100;

/** people lists who is inside, with search and counts. */
export function people(live: Live): HTMLElement {
  const search = signal("");
  const most = signal(page);
  const found = derived(() => ordered(live.inside()).filter((p) => matches(p, search())));
  const shown = derived(() => found().slice(0, most()));
  const list = h("ul", { class: "rows people", id: "participants", "aria-labelledby": "people-title" });
  each(list, shown, (p) => p.id, (p) => person(live, p));
  const hands = derived(() => live.inside().filter((p) => p.hand).length);
  return h("section", { class: "people-part", "aria-labelledby": "people-title" },
    h("div", { class: "head" }, h("h2", { id: "people-title", tabindex: "-1" }, t("host.people"), " ", h("span", { class: "count" }, () => number(live.inside().length))),
      h("span", { class: "chip warn", hidden: () => hands() === 0 }, icon("hand"), () => t("host.live_hands", { count: hands() }))),
    h("p", { class: "sr", role: "status" }, () => (hands() > 0 ? t("host.live_hands", { count: hands() }) : "")),
    h("div", { class: "field", hidden: () => live.inside().length < 8 && search() === "" },
      h("label", { class: "sr", for: "people-search" }, t("host.live_search")),
      h("input", { id: "people-search", type: "search", autocomplete: "off", placeholder: t("host.live_search"), oninput: (e: Event) => search.set((e.target as HTMLInputElement).value) }),
      h("p", { class: "hint", role: "status" }, () => (search() ? t("host.registrants_shown", { shown: found().length, all: live.inside().length }) : ""))),
    problemLine(live.stale), list,
    () => live.inside().length === 0 && h("p", { class: "empty" }, t("host.nobody")),
    () => found().length > most() && h("button", { type: "button", class: "button", id: "people-more", onclick: () => most.set(most.peek() + page) }, t("host.live_more", { count: number(found().length - most()) })),
    () => live.unreachable().length > 0 && h("p", { class: "warning" }, t("host.unreachable", { nodes: live.unreachable().join(", ") })));
}

const rank = ["owner", "moderator", "presenter", "attendee"];

/** onAir reports whether somebody sends, or was brought to the stage. */
export const onAir = (p: Participant): boolean => p.uses.includes("publish") || p.stage === true;

/** ordered puts raised hands first, the longest of them first, then who is on air, then the others by role. */
function ordered(all: readonly Participant[]): Participant[] {
  const place = (p: Participant) => (p.hand ? `0${p.hand}` : `1${onAir(p) ? 0 : 1}${rank.indexOf(p.role)}${p.since}`);
  return [...all].sort((a, b) => place(a).localeCompare(place(b)));
}

function matches(p: Participant, search: string): boolean {
  const name = p.name.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => name.includes(word));
}

/** person is one row: who, what is with them, and the menu of what a host can do. */
function person(live: Live, p: Signal<Participant>): HTMLElement {
  const problem = signal("");
  const said = () => [
    t(`common.role_${p().role}` as Key), p().guest && t("host.live_guest"), p().id === live.self() && t("host.live_you"),
    t("host.since", { time: clock(p().since) }),
  ].filter(Boolean).join(" · ");
  return h("li", { class: () => (p().hand ? "person raised" : "person"), "data-participant": p.peek().id },
    h("span", { class: "face", "aria-hidden": "true" }, () => initials(p().name)),
    h("div", { class: "grow" },
      h("p", { class: "row-title" }, h("bdi", {}, () => p().name), () => p().hand && h("span", { class: "chip warn hand" }, icon("hand"), t("host.live_hand"))),
      h("p", { class: "hint" }, said), signs(p), problemLine(problem)),
    () => live.open() && personMenu(live, p, problem));
}

/** signs say what is with somebody, in icons with words. */
export function signs(p: () => Participant): HTMLElement {
  const sign = (on: () => boolean | undefined, name: Icon, words: Key, kind = "") => () =>
    on() ? h("span", { class: `chip ${kind}` }, icon(name), t(words)) : null;
  const all: Child[] = [
    sign(() => p().uses.includes("publish"), "camera", "host.on_air", "live"),
    sign(() => p().stage && !p().uses.includes("publish"), "stage", "host.live_on_stage"),
    sign(() => p().stop_audio, "mute", "host.live_no_audio", "stopped"),
    sign(() => p().stop_video, "blind", "host.live_no_video", "stopped"),
    sign(() => p().stop_messages, "quiet", "host.live_no_messages", "stopped"),
  ];
  return h("p", { class: "signs" }, all);
}

/** initials are the first letters of two names. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  return [words[0], words.length > 1 ? words.at(-1) : ""].map((w) => [...(w ?? "")][0] ?? "").join("").toUpperCase();
}
