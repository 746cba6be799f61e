// The bar under the talk: reactions, and the hand.
import { asProblem } from "../http";
import { type Key, number, t } from "../texts";
import { type Child, h } from "../ui/dom";
import { icon } from "../ui/icons";
import { effect, onEnd, signal } from "../ui/signals";
import type { TalkModel } from "./model";
import { problemLine, words } from "./parts";

/** signs are drawn for the names of reactions; the names go over the wire. */
const signs = { clap: "👏", heart: "❤️", laugh: "😂", wow: "😮", up: "👍", party: "🎉" } as const;

/** shownFor is how long what came is to be seen, in milliseconds. */
const shownFor = 3000;

/** reactEvery is how often one person can react, in milliseconds: the server takes one a second for long. */
const reactEvery = 1000;

export function bar(model: TalkModel): Child {
  const problem = signal("");
  const resting = signal(false);
  const react = (reaction: string) => {
    if (resting.peek()) return;
    resting.set(true);
    setTimeout(() => resting.set(false), reactEvery);
    problem.set("");
    model.send("reaction", { reaction }).catch((e: unknown) => problem.set(words(e)));
  };
  const raise = () => {
    problem.set("");
    model.link.raise(!model.raised.peek()).catch((e: unknown) => problem.set(asProblem(e).detail || words(e)));
  };
  return h("div", { class: "talk-bar" }, came(model), problemLine(problem),
    h("div", { class: "row", role: "group", "aria-label": t("talk.react") },
      () => !model.hosts() && h("button", { type: "button", class: "button talk-hand", id: "hand", "aria-pressed": () => String(model.raised()), onclick: raise }, icon("hand"), () => t(model.raised() ? "talk.hand_down" : "talk.hand_up")),
      () => model.may() && Object.entries(signs).map(([name, sign]) => h("button", {
        type: "button", class: "talk-react", "aria-label": t(`talk.react_${name}` as Key), title: t(`talk.react_${name}` as Key), disabled: () => resting(), onclick: () => react(name),
      }, sign))));
}

/** came shows what the others react with, for a moment. */
function came(model: TalkModel): HTMLElement {
  const shown = signal<Record<string, number>>({});
  let timer = 0;
  effect(() => {
    const more = model.reactions();
    if (Object.keys(more).length === 0) return;
    const sum = { ...shown.peek() };
    for (const [name, n] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + n;
    shown.set(sum);
    clearTimeout(timer);
    timer = window.setTimeout(() => shown.set({}), shownFor);
  });
  onEnd(() => clearTimeout(timer));
  return h("p", { class: "talk-came", "aria-hidden": "true" }, () => Object.entries(shown()).map(([name, n]) => h("span", { class: "chip" }, signs[name as keyof typeof signs] ?? "", ` ${number(n)}`)));
}
