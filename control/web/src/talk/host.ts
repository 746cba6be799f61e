// The talk on the host's panel: one tab each for chat, questions and polls, of the host's own stay.
import { t } from "../texts";
import { type Child, h } from "../ui/dom";
import { type Signal, derived } from "../ui/signals";
import { captioner } from "../guest/captioner";
import { Captions } from "../guest/captions";
import { bar } from "./bar";
import { chat } from "./chat";
import { type Part, type TalkLink, TalkModel } from "./model";
import { quiet } from "./parts";
import { polls } from "./polls";
import { questions } from "./questions";
import { names, title } from "./talk";

/** talkTabs are the tabs of the talk; visit is null while the host is not inside, save what stands under the chat. */
export function talkTabs(visit: Signal<TalkLink | null> | (() => TalkLink | null), save: Child = null): { id: string; title: Child; body: Child }[] {
  const model = derived(() => {
    const link = visit();
    link?.shows?.set(new Captions()); // before it hears any
    return link && new TalkModel(link);
  });
  const tab = (id: Part, make: (m: TalkModel) => Child) => ({
    id, title: () => (model() ? title(model()!, id) : t(names[id])),
    body: () => h("div", { class: "talk" }, model() ? make(model()!) : quiet(t("talk.outside"))),
  });
  return [tab("chat", (m) => [chat(m), bar(m), captioner(m), save]), tab("questions", questions), tab("polls", polls)];
}
