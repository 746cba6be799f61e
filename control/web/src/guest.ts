// The guest page: the form at the door, the stay behind it, and the sentence at
// its end. The server has made the form; this takes it over.
import { Problem, asProblem } from "./http";
import { loadTexts, t } from "./texts";
import { h, must } from "./ui/dom";
import { effect, root } from "./ui/signals";
import { newer } from "./version";
import { Door, type Grant, type Knock } from "./guest/door";
import { type Stats, nothing } from "./guest/player";
import { type Publish } from "./guest/publish";
import { type Stage } from "./guest/stage";
import { Visit } from "./guest/visit";
import "./guest/publish";
import "./guest/stage";

const senders = new Set(["owner", "moderator", "presenter"]);

/** lookEvery is how often the server's version is looked at, in milliseconds. */
const lookEvery = 5 * 60_000;

/** unnamed is what the door hears of the invited instead of a name; nobody is shown it. */
const unnamed = "Invited";

class GuestPage {
  readonly #box = must("guest");
  readonly #entrance = must("door");
  readonly #door = new Door(this.#box.dataset.link!);
  readonly #title = this.#box.dataset.title!;
  readonly #texts = loadTexts(this.#box.dataset.texts!);
  #visit: Visit | null = null;
  #invite = this.#door.takeInvite();

  async run(): Promise<void> {
    this.#diagnose();
    const open = this.#box.dataset.state !== "ended";
    if (open) this.#prepare(); // before the texts are there: who is quick must not be sent without script
    await this.#texts;
    this.#versions();
    if (!open) return;
    if (!("RTCPeerConnection" in window)) return this.#say(new Problem("browser", ""));
    await this.#resume();
  }

  /** prepare takes over the form. */
  #prepare(): void {
    const form = must<HTMLFormElement>("join");
    this.#showInvite();
    addEventListener("hashchange", () => {
      this.#invite = this.#door.takeInvite();
      this.#showInvite();
    });
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      void this.#submit(form);
    });
  }

  /** showInvite says so to the invited, who need no PIN, and no name: the host has given them one with the invite. */
  #showInvite(): void {
    must("invited").hidden = !this.#invite;
    must("name-field").hidden = Boolean(this.#invite);
    must<HTMLInputElement>("name").required = !this.#invite;
    const field = document.getElementById("pin-field");
    if (!field) return;
    field.hidden = Boolean(this.#invite);
    must<HTMLInputElement>("pin").required = !this.#invite;
  }

  async #submit(form: HTMLFormElement): Promise<void> {
    const button = form.querySelector("button")!;
    const typed = new FormData(form);
    const knock: Knock = { name: String(typed.get("name") ?? "").trim() };
    if (this.#invite) {
      knock.invite = this.#invite;
      knock.name ||= unnamed;
    } else if (typed.get("pin")) knock.pin = String(typed.get("pin")).trim();
    button.disabled = true;
    form.setAttribute("aria-busy", "true");
    must("problem").textContent = "";
    await this.#texts;
    try {
      this.#enter(await this.#door.join(knock), knock);
    } catch (e) {
      this.#refused(asProblem(e));
    } finally {
      button.disabled = false;
      form.removeAttribute("aria-busy");
    }
  }

  /** refused says why, and puts the visitor where it can be mended. */
  #refused(why: Problem): void {
    if (why.code === "invalid_invite") {
      this.#door.forgetInvite();
      this.#invite = undefined;
      this.#showInvite();
    }
    const pin = document.getElementById("pin") as HTMLInputElement | null;
    const wrong = why.code === "wrong_pin" || why.code === "pin_required";
    pin?.toggleAttribute("aria-invalid", false);
    if (wrong && !pin) return location.reload(); // the host has set a PIN since
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

  /** resume goes on after a reload with the session of before. */
  async #resume(): Promise<void> {
    const kept = this.#door.kept();
    if (!kept) return;
    try {
      this.#enter(await this.#door.refresh(kept.token), null);
    } catch (e) {
      const why = asProblem(e);
      if (why.status === 0 || why.status >= 500) return this.#say(why);
      this.#door.forget();
      if (why.status !== 401) this.#say(why);
    }
  }

  /** enter puts the stage where the door was. */
  #enter(grant: Grant, knock: Knock | null): void {
    const visit = (this.#visit = new Visit(this.#door, grant, knock));
    const stage = document.createElement("stentor-stage") as Stage;
    stage.visit = visit;
    stage.leave = () => visit.leave();
    const inside = h("div", { class: grant.role === "presenter" ? "inside presents" : "inside" }, stage,
      h("div", { class: "under" },
        h("h1", { tabindex: "-1" }, h("bdi", {}, this.#title)),
        h("p", { class: "hint" }, t("stage.you", { name: visit.grant().name }), " · ", t(`common.role_${visit.grant().role}` as never))));
    if (senders.has(grant.role)) inside.append(this.#publish(visit, stage));
    this.#entrance.replaceWith(inside);
    document.body.classList.add("on-stage");
    inside.querySelector("h1")!.focus({ preventScroll: true });
    const stop = root(() => effect(() => {
      if (visit.phase() === "gone") queueMicrotask(() => {
        stop();
        this.#gone(inside, visit.refusal()!);
      });
    }));
    void visit.run();
  }

  #publish(visit: Visit, stage: Stage): HTMLElement {
    const panel = document.createElement("stentor-publish") as Publish;
    panel.link = this.#door.link;
    panel.token = () => visit.grant.peek().token;
    panel.onair = (on) => stage.hush(on);
    return panel;
  }

  /** gone puts the sentence where the stage was: the picture goes in the same turn. */
  #gone(inside: HTMLElement, why: Problem): void {
    const again = why.code !== "banned" && why.code !== "ended" && why.code !== "not_found";
    const left = why.code === "left";
    const title = h("h1", { class: "quiet", tabindex: "-1", id: "gone" }, left ? t("guest.left") : why.sentence);
    document.body.classList.remove("on-stage");
    inside.replaceWith(h("section", { class: "card narrow", role: "alert" }, title,
      h("p", { class: "row" },
        again && h("button", { type: "button", class: "primary", id: "again", onclick: () => location.reload() }, t("guest.again")),
        h("a", { class: "button", href: "/" }, t("common.home")))));
    title.focus();
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
      async stats(): Promise<Stats & { outbound: unknown }> {
        const panel = document.querySelector("stentor-publish") as Publish | null;
        return Object.freeze({ ...((await page.#visit?.stats()) ?? nothing()), outbound: (await panel?.outbound()) ?? null });
      },
    });
    Object.defineProperty(window, "stentor", { value: stentor });
  }
}

void new GuestPage().run();
