// The door, as the page knows it: what a visitor brings, and what an admitted
// one holds. The session token lives in memory and, for a reload, in
// sessionStorage; PINs live nowhere.
import { get, send } from "../http";

export interface Description {
  title: string;
  state: string;
  pin_required: boolean;
  live: boolean;
  version?: string;
}

export interface Knock {
  name: string;
  pin?: string;
  invite?: string;
}

export interface Grant {
  token: string;
  participant: string;
  name: string;
  role: string;
  expires_at: string;
}

/** Door speaks with the door of this node about one link. */
export class Door {
  readonly #kept: string;
  readonly #keptInvite: string;

  constructor(readonly link: string) {
    this.#kept = `stentor.session.${link}`;
    this.#keptInvite = `stentor.invite.${link}`;
  }

  url(what = ""): string {
    return `/api/v1/door/${encodeURIComponent(this.link)}${what}`;
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
    try {
      return JSON.parse(sessionStorage.getItem(this.#kept) ?? "null") as Grant | null;
    } catch {
      return null;
    }
  }

  forget(): void {
    sessionStorage.removeItem(this.#kept);
  }

  /**
   * takeInvite takes the invite out of the address, so that it is neither shown,
   * bookmarked nor copied along, and keeps it for a reload of this tab.
   */
  takeInvite(): string | undefined {
    const invite = new URLSearchParams(location.hash.slice(1)).get("invite");
    if (invite) {
      history.replaceState(history.state, "", location.pathname + location.search);
      sessionStorage.setItem(this.#keptInvite, invite);
      this.forget(); // somebody else's session, perhaps
    }
    return sessionStorage.getItem(this.#keptInvite) ?? undefined;
  }

  forgetInvite(): void {
    sessionStorage.removeItem(this.#keptInvite);
  }

  #keep(grant: Grant): Grant {
    sessionStorage.setItem(this.#kept, JSON.stringify(grant));
    return grant;
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
    const kept = localStorage.getItem(name);
    if (kept) return kept;
    const made = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
    localStorage.setItem(name, made);
    return made;
  } catch {
    return ""; // storage is closed to us: a visitor without a device key
  }
}
