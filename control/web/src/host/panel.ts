// The panel beside the stage: people, and what they say. Each tab is one element; whoever adds one adds it to panels.
import { asProblem } from "../http";
import { t } from "../texts";
import { h } from "../ui/dom";
import { signal } from "../ui/signals";
import { bans } from "./bans";
import type { Live } from "./live";
import { problemLine, saveFile } from "./parts";
import { lobby } from "./lobby";
import { people } from "./people";
import type { Presence } from "./presence";
import { type Tab, tabs } from "./tabs";
import { talkTabs } from "../talk/host";
import { unconnected } from "./unconnected";

/**
 * panels are the tabs, in order: People, and after it the talk (Chat, Questions, Polls).
 * The host's own session, with its events and its token, is presence.visit: null while they are not inside.
 */
function panels(live: Live, presence: Presence): Tab[] {
  const count = () => live.inside().length + live.waiting().length;
  return [
    { id: "people", title: [t("host.live_people"), " ", h("span", { class: "count" }, () => count() || "")], body: [lobby(live), people(live), unconnected(live), bans(live)] },
    ...talkTabs(presence.visit, saveChat(live)),
  ];
}

/** saveChat is the button that saves what was written: it ends with the webinar. */
export function saveChat(live: Live): HTMLElement {
  const problem = signal("");
  const save = () => {
    problem.set("");
    void live.api.chatCSV(live.id).then((file) => saveFile(file, "chat.csv"), (e: unknown) => problem.set(asProblem(e).sentence));
  };
  return h("div", { class: "save-chat", hidden: () => !live.open() }, h("button", { type: "button", class: "button", onclick: save }, t("host.chat_csv")), problemLine(problem));
}

/** panel is the list of tabs with what they show. */
export function panel(live: Live, presence: Presence): HTMLElement {
  return h("aside", { class: "live-panel", "aria-label": t("host.live_panel") }, tabs("live", panels(live, presence)).el);
}
