// The guest page: the form at the door, the stay behind it, and the sentence at
// its end. The server has made the form; this takes it over.
import { away, framed } from "./framed";
import { Problem, asProblem, get } from "./http";
import { loadTexts, t } from "./texts";
import { h, must } from "./ui/dom";
import { derived, effect, root, signal, untracked } from "./ui/signals";
import { install } from "./install";
import { newer } from "./version";
import { localTimes } from "./when";
import { Ahead } from "./guest/ahead";
import { Door, type Grant, type Knock, dead, inAddress } from "./guest/door";
import { type Stats, nothing } from "./guest/player";
import { type Publish } from "./guest/publish";
import type { Quality } from "./guest/quality";
import { type Stage } from "./guest/stage";
import { Visit } from "./guest/visit";
import "./guest/publish";
import "./guest/stage";

const hosts = new Set(["owner", "moderator"]);

const senders = new Set([...hosts, "presenter"]);

/** final are the ends after which nobody need try again. */
const final = new Set(["banned", "ended", "not_found", "registration_declined", "registration_cancelled"]);

/** reregister are the ends that a new registration mends. */
const reregister = new Set(["registration_required", "registration_cancelled", "invalid_registration"]);

/** unable are the ends that another browser mends. */
const unable = new Set(["browser", "codec_not_accepted"]);

/** lookEvery is how often the server's version is looked at, in milliseconds. */
const lookEvery = 5 * 60_000;

/** unnamed is what the door hears of the invited instead of a name; nobody is shown it. */
const unnamed = "Invited";

/** Later is what comes with the stage (talk.ts). */
interface Later {
  mount(place: HTMLElement, link: Visit, texts: string, style: string): Promise<void>;
  sizes(texts: string): Promise<Quality>;
}

class GuestPage {
  readonly #box = must("guest");
  readonly #entrance = must("door");
  readonly #door = new Door(this.#box.dataset.link!, this.#box.dataset.edges?.split(" ").filter(Boolean));
  readonly #title = this.#box.dataset.title!;
  readonly #texts = loadTexts(this.#box.dataset.texts!);
  readonly #ahead = new Ahead();
  #visit: Visit | null = null;
  #personal = this.#door.takePersonal();

  async run(): Promise<void> {
    this.#diagnose();
    localTimes();
    const open = this.#box.dataset.state !== "ended";
    if (open) this.#prepare(); // before the texts are there: who is quick must not be sent without script
    await this.#texts;
    this.#versions();
    if (!open) return;
    if (!("RTCPeerConnection" in window)) return this.#end(this.#entrance, new Problem("browser", ""));
    if (!must("join").hidden) this.#ahead.soon();
    await this.#resume();
    await this.#account();
  }

  /** prepare takes over the form. */
  #prepare(): void {
    const form = must<HTMLFormElement>("join");
    this.#showPersonal();
    addEventListener("hashchange", () => {
      if (!inAddress()) return;
      this.#personal = this.#door.takePersonal();
      if (!this.#entrance.isConnected) return location.reload(); // to the door, as somebody else
      must("problem").textContent = "";
      this.#showPersonal();
    });
    form.addEventListener("focusin", () => this.#ahead.soon());
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      void this.#submit(form);
    });
  }

  /**
   * showPersonal says so to who came by a personal link. The invited need no PIN, and
   * no name: the host has given them one. Who registered says under which name they come.
   */
  #showPersonal(): void {
    const invited = Boolean(this.#personal.invite);
    const way = document.getElementById("way-in"); // where nobody enters without a personal link
    if (way) must("join").hidden = !(way.hidden = invited || Boolean(this.#personal.registrant));
    must("invited").hidden = !invited;
    must("registered").hidden = !this.#personal.registrant;
    must("name-field").hidden = invited;
    must<HTMLInputElement>("name").required = !invited;
    const field = document.getElementById("pin-field");
    if (!field) return;
    field.hidden = invited;
    must<HTMLInputElement>("pin").required = !invited;
  }

  async #submit(form: HTMLFormElement): Promise<void> {
    const button = form.querySelector("button")!;
    const typed = new FormData(form);
    const knock: Knock = { name: String(typed.get("name") ?? "").trim(), ...this.#personal };
    if (knock.invite) knock.name ||= unnamed;
    else if (typed.get("pin")) knock.pin = String(typed.get("pin")).trim();
    button.disabled = true;
    form.setAttribute("aria-busy", "true");
    must("problem").textContent = "";
    await this.#texts;
    await this.#knock(knock);
    button.disabled = false;
    form.removeAttribute("aria-busy");
  }

  async #knock(knock: Knock): Promise<void> {
    try {
      this.#enter(await this.#door.join(knock), knock, this.#entrance);
    } catch (e) {
      const why = asProblem(e);
      if (why.code === "already_inside") this.#elsewhere(knock, this.#entrance);
      else this.#refused(why);
    }
  }

  /** account lets in who is signed in, where a registration lets them pass (S53). */
  async #account(): Promise<void> {
    const link = document.getElementById("sign-in");
    const me = link && (await get<{ kind: string; name: string }>("/api/v1/me", { cookie: true }).catch(() => null));
    if (me?.kind !== "account") return;
    const join = h("button", { type: "button", class: "primary", id: "by-account", onclick: async () => {
      join.disabled = true;
      must("problem").textContent = "";
      try {
        await this.#knock({ name: me.name, ...(await get<{ pass: string }>("/api/v1/me/pass", { method: "POST", cookie: true })) });
      } catch (e) {
        this.#say(asProblem(e));
      }
      join.disabled = false;
    } }, t("guest.join_as", { name: me.name }));
    link!.replaceWith(join);
  }

  /** refused says why, and puts the visitor where it can be mended. */
  #refused(why: Problem): void {
    if (dead.has(why.code)) {
      this.#door.forgetPersonal();
      this.#personal = {};
      this.#showPersonal();
    }
    const pin = document.getElementById("pin") as HTMLInputElement | null;
    const wrong = why.code === "wrong_pin" || why.code === "pin_required";
    pin?.toggleAttribute("aria-invalid", false);
    const unregistered = why.code === "registration_required" && !document.getElementById("to-register");
    if ((wrong && !pin) || unregistered) return location.reload(); // the host has set a PIN since, or a registration
    this.#say(why);
    if (wrong && pin) {
      pin.setAttribute("aria-invalid", "true");
      pin.focus();
      pin.select();
    }
  }

  #say(why: Problem): void {
    must("problem").textContent = why.sentence;
  }

  /** elsewhere asks, in the place of old, whether to go on here what goes on on another device. */
  #elsewhere(knock: Knock, old: HTMLElement): void {
    const here = async (e: Event) => {
      (e.target as HTMLButtonElement).disabled = true;
      try {
        this.#enter(await this.#door.join({ ...knock, takeover: true }), knock, box);
      } catch (failed) {
        back();
        this.#refused(asProblem(failed));
      }
    };
    const back = () => {
      box.replaceWith(this.#entrance);
      this.#entrance.querySelector("button")?.focus();
    };
    const title = h("h1", { class: "quiet", tabindex: "-1", id: "elsewhere" }, t("guest.elsewhere"));
    const box = h("section", { class: "card narrow", role: "group", "aria-labelledby": "elsewhere" }, title,
      h("p", { class: "lead" }, t("guest.elsewhere_hint")),
      h("p", { class: "row" },
        h("button", { type: "button", class: "primary", id: "here", onclick: (e: Event) => void here(e) }, t("guest.here")),
        h("button", { type: "button", class: "button", id: "not-here", onclick: back }, t("guest.not_here"))));
    old.replaceWith(box);
    title.focus();
  }

  /** resume goes on after a reload with the session of before. */
  async #resume(): Promise<void> {
    const kept = this.#door.kept();
    if (!kept) return;
    try {
      this.#enter(await this.#door.refresh(kept.token), this.#known(kept.name), this.#entrance);
    } catch (e) {
      const why = asProblem(e);
      if (why.status === 0 || why.status === 429 || why.status >= 500) return this.#say(why);
      this.#door.forget();
      if (why.status !== 401) this.#say(why);
    }
  }

  /** enter puts the stage where the door was, or the question at it. */
  #enter(grant: Grant, knock: Knock | null, old: HTMLElement): void {
    const visit = (this.#visit = new Visit(this.#door, grant, knock, this.#ahead));
    void visit.run(); // asks for the stage before the page shows one
    const stage = document.createElement("stentor-stage") as Stage;
    stage.visit = visit;
    stage.leave = () => visit.leave();
    stage.sizes = async () => (await this.#later()).sizes(this.#box.dataset.talkTexts!);
    let inside!: HTMLElement;
    const stop = root(() => {
      const rules = signal<string | null>(null); // by what the host's view opens; "" is by nothing that there is here
      effect(() => {
        if (framed || visit.role() !== "moderator" || visit.waiting()) return rules.set(null);
        void this.#rules(untracked(visit.grant).token).then((by) => visit.role.peek() === "moderator" && rules.set(by), () => {});
      });
      const sends = derived(() => !visit.waiting() && (framed ? visit.role() === "presenter" : senders.has(visit.role())));
      inside = h("div", { class: () => (sends() && visit.role() === "presenter" ? "inside presents" : "inside") }, stage,
        h("div", { class: "under" },
          h("h1", { tabindex: "-1" }, h("bdi", {}, this.#title)),
          h("p", { class: "hint" }, () => [t("stage.you", { name: visit.grant().name }), " · ", t(`common.role_${visit.role()}` as never)]),
          () => rules() !== null && h("p", { class: "to-host", role: "status" }, rules()
            ? h("button", { type: "button", class: "button", id: "to-host", onclick: () => this.#toHost(rules()!, visit) }, t("guest.to_host"))
            : t("guest.to_host_hint")),
          () => framed && hosts.has(visit.role()) && this.#ownWindow()),
        this.#talk(visit),
        () => sends() && this.#publish(visit, stage));
      effect(() => {
        if (visit.phase() === "gone") queueMicrotask(() => {
          stop();
          this.#gone(inside, visit.refusal()!, knock);
        });
      });
    });
    old.replaceWith(inside);
    document.body.classList.add("on-stage");
    inside.querySelector("h1")!.focus({ preventScroll: true });
  }

  /**
   * rules is what the control API takes for a moderator's: the session's token where a voter let them in, else the secret of
   * the personal link, since what an edge says of somebody gives no right over a webinar; "" where it is neither.
   */
  async #rules(token: string): Promise<string> {
    for (const bearer of [token, this.#personal.invite]) {
      if (bearer && (await get<{ role: string }>("/api/v1/me", { bearer })).role === "moderator") return bearer;
    }
    return "";
  }

  /** ownWindow leads a host out of the frame; the secret of a personal link goes along, and stands in no attribute. */
  #ownWindow(): HTMLElement {
    const { invite } = this.#personal;
    const go = (e: Event) => {
      e.preventDefault();
      open(location.pathname + (invite ? `#invite=${encodeURIComponent(invite)}` : ""), "_blank", "noopener");
    };
    return h("p", { class: "to-host", role: "status" }, t("guest.own_window_hint"), " ",
      h("a", { class: "button", id: "own-window", href: location.pathname, ...away, onclick: go }, t("guest.own_window")));
  }

  /** toHost opens the host's view in a tab of its own, which takes what proves the moderator over in its storage and not by its address. */
  #toHost(bearer: string, visit: Visit): void {
    sessionStorage.setItem("stentor.token", bearer);
    open(`/host#/webinars/${encodeURIComponent(visit.grant.peek().webinar)}`);
    sessionStorage.removeItem("stentor.token");
  }

  /** later is the bundle that comes with the stage. */
  #later(): Promise<Later> {
    return import(this.#box.dataset.talk!);
  }

  /** talk is chat, questions and polls, which come later. */
  #talk(visit: Visit): HTMLElement {
    const place = h("div", { class: "talk-place" });
    const { talkTexts, talkStyle } = this.#box.dataset;
    this.#later().then((bundle) => bundle.mount(place, visit, talkTexts!, talkStyle!)).catch((e) => console.warn(e)); // the picture is there without it
    return place;
  }

  #publish(visit: Visit, stage: Stage): HTMLElement {
    const panel = document.createElement("stentor-publish") as Publish;
    panel.visit = visit;
    panel.onair = (on) => stage.hush(on);
    return panel;
  }

  /** gone puts the sentence where the stage was: the picture goes in the same turn. */
  #gone(inside: HTMLElement, why: Problem, knock: Knock | null): void {
    document.body.classList.remove("on-stage");
    if (why.code === "already_inside" && knock) return this.#elsewhere(knock, inside);
    this.#end(inside, why);
  }

  /** end puts the sentence in the place of old, with the ways on that there are. */
  #end(old: HTMLElement, why: Problem): void {
    const again = !final.has(why.code);
    const cannot = unable.has(why.code);
    const title = h("h1", { class: "quiet", tabindex: "-1", id: "gone" }, why.code === "left" ? t("guest.left") : why.sentence);
    old.replaceWith(h("section", { class: "card narrow", role: "alert" }, title,
      cannot && !Object.keys(this.#personal).length && h("div", { class: "field" }, // a personal link is not shown
        h("label", { for: "other-browser" }, t("guest.other_browser")),
        h("input", { id: "other-browser", readonly: true, dir: "ltr", value: location.href, onfocus: (e: Event) => (e.target as HTMLInputElement).select() })),
      h("p", { class: "row" },
        reregister.has(why.code) && h("a", { class: "button primary", href: `/w/${encodeURIComponent(this.#door.link)}/register` }, t("guest.register")),
        again && h("button", { type: "button", class: "primary", id: "again", onclick: () => location.reload() }, t(cannot ? "guest.try_again" : "guest.again")),
        h("a", { class: "button", href: "/", ...away }, t("common.home")))));
    title.focus();
  }

  /** known is what opens the door again, after a reload too, to who came by a personal link; null for others, since no PIN is kept. */
  #known(name: string): Knock | null {
    return this.#personal.invite || this.#personal.registrant ? { name, ...this.#personal } : null;
  }

  /** versions shows this page's own version once the server has a newer one. */
  #versions(): void {
    const own = this.#box.dataset.version ?? "";
    if (!own) return; // the operator does not show versions
    must("client-version").textContent = ` · ${t("common.page")} ${own}`;
    const look = async () => {
      const now = (await this.#door.describe().catch(() => null))?.version ?? "";
      if (now) must("server-version").textContent = now;
      if (now && newer(now, own)) must("client-version").replaceChildren(` · ${t("common.page")} ${own} · `, h("button", { type: "button", class: "link", onclick: () => location.reload() }, t("common.newer")));
    };
    setInterval(() => void look(), lookEvery);
    void look();
  }

  /** diagnose gives tests and support what can be read, and nothing that can be changed. */
  #diagnose(): void {
    const page = this;
    const stentor = Object.freeze({
      get state(): string {
        return page.#visit?.phase.peek() ?? "door";
      },
      get node(): string {
        return page.#door.base;
      },
      get sends(): string {
        return (document.querySelector("stentor-publish") as Publish | null)?.node ?? "";
      },
      async stats(): Promise<Stats & { outbound: unknown }> {
        const panel = document.querySelector("stentor-publish") as Publish | null;
        return Object.freeze({ ...((await page.#visit?.stats()) ?? nothing()), outbound: (await panel?.outbound()) ?? null });
      },
    });
    Object.defineProperty(window, "stentor", { value: stentor });
  }
}

install();
void new GuestPage().run();
