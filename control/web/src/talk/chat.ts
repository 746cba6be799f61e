// The chat: what was written, and the line to write in.
import { Problem } from "../http";
import { type Key, clock, t } from "../texts";
import { type Child, each, h } from "../ui/dom";
import { type Signal, derived, effect, signal } from "../ui/signals";
import type { Draft, Line, TalkModel } from "./model";
import { countdown, problemLine, quiet, trying, watched, words } from "./parts";

/** near is how close to the end somebody reads whom new lines take along, in pixels. */
const near = 60;

export function chat(model: TalkModel): Child {
  const problem = signal("");
  const lines = each(h("ol"), model.lines, (l) => l.id, (l) => line(model, l, problem));
  const list = h("div", { class: "talk-lines", role: "log", "aria-live": "polite", "aria-relevant": "additions", "aria-label": t("talk.chat"), tabindex: "0" }, lines);
  const end = () => list.scrollTo({ top: list.scrollHeight });
  effect(() => {
    const last = model.lines().at(-1);
    const reads = list.scrollHeight - list.scrollTop - list.clientHeight < near + (lines.lastElementChild?.clientHeight ?? 0);
    if (reads || last?.own) requestAnimationFrame(end);
  });
  const drafts = each(h("ul", { class: "talk-drafts" }), model.drafts, (d) => d.key, (d) => draft(model, d));
  return [
    h("div", { class: "talk-scroll" },
      () => model.before() && h("button", { type: "button", class: "button talk-older", onclick: () => model.older() }, t("talk.older")),
      () => model.here() && model.lines().length === 0 && quiet(t("talk.chat_empty")),
      watched(model, "chat", list)),
    drafts, problemLine(problem), () => (model.may() ? form(model) : quiet(t("talk.not_messages_off"))),
  ];
}

function line(model: TalkModel, l: Signal<Line>, problem: Signal<string>): HTMLElement {
  const of = l.peek();
  const speaks = of.role !== "attendee" && of.role !== "";
  return h("li", { class: of.own ? "talk-line own" : "talk-line", "data-id": of.id },
    h("p", { class: "talk-head" },
      h("span", { class: "talk-who" }, h("bdi", { class: "talk-name" }, of.name), speaks && h("span", { class: "chip" }, t(`common.role_${of.role}` as Key))),
      h("time", { class: "hint", datetime: new Date(of.at).toISOString() }, clock(new Date(of.at).toISOString())),
      () => model.hosts() && h("button", {
        type: "button", class: "talk-small", "aria-label": `${t("talk.delete")}: ${of.name}`, onclick: trying(problem, () => model.send("delete", { of: of.id })),
      }, t("talk.delete"))),
    h("p", { class: "talk-text", dir: "auto" }, of.text));
}

/** draft is a line on its way, or one that did not get through. */
function draft(model: TalkModel, d: Signal<Draft>): HTMLElement {
  const again = () => void model.write(d.peek().text, d.peek().key).catch(() => {}); // the draft says why
  return h("li", { class: "talk-line own" },
    h("p", { class: "talk-text", dir: "auto" }, d.peek().text),
    () => (d().problem
      ? h("div", { class: "row" }, h("p", { class: "hint talk-failed", role: "alert" }, words(new Problem(d().problem, ""))),
        h("button", { type: "button", class: "talk-small", onclick: again }, t("talk.again")),
        h("button", { type: "button", class: "talk-small", onclick: () => model.discard(d.peek().key) }, t("talk.discard")))
      : h("p", { class: "hint" }, t("talk.sending"))));
}

/** form is where a line is written. Enter sends it. */
function form(model: TalkModel): HTMLElement {
  const left = derived(countdown(model));
  const send = (e?: Event) => {
    e?.preventDefault();
    const text = field.value.trim();
    if (!text || left() > 0) return;
    field.value = "";
    model.write(text).catch((why: unknown) => {
      if (why instanceof Problem && why.code === "slow_mode" && !field.value) field.value = text;
    });
  };
  const keys = (e: KeyboardEvent) => {
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing) send(e);
  };
  const field: HTMLTextAreaElement = h("textarea", {
    id: "talk-text", rows: 1, maxlength: 1000, dir: "auto", "aria-label": t("talk.write"), placeholder: t("talk.write"), onkeydown: keys, enterkeyhint: "send", "aria-describedby": "talk-slow",
  });
  return h("form", { class: "talk-form", onsubmit: send }, h("div", { class: "talk-write" }, field,
    h("button", { type: "submit", class: "primary", id: "talk-send", disabled: () => left() > 0 }, () => (left() > 0 ? t("talk.seconds", { n: left() }) : t("talk.send")))),
  h("p", { class: "hint", id: "talk-slow" }, () => model.slow() > 0 && model.role() === "attendee" && t("talk.slow", { n: model.slow() })));
}
