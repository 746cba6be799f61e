// Invites by the list: pasted, looked at, made in batches.
import { asProblem } from "../http";
import { type Key, t } from "../texts";
import { type Child, h } from "../ui/dom";
import { derived, signal } from "../ui/signals";
import type { API, Invite } from "./api";
import { field, option, tick } from "./fields";
import { address, problemLine, saveFile, tell } from "./parts";
import { type Person, cell, longest, pasted } from "./pasted";

/** batch is how many invites one request makes: few enough that the progress is seen, and that a request that fails loses little. */
const batch = 100;

const roles = ["attendee", "presenter", "moderator"];

/** inviteList opens the dialog; done hears that there are more invites. */
export function inviteList(api: API, webinar: string, done: () => void): void {
  const text = signal("");
  const found = derived(() => pasted(text()));
  const made = signal<Invite[]>([]);
  const total = signal(0);
  const busy = signal(false);
  const problem = signal("");
  let left: Person[] | null = null; // after a failure: those who were not invited yet
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    if (busy.peek()) return;
    const form = new FormData(e.target as HTMLFormElement);
    left ??= found().people;
    total.set(made.peek().length + left.length);
    busy.set(true);
    problem.set("");
    try {
      while (left.length > 0) {
        const people = left.slice(0, batch).map((p) => ({ ...p, role: String(form.get("role")), ...(p.email && form.has("mail") ? { mail: true } : {}) }));
        made.set([...made.peek(), ...(await api.inviteAll(webinar, people)).map((i, at) => ({ ...i, email: people[at]?.email }))]);
        left = left.slice(people.length);
      }
      tell(t("host.list_made", { count: made.peek().length }));
    } catch (failed) {
      problem.set(asProblem(failed).sentence);
    } finally {
      busy.set(false);
      done();
    }
  };
  const finished = derived(() => total() > 0 && made().length === total());
  const dialog: HTMLDialogElement = h("dialog", { "aria-labelledby": "list-title", onclose: () => dialog.remove() },
    h("h2", { id: "list-title" }, t("host.list")),
    () => (finished() ? result(made(), () => dialog.close()) : h("form", { class: "stack", onsubmit: submit },
      field("list-text", t("host.list_people"), h("textarea", { id: "list-text", rows: 7, dir: "auto", required: true, spellcheck: "false", maxlength: 600_000, placeholder: "Ada Lovelace <ada@example.org>\nGrace Hopper, grace@example.org", disabled: () => total() > 0, oninput: (e: Event) => text.set((e.target as HTMLTextAreaElement).value) }), t("host.list_hint")),
      h("div", { role: "status", id: "list-found" }, () => preview(found())),
      field("list-role", t("host.invite_role"), h("select", { id: "list-role", name: "role" }, roles.map((r) => option(r, t(`common.role_${r}` as Key))))),
      tick("mail", t("host.list_mail"), false),
      h("div", { role: "status", hidden: () => total() === 0 }, h("progress", { max: () => total(), value: () => made().length, "aria-label": t("host.list") }), " ", () => t("host.list_progress", { done: made().length, total: total() })),
      problemLine(problem),
      h("div", { class: "row end" },
        h("button", { type: "button", class: "button", onclick: () => dialog.close() }, t("host.cancel")),
        h("button", { type: "submit", class: "primary", id: "list-make", disabled: () => busy() || found().people.length === 0 }, () => t("host.list_make", { count: total() > 0 ? total() - made().length : found().people.length }))))));
  document.body.append(dialog);
  dialog.showModal();
}

/** preview says who was understood, and which lines were not. */
function preview(found: ReturnType<typeof pasted>): Child {
  if (found.people.length + found.wrong.length === 0) return null;
  const shown = 5;
  return [
    h("p", { class: "hint" }, t("host.list_found", { count: found.people.length })),
    h("ul", { class: "list-preview" }, found.people.slice(0, shown).map((p) => h("li", {}, h("bdi", {}, p.name), p.email && [" · ", h("bdi", { dir: "ltr" }, p.email)])), found.people.length > shown && h("li", {}, "…")),
    found.wrong.length > 0 && h("p", { class: "warning" }, t("host.list_wrong", { count: found.wrong.length }), " ", h("bdi", {}, found.wrong.slice(0, 3).join(" · ").slice(0, 200))),
    found.more > 0 && h("p", { class: "warning" }, t("host.list_more", { most: longest, more: found.more })),
  ];
}

/** result hands the links over, which the server does not tell again. */
function result(made: readonly Invite[], close: () => void): HTMLElement {
  const rows = made.map((i) => [i.name, i.email ?? "", i.role, address(i.link_path ?? "")].map(cell).join(","));
  const file = () => saveFile(new Blob([["name,email,role,link", ...rows, ""].join("\r\n")], { type: "text/csv" }), "invites.csv");
  return h("div", { class: "stack", role: "status" }, h("p", {}, t("host.list_made", { count: made.length })), h("p", { class: "hint" }, t("host.list_once")),
    h("div", { class: "row end" }, h("button", { type: "button", class: "button", id: "list-csv", onclick: file }, t("host.list_csv")), h("button", { type: "button", class: "primary", autofocus: true, onclick: close }, t("host.done"))));
}
