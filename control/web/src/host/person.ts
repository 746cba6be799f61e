// What a host can do with one participant, from a row of the list and from a tile of the stage.
import { asProblem } from "../http";
import { type Key, t } from "../texts";
import type { Signal } from "../ui/signals";
import type { EditParticipant, Participant } from "./api";
import type { Live } from "./live";
import { type Item, menuButton } from "./menu";
import { tell } from "./parts";
import { remove } from "./remove";

const roles = ["moderator", "presenter", "attendee"] as const;

/** personMenu is the button with the menu; problem is where a refusal is told, beside it. */
export function personMenu(live: Live, p: () => Participant, problem: Signal<string>): HTMLElement {
  return menuButton(() => t("host.live_actions", { name: p().name }), () => actions(live, p(), problem));
}

function actions(live: Live, p: Participant, problem: Signal<string>): (Item | null)[] {
  const change = (id: string, words: Key, body: EditParticipant): Item => ({
    id, words: t(words),
    act: () => {
      problem.set("");
      live.edit(p, body).then(() => tell(`${p.name}: ${t(words)}`), (e: unknown) => problem.set(asProblem(e).sentence));
    },
  });
  const flag = (id: "stop_audio" | "stop_video" | "stop_messages", stop: Key, allow: Key) => change(id, p[id] ? allow : stop, { [id]: !p[id] });
  const self = p.id === live.self.peek();
  return [
    p.hand ? change("hand", "host.live_lower", { hand: false }) : undefined,
    p.stage ? change("stage", "host.live_off_stage", { stage: false }) : change("stage", "host.live_to_stage", { stage: true, ...(p.hand && { hand: false }) }),
    null,
    flag("stop_audio", "host.live_stop_audio", "host.live_allow_audio"),
    flag("stop_video", "host.live_stop_video", "host.live_allow_video"),
    flag("stop_messages", "host.live_stop_messages", "host.live_allow_messages"),
    ...(p.role === "owner" || self ? [] : [null, ...roles.filter((r) => r !== p.role).map((role) => change(`role_${role}`, `host.live_make_${role}`, { role }))]),
    ...(self ? [] : [null, ...removals(live, p)]),
  ].filter((i) => i !== undefined);
}

/** removals are the two ways out: with a way back, and without. */
export function removals(live: Live, p: Participant): Item[] {
  return [
    { id: "disconnect", words: t("host.live_disconnect"), danger: true, act: () => remove(live, p, false) },
    { id: "ban", words: t("host.live_ban"), danger: true, act: () => remove(live, p, true) },
  ];
}
