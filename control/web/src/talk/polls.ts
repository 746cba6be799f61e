// Polls: hosts ask, everybody chooses once, and sees what the others chose.
import { number, t } from "../texts";
import { type Child, each, h } from "../ui/dom";
import { type Signal, derived, effect, signal } from "../ui/signals";
import type { Poll, TalkModel } from "./model";
import { problemLine, quiet, trying, watched, words } from "./parts";

const mostOptions = 10;

export function polls(model: TalkModel): Child {
  const list = h("ul", { class: "talk-lines", "aria-label": t("talk.polls"), tabindex: "0" });
  each(list, model.polls, (p) => p.id, (p) => poll(model, p));
  return [
    h("p", { class: "sr", role: "status", "aria-live": "polite" }, () => (model.unread.polls() ? t("talk.new_polls", { n: model.unread.polls() }) : "")),
    h("div", { class: "talk-scroll" }, () => model.here() && model.polls().length === 0 && quiet(t("talk.polls_empty")), watched(model, "polls", list)),
    () => model.hosts() && make(model),
  ];
}

function poll(model: TalkModel, p: Signal<Poll>): HTMLElement {
  const id = p.peek().id;
  const problem = signal("");
  const votes = signal(!p.peek().closed && !p.peek().chosen); // the form stays as it is while others vote
  const closed = derived(() => p().closed === true);
  effect(() => votes.set(!p().closed && !p().chosen));
  return h("li", { class: "talk-line talk-poll", "data-id": id },
    h("p", { class: "talk-text talk-asks", dir: "auto" }, p.peek().text),
    () => votes() && ballot(model, p.peek(), problem),
    () => p().results && results(p()),
    h("p", { class: "hint" }, () => [t("talk.voters", { n: p().voters }), p().closed && ` · ${t("talk.closed")}`]),
    problemLine(problem),
    () => model.hosts() && h("div", { class: "row talk-acts" },
      !closed() && h("button", { type: "button", class: "talk-small", onclick: trying(problem, () => model.send("poll_close", { of: id })) }, t("talk.close")),
      h("button", { type: "button", class: "talk-small", onclick: trying(problem, () => model.send("delete", { of: id })) }, t("talk.delete"))));
}

/** ballot is where somebody chooses. */
function ballot(model: TalkModel, p: Poll, problem: Signal<string>): HTMLElement {
  const vote = (e: SubmitEvent) => {
    e.preventDefault();
    const choice = new FormData(e.target as HTMLFormElement).getAll("choice").map(Number);
    if (choice.length === 0) problem.set(t("talk.choose"));
    else trying(problem, () => model.send("vote", { of: p.id, choice }))();
  };
  return h("form", { class: "talk-ballot", onsubmit: vote },
    h("fieldset", {}, h("legend", { class: "sr" }, p.text), p.options.map((o, i) => h("label", { class: "choice" },
      h("input", { type: p.many ? "checkbox" : "radio", name: "choice", value: i }), h("bdi", {}, o)))),
    h("button", { type: "submit", class: "primary" }, t("talk.vote")));
}

function results(p: Poll): HTMLElement {
  const of = Math.max(1, p.voters);
  return h("ul", { class: "talk-results" }, p.options.map((o, i) => {
    const n = p.results![i] ?? 0;
    const own = p.chosen?.includes(i);
    return h("li", { class: own ? "own" : "" },
      h("p", { class: "talk-result" }, h("bdi", { class: "grow" }, o), own && h("span", { class: "chip live" }, t("talk.own_choice")), `${number((100 * n) / of)} % (${number(n)})`),
      h("progress", { max: of, value: n, "aria-label": o }));
  }));
}

/** make is where hosts ask all. */
function make(model: TalkModel): HTMLElement {
  const problem = signal("");
  const options = signal<number[]>([0, 1]);
  const field = (n: number) => h("input", { type: "text", name: "option", maxlength: 200, dir: "auto", required: n < 2, "aria-label": t("talk.option", { n: n + 1 }), placeholder: t("talk.option", { n: n + 1 }) });
  const list = each(h("div", { class: "talk-options" }), options, String, (n) => field(n.peek()));
  const ask = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = e.target as HTMLFormElement;
    const typed = new FormData(form);
    problem.set("");
    try {
      await model.send("poll", {
        text: String(typed.get("text")), many: typed.get("many") !== null, options: typed.getAll("option").map((o) => String(o).trim()).filter(Boolean),
      });
      form.reset();
      options.set([0, 1]);
      box.open = false;
    } catch (why) {
      problem.set(words(why));
    }
  };
  const box: HTMLDetailsElement = h("details", { class: "talk-make" }, h("summary", { id: "talk-make" }, t("talk.poll_new")),
    h("form", { class: "stack", onsubmit: ask },
      h("input", { type: "text", name: "text", id: "talk-poll", maxlength: 1000, dir: "auto", required: true, "aria-label": t("talk.poll_text"), placeholder: t("talk.poll_text") }),
      list,
      () => options().length < mostOptions && h("button", { type: "button", class: "talk-small", onclick: () => options.set([...options.peek(), options.peek().length]) }, t("talk.option_more")),
      h("label", { class: "choice" }, h("input", { type: "checkbox", name: "many" }), t("talk.many")),
      problemLine(problem), h("button", { type: "submit", class: "primary", id: "talk-poll-ask" }, t("talk.poll_ask"))));
  return box;
}
