// Questions: asked by the audience, approved and answered by hosts, voted on by everybody.
import { type Key, t } from "../texts";
import { type Child, each, h } from "../ui/dom";
import { type Signal, derived, signal } from "../ui/signals";
import type { Question, TalkModel } from "./model";
import { problemLine, quiet, trying, watched, words } from "./parts";

/** order: what waits for the host, then what most want to know, then what was answered. */
const order = { asked: 0, approved: 1, answered: 2, dismissed: 3 };

export function questions(model: TalkModel): Child {
  const problem = signal("");
  const sorted = derived(() => [...model.questions()].sort((a, b) => order[a.status] - order[b.status] || b.votes - a.votes || a.at - b.at));
  const list = h("ul", { class: "talk-lines", "aria-label": t("talk.questions"), tabindex: "0" });
  each(list, sorted, (q) => q.id, (q) => question(model, q, problem));
  return [
    h("p", { class: "sr", role: "status", "aria-live": "polite" }, () => (model.unread.questions() ? t("talk.new_questions", { n: model.unread.questions() }) : "")),
    h("div", { class: "talk-scroll" }, () => model.here() && model.questions().length === 0 && quiet(t("talk.questions_empty")), watched(model, "questions", list)),
    problemLine(problem), () => (model.may() ? form(model) : quiet(t("talk.not_messages_off"))),
  ];
}

function question(model: TalkModel, q: Signal<Question>, problem: Signal<string>): HTMLElement {
  const id = q.peek().id;
  const status = derived(() => q().status);
  const open = derived(() => status() === "approved" || status() === "answered");
  const upvote = () => h("button", {
    type: "button", class: "talk-vote", "aria-pressed": () => String(q().voted === true), disabled: () => q().voted === true || !model.may(),
    "aria-label": () => t("talk.votes", { n: q().votes }) + (q().voted ? "" : `: ${t("talk.upvote")}`), title: t("talk.upvote"),
    onclick: trying(problem, () => model.send("vote", { of: id })),
  }, h("span", { "aria-hidden": "true" }, "▲ "), () => q().votes);
  return h("li", { class: "talk-line talk-question", "data-id": id },
    h("div", { class: "grow" },
      h("p", { class: "talk-head" }, h("bdi", { class: "talk-name" }, q.peek().name), () => q().status !== "approved" && h("span", { class: "chip" }, t(`talk.status_${q().status}` as Key))),
      h("p", { class: "talk-text", dir: "auto" }, q.peek().text),
      () => q().answer && h("p", { class: "talk-answer", dir: "auto" }, q().answer),
      () => model.hosts() && moderation(model, id, status(), problem)),
    () => open() && upvote());
}

/** moderation is what hosts do with a question. */
function moderation(model: TalkModel, id: string, is: Question["status"], problem: Signal<string>): Child {
  const review = (status: string, text = "") => model.send("review", { of: id, status, text });
  const button = (key: Key, act: () => Promise<void>) => h("button", { type: "button", class: "talk-small", onclick: trying(problem, act) }, t(key));
  const field: HTMLTextAreaElement = h("textarea", { rows: 2, maxlength: 1000, dir: "auto", "aria-label": t("talk.answer_text") });
  const answer = (e: Event) => {
    e.preventDefault();
    trying(problem, () => review("answered", field.value.trim()))();
  };
  return [
    h("div", { class: "row talk-acts" },
      (is === "asked" || is === "dismissed") && button("talk.approve", () => review("approved")),
      is !== "dismissed" && button("talk.dismiss", () => review("dismissed")),
      button("talk.delete", () => model.send("delete", { of: id }))),
    is !== "answered" && h("details", { class: "talk-reply" }, h("summary", {}, t("talk.answer")),
      h("form", { onsubmit: answer }, field, h("button", { type: "submit", class: "talk-small" }, t("talk.answered")))),
  ];
}

function form(model: TalkModel): HTMLElement {
  const problem = signal("");
  const told = signal("");
  const waits = derived(() => model.questions().some((q) => q.own && q.status === "asked"));
  const busy = signal(false);
  const field: HTMLTextAreaElement = h("textarea", { id: "talk-question", rows: 2, maxlength: 1000, dir: "auto", required: true, "aria-label": t("talk.ask_write"), placeholder: t("talk.ask_write") });
  const ask = async (e: Event) => {
    e.preventDefault();
    const text = field.value.trim();
    if (!text || busy.peek()) return;
    busy.set(true);
    problem.set("");
    try {
      await model.send("question", { text });
      field.value = "";
      told.set(model.hosts() ? "" : t("talk.ask_waits"));
    } catch (why) {
      problem.set(words(why));
    } finally {
      busy.set(false);
    }
  };
  return h("form", { class: "talk-form", onsubmit: ask }, problemLine(problem),
    h("div", { class: "talk-write" }, field, h("button", { type: "submit", class: "primary", id: "talk-ask", disabled: () => busy() }, t("talk.ask"))),
    h("p", { class: "hint", role: "status" }, () => waits() && told()));
}
