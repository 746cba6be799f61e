// <stentor-talk>: chat, questions and polls on tabs, with what is unread, for the guest page.
import { t } from "../texts";
import { type Child, Part, h } from "../ui/dom";
import { tabs } from "../host/tabs";
import { captioner } from "../guest/captioner";
import { bar } from "./bar";
import { chat } from "./chat";
import { type Part as Tab, TalkModel } from "./model";
import { polls } from "./polls";
import { questions } from "./questions";

/** names are those of the tabs. */
export const names = { chat: "talk.chat", questions: "talk.questions", polls: "talk.polls" } as const;

/** title is a tab's name with what is unread. */
export function title(model: TalkModel, tab: Tab): Child {
  const n = model.unread[tab];
  return [t(names[tab]), () => n() > 0 && h("span", { class: "talk-unread" }, h("span", { class: "sr" }, ` ${t("talk.unread")} `), String(n()))];
}

export class Talk extends Part {
  model!: TalkModel;

  render(): Child {
    const m = this.model;
    const { el } = tabs("talk", [
      { id: "chat", title: title(m, "chat"), body: chat(m) },
      { id: "questions", title: title(m, "questions"), body: questions(m) },
      { id: "polls", title: title(m, "polls"), body: polls(m) },
    ]);
    return h("section", { class: "talk", "aria-label": t("talk.title"), hidden: () => !m.here() }, el, bar(m), captioner(m));
  }
}

customElements.define("stentor-talk", Talk);
