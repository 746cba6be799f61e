// <stentor-signin>: an account, a provider or an API token opens the console (S18).
import { asProblem } from "../http";
import { type Key, t } from "../texts";
import { type Child, Part, h } from "../ui/dom";
import { type Signal, signal } from "../ui/signals";
import { API, type SignIns } from "./api";
import { field } from "./fields";
import { problemLine } from "./parts";

export class SignIn extends Part {
  api!: API;
  console: Key = "host.title"; // which one it opens
  next = location.pathname; // where a provider sends back to
  tokens = true; // are a way in as well

  render(): Child {
    const ways = signal<SignIns | null>(null);
    void this.api.signIns().catch(() => ({ password: false, oidc: false })).then((found) => ways.set(found)); // a token is a way in any case
    return h("section", { class: "card narrow" }, h("h1", { tabindex: "-1" }, t(this.console)), () => ways() && this.#offered(ways()!));
  }

  #offered(ways: SignIns): Child {
    const others = ways.password || ways.oidc;
    return [
      h("p", { class: "lead" }, t(others ? "host.signin_account" : "host.signin_hint")),
      ways.password && this.#account(),
      ways.oidc && h("p", {}, h("a", { class: ways.password ? "button whole" : "button primary whole", id: "oidc", href: `/api/v1/oidc/start?next=${encodeURIComponent(this.next)}`, onclick: () => keepPlace() }, t("host.signin_oidc"))),
      this.tokens && (others ? h("details", { class: "other-way" }, h("summary", {}, t("host.signin_token")), h("p", { class: "hint" }, t("host.signin_hint")), this.#token()) : this.#token()),
    ];
  }

  /** form sends what act does, and says why where it is refused. */
  #form(act: (typed: FormData) => Promise<void>, id: string, main: boolean, ...fields: Child[]): HTMLElement {
    const problem = signal("");
    const busy = signal(false);
    const submit = async (e: SubmitEvent) => {
      e.preventDefault();
      if (busy.peek()) return;
      problem.set("");
      busy.set(true);
      await act(new FormData(e.target as HTMLFormElement)).catch((failed: unknown) => refused(failed, problem, e.target as HTMLFormElement));
      busy.set(false);
    };
    return h("form", { id, onsubmit: submit }, fields, problemLine(problem), h("button", { class: main ? "primary" : "button", type: "submit", disabled: () => busy() }, t("host.signin")));
  }

  #account(): HTMLElement {
    return this.#form((typed) => this.api.enter(String(typed.get("login")), String(typed.get("password"))), "by-account", true,
      field("login", t("host.login"), h("input", { id: "login", name: "login", type: "text", required: true, maxlength: 128, autocomplete: "username", autocapitalize: "off", spellcheck: "false", dir: "auto" })),
      field("password", t("host.password"), h("input", { id: "password", name: "password", type: "password", required: true, maxlength: 200, autocomplete: "current-password", dir: "ltr" })));
  }

  #token(): HTMLElement {
    const take = async (typed: FormData) => {
      const token = String(typed.get("token")).trim();
      const me = await this.api.check(token);
      if (me.webinar) location.hash = `#/webinars/${encodeURIComponent(me.webinar)}`; // a moderator's, who has this one
      this.api.signIn(token);
    };
    return this.#form(take, "by-token", !document.getElementById("by-account"),
      field("token", t("host.token"), h("input", { id: "token", name: "token", type: "password", required: true, pattern: "\\s*st[ai]_[A-Za-z0-9_\\-]+\\s*", autocomplete: "off", dir: "ltr", placeholder: "sta_…" }), t("host.token_hint")));
  }
}

/** refused says why, and puts the focus where it can be mended; of too many tries it says when there is one more. */
function refused(failed: unknown, problem: Signal<string>, form: HTMLFormElement): void {
  const why = asProblem(failed);
  problem.set(why.code === "too_many_attempts" && why.retryAfter > 0 ? t("host.signin_wait", { seconds: why.retryAfter }) : why.sentence);
  const secret = form.querySelector<HTMLInputElement>("input[type=password]");
  secret?.focus();
  secret?.select();
}

const kept = "stentor.place";

/** keepPlace remembers the view over a sign-in elsewhere, which loses the fragment. */
function keepPlace(): void {
  sessionStorage.setItem(kept, location.hash);
}

/** takePlace goes back to the view from which somebody went to sign in. */
export function takePlace(): void {
  const place = sessionStorage.getItem(kept);
  sessionStorage.removeItem(kept);
  if (place && !location.hash) history.replaceState(history.state, "", location.pathname + place);
}

/** whoAmI is who signed in, with the way out, for the bar of a console. */
export function whoAmI(api: API, problem: (sentence: string) => void): Child {
  const me = api.self();
  return [
    me && h("span", { class: "who", id: "who", title: me.login ?? me.name }, h("span", { class: "sr" }, t("host.signed_in")), " ", h("bdi", {}, me.name)),
    h("button", { type: "button", class: "link", id: "signout", onclick: () => void api.signOut().catch((e: unknown) => problem(asProblem(e).sentence)) }, t("host.signout")),
  ];
}

customElements.define("stentor-signin", SignIn);
