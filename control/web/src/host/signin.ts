// <stentor-signin>: an API token opens the console.
import { asProblem } from "../http";
import { type Key, t } from "../texts";
import { type Child, Part, h } from "../ui/dom";
import { signal } from "../ui/signals";
import { API } from "./api";
import { problemLine } from "./parts";

export class SignIn extends Part {
  api!: API;
  console: Key = "host.title"; // which one it opens

  render(): Child {
    const problem = signal("");
    const submit = async (e: SubmitEvent) => {
      e.preventDefault();
      const token = String(new FormData(e.target as HTMLFormElement).get("token")).trim();
      problem.set("");
      try {
        const me = await this.api.check(token);
        if (me.webinar) location.hash = `#/webinars/${encodeURIComponent(me.webinar)}`; // a moderator's, who has this one
        this.api.signIn(token);
      } catch (failed) {
        problem.set(asProblem(failed).sentence);
      }
    };
    return h("section", { class: "card narrow" }, h("h1", {}, t(this.console)), h("p", { class: "lead" }, t("host.signin_hint")),
      h("form", { onsubmit: submit },
        h("div", { class: "field" }, h("label", { for: "token" }, t("host.token")),
          h("input", { id: "token", name: "token", type: "password", required: true, pattern: "\\s*st[ai]_[A-Za-z0-9_\\-]+\\s*", autocomplete: "off", dir: "ltr", placeholder: "sta_…", "aria-describedby": "token-hint" }),
          h("p", { class: "hint", id: "token-hint" }, t("host.token_hint"))),
        problemLine(problem),
        h("button", { class: "primary", type: "submit" }, t("host.signin"))));
  }
}

customElements.define("stentor-signin", SignIn);
