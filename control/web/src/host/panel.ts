// The panel beside the stage: people, and what they say. Each tab is one element; whoever adds one adds it to panels.
import { t } from "../texts";
import { h } from "../ui/dom";
import { bans } from "./bans";
import type { Live } from "./live";
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
    ...talkTabs(presence.visit),
  ];
}

/** panel is the list of tabs with what they show. */
export function panel(live: Live, presence: Presence): HTMLElement {
  return h("aside", { class: "live-panel", "aria-label": t("host.live_panel") }, tabs("live", panels(live, presence)).el);
}
