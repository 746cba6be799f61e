// The door, as the page knows it: what a visitor brings, and what an admitted
// one holds. The session token lives in memory and, for a reload, in
// sessionStorage; PINs live nowhere.
import { get, send } from "../http";
import { lasting, tab } from "../stored";

export interface Description {
  title: string;
  state: string;
  pin_required: boolean;
  live: boolean;
  version?: string;
}

/** Knock is what a visitor brings; takeover lets this device go on where another one is inside. */
export interface Knock {
  name: string;
  pin?: string;
  invite?: string;
  registrant?: string;
  pass?: string; // of an account, good for minutes
  takeover?: boolean;
}

/** Personal is the secret of a personal link, of one kind or the other. */
export type Personal = Pick<Knock, "invite" | "registrant">;

export interface Grant {
  token: string;
  participant: string;
  name: string;
  role: string;
  webinar: string; // its ID
  waiting?: boolean; // in the lobby
  pin_unchecked?: boolean; // there, since too many wrong PINs were tried: this one was not looked at
  expires_at: string;
}

/** Door speaks with the door of this node about one link. */
export class Door {
  readonly #kept: string;
  readonly #keptPersonal: string;
  readonly #edges: string[];
  #base = location.origin;

  /** edges are the origins of other nodes where a stay may go on. */
  constructor(readonly link: string, edges: string[] = []) {
    this.#edges = [location.origin, ...edges];
    this.#kept = `stentor.session.${link}`;
    this.#keptPersonal = `stentor.personal.${link}`;
  }

  url(what = ""): string {
    return this.#at(this.#base, what);
  }

  #at(base: string, what = ""): string {
    return `${base}/api/v1/door/${encodeURIComponent(this.link)}${what}`;
  }

  /** base is the origin of the node that this door is at. */
  get base(): string {
    return this.#base;
  }

  /** whep is where to ask for the stage. */
  get whep(): string {
    return `${this.#base}/whep/${encodeURIComponent(this.link)}`;
  }

  /** whip is where to send something under a name. */
  whip(name: string): string {
    return `${this.#base}/whip/${encodeURIComponent(this.link)}/${encodeURIComponent(name)}`;
  }

  /** alive reports whether the node of this door answers within ms. */
  alive(ms: number): Promise<boolean> {
    return this.#answers(this.#base, ms).then(() => true, () => false);
  }

  /** nearest is the other node that answers first, null where none does within ms. */
  nearest(ms: number): Promise<string | null> {
    return Promise.any(this.#edges.filter((e) => e !== this.#base).map((e) => this.#answers(e, ms))).catch(() => null);
  }

  /** move goes to the door of another node. */
  move(base: string): void {
    this.#base = base;
  }

  /** answers asks a node for anything; a refusal of its own is an answer too. */
  async #answers(base: string, ms: number): Promise<string> {
    const answer = await fetch(this.#at(base), { signal: AbortSignal.timeout(ms), cache: "no-store", credentials: "omit" });
    if (answer.status >= 500) throw new Error(`status ${answer.status}`);
    return base;
  }

  describe(): Promise<Description> {
    return get<Description>(this.url());
  }

  async join(knock: Knock): Promise<Grant> {
    return this.#keep(await get<Grant>(this.url("/join"), { method: "POST", json: { ...knock, device: device() } }));
  }

  async refresh(token: string): Promise<Grant> {
    return this.#keep(await get<Grant>(this.url("/refresh"), { method: "POST", bearer: token }));
  }

  /** kept is the grant of before a reload. */
  kept(): Grant | null {
    return parsed<Grant>(tab.getItem(this.#kept));
  }

  forget(): void {
    tab.removeItem(this.#kept);
  }

  /**
   * takePersonal takes the secret of a personal link out of the address, so that it
   * is neither shown, bookmarked nor copied along, and keeps it for a reload of this
   * tab: #invite=sti_... of the invited, #str_... of those who registered.
   */
  takePersonal(): Personal {
    const came = inAddress();
    if (came) {
      history.replaceState(history.state, "", location.pathname + location.search);
      tab.setItem(this.#keptPersonal, JSON.stringify(came));
      this.forget(); // somebody else's session, perhaps
    }
    return parsed<Personal>(tab.getItem(this.#keptPersonal)) ?? {};
  }

  forgetPersonal(): void {
    tab.removeItem(this.#keptPersonal);
  }

  #keep(grant: Grant): Grant {
    tab.setItem(this.#kept, JSON.stringify(grant));
    return grant;
  }
}

/** dead are the refusals of a personal link that will not open again. */
export const dead = new Set(["invalid_invite", "invalid_registration"]);

/** inAddress is the personal link that the page was opened with, null where it is none. */
export function inAddress(): Personal | null {
  const fragment = location.hash.slice(1);
  if (fragment.startsWith("str_")) return { registrant: fragment };
  const invite = new URLSearchParams(fragment).get("invite");
  return invite ? { invite } : null;
}

function parsed<T>(kept: string | null): T | null {
  try {
    return JSON.parse(kept ?? "null") as T | null;
  } catch {
    return null;
  }
}

/** bye ends a WHIP or WHEP session also while the page is being left. */
export function bye(resource: string, bearer: string): void {
  void send(resource, { method: "DELETE", bearer, keepalive: true }).catch(() => {});
}

/** device is this browser's key: 256 random bits, the same for every visit. */
function device(): string {
  const name = "stentor.device";
  try {
    const kept = lasting.getItem(name);
    if (kept) return kept;
    const made = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
    lasting.setItem(name, made);
    return made;
  } catch {
    return ""; // storage is closed to us: a visitor without a device key
  }
}
