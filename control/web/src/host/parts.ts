// Small parts of the console that its views share.
import { asProblem } from "../http";
import { type Key, t } from "../texts";
import { type Child, h } from "../ui/dom";
import { icon } from "../ui/icons";
import { type Signal, onEnd, signal } from "../ui/signals";

/** address is a path as the guests of this node type it. */
export const address = (path: string) => location.origin + path;

/** tell says something for a few seconds, to eyes and screen readers. */
export function tell(text: string): void {
  const line = document.getElementById("told");
  if (!line) return;
  line.textContent = text;
  line.classList.add("shown");
  clearTimeout(hiding);
  hiding = window.setTimeout(() => line.classList.remove("shown"), 4000);
}
let hiding = 0;

/** copying is a text with a button that copies it. */
export function copying(id: string, label: string, text: string): HTMLElement {
  const copy = () => navigator.clipboard.writeText(text).then(() => tell(t("host.copied")), () => select());
  const field: HTMLInputElement = h("input", { id, type: "text", readonly: true, value: text, dir: "ltr", onfocus: () => select() });
  const select = (): void => field.select();
  return h("div", { class: "field" }, h("label", { for: id }, label),
    h("div", { class: "joined" }, field, h("button", { type: "button", class: "button", onclick: copy, "aria-label": `${t("host.copy")}: ${label}` }, icon("copy"), t("host.copy"))));
}

/** saveFile hands a file over: the token that fetched it went in a header, so no link can do it. */
export function saveFile(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** chip is a webinar's state. */
export function stateChip(state: string): HTMLElement {
  const kind = state === "live" ? "live" : state === "ended" ? "off" : "wait";
  return h("span", { class: `chip ${kind}` }, t(`host.state_${state}` as Key));
}

/** every polls while what is being made is there, and the page is seen. */
export function every(ms: number, work: () => Promise<unknown>): Signal<string> {
  const problem = signal("");
  let busy = false;
  const turn = async () => {
    if (busy || document.hidden) return;
    busy = true;
    try {
      await work();
      problem.set("");
    } catch (e) {
      problem.set(asProblem(e).sentence);
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void turn(), ms);
  const seen = () => void turn();
  document.addEventListener("visibilitychange", seen);
  onEnd(() => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", seen);
  });
  void turn();
  return problem;
}

/** problemLine is where refusals are read out. */
export function problemLine(problem: () => string): HTMLElement {
  return h("p", { class: "problem", role: "alert" }, problem);
}

interface Question {
  title: string;
  body: Child;
  yes: string;
  danger?: boolean;
  /** after is the title once act is done, where that is no longer the question. */
  after?: string;
  /** act does it; what it returns is shown before the dialog can be closed. */
  act(form: FormData): Promise<Child | void>;
  /** closed hears that the dialog is gone, whatever was answered. */
  closed?(): void;
}

/** ask opens a dialog with a question; it closes by itself once act is done and has nothing to show. */
export function ask(q: Question): void {
  const problem = signal("");
  const busy = signal(false);
  const outcome = signal<Child | void>(undefined);
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    busy.set(true);
    problem.set("");
    try {
      const shown = await q.act(new FormData(e.target as HTMLFormElement));
      if (shown === undefined) dialog.close();
      else outcome.set(shown);
    } catch (failed) {
      problem.set(asProblem(failed).sentence);
    } finally {
      busy.set(false);
    }
  };
  const close = () => {
    dialog.remove();
    q.closed?.();
  };
  const form = () => h("form", { class: "stack", onsubmit: submit }, q.body, problemLine(problem),
    h("div", { class: "row end" },
      h("button", { type: "button", class: "button", onclick: () => dialog.close() }, t("host.cancel")),
      h("button", { type: "submit", class: q.danger ? "danger" : "primary", disabled: () => busy() }, q.yes)));
  const done = () => h("div", { class: "stack", role: "status" }, outcome() as Child,
    h("div", { class: "row end" }, h("button", { type: "button", class: "primary", onclick: () => dialog.close(), autofocus: true }, t("host.done"))));
  const dialog: HTMLDialogElement = h("dialog", { "aria-labelledby": "question", onclose: close },
    h("h2", { id: "question" }, () => (outcome() !== undefined && q.after) || q.title), () => (outcome() === undefined ? form() : done()));
  document.body.append(dialog);
  dialog.showModal();
}
