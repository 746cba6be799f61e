// What the parts of the talk share: refusals in words, and what is seen.
import { Problem } from "../http";
import { has, t } from "../texts";
import { type Child, h } from "../ui/dom";
import { type Signal, onEnd, signal } from "../ui/signals";
import type { Part, TalkModel } from "./model";

/** words says a refusal. */
export function words(why: unknown): string {
  if (!(why instanceof Problem)) return t("talk.not_internal");
  const key = `talk.not_${why.code}`;
  return has(key) ? t(key) : why.detail || t("talk.not_internal");
}

/** trying runs work for a click; what went wrong stands in problem. */
export function trying(problem: Signal<string>, work: () => Promise<unknown>): () => void {
  return () => {
    problem.set("");
    work().catch((e: unknown) => problem.set(words(e)));
  };
}

/** problemLine is where refusals are read out. */
export function problemLine(problem: () => string): HTMLElement {
  return h("p", { class: "problem", role: "alert" }, problem);
}

/** watched tells the model while el can be seen: what comes meanwhile is read. */
export function watched<T extends HTMLElement>(model: TalkModel, part: Part, el: T): T {
  const look = new IntersectionObserver((all) => model.seen(part, all.some((e) => e.isIntersecting)));
  look.observe(el);
  const back = () => {
    if (!document.hidden && el.checkVisibility()) model.seen(part, true);
  };
  document.addEventListener("visibilitychange", back);
  onEnd(() => {
    look.disconnect();
    document.removeEventListener("visibilitychange", back);
    model.seen(part, false);
  });
  return el;
}

/** quiet is what stands where nobody may write, or there is nothing yet. */
export function quiet(words: Child): HTMLElement {
  return h("p", { class: "hint talk-quiet" }, words);
}

/** wait counts down what slow mode leaves, in seconds. */
export function countdown(model: TalkModel): () => number {
  const now = signal(Date.now());
  const timer = setInterval(() => {
    if (model.until.peek() > now.peek()) now.set(Date.now());
  }, 250);
  onEnd(() => clearInterval(timer));
  return () => Math.max(0, Math.ceil((model.until() - Math.max(now(), model.until() ? Date.now() : 0)) / 1000));
}
