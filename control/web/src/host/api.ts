// The control API, as far as the console uses it (/api/v1/openapi.json).
import { Problem, type Request, get, send } from "../http";
import { signal } from "../ui/signals";

export interface Permissions {
  audio: boolean;
  video: boolean;
  messages: boolean;
  files: boolean;
  images: boolean;
}

export interface Schedule {
  start: string;
  duration_seconds: number;
  zone?: string;
  rule?: string;
  next?: string[];
}

export interface Field {
  id: string;
  label: string;
  type: string;
  required?: boolean;
  options?: string[];
}

/** SetRegistration is how people sign up; absent fields are the server's defaults. */
export interface SetRegistration {
  window?: string;
  opens_at?: string;
  closes_at?: string;
  maximum?: number;
  approval?: boolean;
  waitlist?: boolean;
  accounts?: boolean;
  fields?: Field[];
}

export interface Registration extends SetRegistration {
  closed?: boolean;
  open?: boolean;
  detail?: string;
  approved?: number;
  pending?: number;
  waitlisted?: number;
}

/** Settings are what create and edit have in common. */
export interface Settings {
  title?: string;
  description?: string;
  mode?: string;
  schedule?: Schedule;
  guests?: Permissions;
  guest_limit?: number;
  lobby?: string;
  locked?: boolean;
  partition?: string;
  retention_days?: number;
  embed_origins?: string[]; // sites that may show it in a frame
}

export interface CreateWebinar extends Settings {
  pin?: string;
  generate_pin?: boolean;
  registration?: SetRegistration;
}

export interface EditWebinar extends Omit<Settings, "guests"> {
  guests?: Partial<Permissions>;
  clear_schedule?: boolean;
}

export interface Registrant {
  id: string;
  status: "pending" | "approved" | "waitlisted" | "declined" | "cancelled";
  created_at: string;
  first_name: string;
  last_name: string;
  email: string;
  fields: Record<string, string[]>;
  expired?: boolean;
}

export type Decision = "approve" | "decline" | "cancel";

export interface Unconnected {
  participant: string;
  name: string;
  by: string;
  at: string;
  banned: boolean;
}

export interface Webinar extends Settings {
  recording?: { id: string; since: string }; // absent while it is not recorded
  slow_mode_seconds?: number;
  started_at?: string;
  id: string;
  title: string;
  mode: string;
  link: string;
  join_path: string;
  state: "planned" | "live" | "ended";
  has_pin: boolean;
  open_door?: boolean; // the link alone opens it
  registration?: Registration; // absent while it is off
  created_at: string;
  version: number;
  pin?: string;
}

export interface Invite {
  id: string;
  name: string;
  role: string;
  secret?: string;
  link_path?: string;
  whip_path: string;
  email?: string;
}

/** NewInvite is one of a list. */
export interface NewInvite {
  name: string;
  email?: string;
  role: string;
  mail?: boolean;
}

/** Stay is somebody's time inside. */
export interface Stay {
  id: string;
  participant: string;
  name: string; // "" once it has been deleted
  role: string;
  node: string;
  joined_at: string;
  left_at?: string; // absent while they are inside
}

export interface AuditEntry {
  seq: number;
  at: string;
  by: string;
  action: string;
  subject?: string;
  undoable: boolean;
}

export interface Participant {
  id: string;
  name: string;
  role: string;
  guest?: boolean;
  node: string;
  since: string;
  waiting?: boolean; // in the lobby
  uses: string[];
  stage?: boolean; // brought there by a host
  hand?: string; // since when it is up
  stop_audio?: boolean;
  stop_video?: boolean;
  stop_messages?: boolean;
  invite?: string;
  registration?: string;
  account?: string;
}

/** EditParticipant changes what holds for one participant; what is absent stays. */
export type EditParticipant = Partial<Record<"stop_audio" | "stop_video" | "stop_messages" | "stage" | "hand", boolean>> & { role?: string };

/** Edited is what holds for a participant. */
export interface Edited {
  id: string;
  stage: boolean;
  stop_audio: boolean;
  stop_video: boolean;
  stop_messages: boolean;
  hand?: string;
  role?: string;
}

/** Me is who makes the request: an account, an API token, or somebody inside one webinar. */
export interface Me {
  kind: "account" | "token" | "participant";
  id: string;
  name: string;
  role?: string;
  scopes: string[];
  login?: string;
  webinar?: string;
  participant?: string;
}

/** SignIns are the ways to sign in beside a token. */
export interface SignIns {
  password: boolean;
  oidc: boolean;
}

/** Happened is one server-sent event about a webinar; types that are not known are passed over. */
export interface Happened {
  type: string;
  id?: string;
  removed?: boolean;
  webinar?: Webinar;
  participant?: Edited;
}

export type Strength = "strong" | "medium" | "weak";

export interface Ban {
  id: string;
  participant: string;
  name: string;
  strength: Strength;
  keys: string[];
  at: string;
}

/** Recorded is what one node has of a recording. */
export interface Recorded {
  id: string;
  node: string;
  running: boolean;
  problem?: string; // a sentence
  files: RecordedFile[];
}

export interface RecordedFile {
  name: string;
  path: string;
  track: "audio" | "video" | "captions";
  language?: string; // of captions
  first_ms: number;
  last_ms: number;
  bytes: number;
  state: "growing" | "whole" | "cut_off";
}

export interface NodeStatus {
  node: string;
  role: string;
  region: string;
  version: string;
  url: string;
  alive: boolean;
  draining: boolean;
  load: number;
  rtt_ms: number;
  index: number; // of the state that it has applied
  staleness_ms: number;
  outdated: boolean;
  sessions: number;
  mesh_certificate?: Certificate;
  public_certificate?: Certificate;
}

export interface Certificate {
  names: string[];
  issuer: string;
  not_before: string;
  not_after: string;
  fingerprint: string; // SHA-256, in hexadecimal digits
  ends_soon: boolean;
}

export interface Hop {
  node: string;
  role: string;
  parent?: string;
  path: string[];
  readers: number;
  children: string[];
  bitrate_bps: number;
  rtt_ms: number;
  standby?: string;
  delay_ms: number;
  loss: number; // 0 to 1
  recovered: number;
  frames: number;
  late_frames: number;
  buffer_ms: number;
  shed: number; // layers
}

export interface Track {
  webinar: string;
  stream: string;
  track: string;
  epoch: number;
  hops: Hop[];
}

export interface Status {
  node: string;
  version: string;
  commit: string;
  cluster: string;
  leader: string;
  term: number;
  index: number;
  gossip_key?: { generation: number; phase: string; since: string };
  authority_certificate?: Certificate;
  nodes: NodeStatus[];
  tracks: Track[];
  unreachable: string[];
}

interface List<T> {
  items: T[];
  next?: string;
}

const kept = "stentor.token";

function changing(version?: number): Record<string, string> {
  const key = { "Idempotency-Key": crypto.randomUUID() };
  return version === undefined ? key : { ...key, "If-Match": `"${version}"` };
}

/** renewEvery is how often the token of a session is renewed, in milliseconds: it is good for five minutes. */
const renewEvery = 60_000;

/** session reports whether a token is that of a participant's session. */
export const session = (token: string): boolean => token.startsWith("sts1.");

/** most bounds how many pages of a list are read: 10,000 items. */
const most = 50;

/**
 * API speaks for whoever signed in: by a token, which lives in memory and, for a reload of this
 * tab, in sessionStorage; or as an account, by a cookie that no script can read.
 */
export class API {
  readonly token = signal(sessionStorage.getItem(kept) ?? "");
  /** self is who that is; null until the server has said so. */
  readonly self = signal<Me | null>(null);

  #renewal = 0;

  /** signedIn reports whether the console can be shown. */
  signedIn = (): boolean => this.token() !== "" || this.self() !== null;

  /** takeToken takes #token=sta_... out of the address. */
  takeToken(): void {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (!token) return;
    history.replaceState(history.state, "", location.pathname + location.search);
    this.signIn(token);
  }

  /** begin finds out who signed in before, by token or cookie; a token that is none any more signs out by itself. */
  async begin(): Promise<void> {
    this.#keepSession();
    const me = await get<Me>("/api/v1/me", this.#as()).catch((e: unknown) => (this.token.peek() && e instanceof Problem && e.status === 401 ? this.#forget() : null));
    if (me) this.self.set(me);
  }

  /** keepSession renews the token of a session, of who came from the guest page, for as long as its door lets it. */
  #keepSession(): void {
    if (this.#renewal || !session(this.token.peek())) return;
    this.#renewal = window.setInterval(() => {
      const token = this.token.peek();
      if (!session(token)) return clearInterval(this.#renewal);
      get<{ token: string }>("/api/v1/door/-/refresh", { method: "POST", bearer: token }).then((grant) => { // the token names its webinar
        sessionStorage.setItem(kept, grant.token);
        this.token.set(grant.token);
      }, (e: unknown) => (e instanceof Problem && e.status === 401 ? this.#forget() : null));
    }, renewEvery);
  }

  signIn(token: string): void {
    sessionStorage.setItem(kept, token);
    this.self.set(null);
    this.token.set(token);
  }

  /** enter signs in with a local account: the answer sets a cookie. */
  async enter(login: string, password: string): Promise<void> {
    this.self.set(await get<Me>("/api/v1/sign-in", { method: "POST", json: { login, password }, cookie: true }));
  }

  async signOut(): Promise<void> {
    const account = this.token.peek() === "";
    if (account) await send("/api/v1/sign-out", { method: "POST", cookie: true });
    this.#forget();
  }

  #forget(): null {
    sessionStorage.removeItem(kept);
    this.token.set("");
    this.self.set(null);
    return null;
  }

  /** as says who makes a request: the token counts more than a cookie, as it does for the server. */
  #as(): Request {
    const bearer = this.token.peek();
    return bearer ? { bearer } : { cookie: true };
  }

  signIns = () => get<SignIns>("/api/v1/sign-in");
  /** check asks whose a token is, without taking it over. */
  check = (token: string) => get<Me>("/api/v1/me", { bearer: token });
  me = () => this.#get<Me>("/me");
  pass = () => this.#post<{ pass: string }>("/me/pass");

  status = () => this.#get<Status>("/status");
  webinars = () => this.#all<Webinar>("/webinars");
  webinar = (id: string) => this.#get<Webinar>(this.#of(id));
  create = (body: CreateWebinar) => this.#post<Webinar>("/webinars", body);
  edit = (id: string, body: EditWebinar, version: number) => this.#post<Webinar>(this.#of(id), body, "PATCH", version);
  setRegistration = (id: string, body: SetRegistration, version: number) => this.#post<Webinar>(this.#of(id, "registration"), body, "PUT", version);
  clearRegistration = (id: string, version: number) => this.#delete(this.#of(id, "registration"), version);
  openRegistration = (id: string, open: boolean) => this.#post<Webinar>(this.#of(id, "registration", open ? "open" : "close"));
  registrants = (id: string) => this.#all<Registrant>(this.#of(id, "registrants"));
  decide = (id: string, ids: string[], decision: Decision) => this.#post<object>(this.#of(id, "registrants", "decide"), { ids, decision });
  registrantsCSV = (id: string) => this.#guard(send("/api/v1" + this.#of(id, "registrants.csv"), this.#as()).then((a) => a.blob()));
  admit = (id: string, body: { participants?: string[]; all?: boolean }) => this.#post<{ participants: string[] }>(this.#of(id, "lobby", "admit"), body);
  unconnected = (id: string) => this.#all<Unconnected>(this.#of(id, "unconnected"));
  reinvite = (id: string, participant: string) => this.#post<object>(this.#of(id, "participants", participant, "reinvite"));
  end = (id: string) => this.#post<Webinar>(this.#of(id, "end"));
  setPIN = (id: string, body: { value?: string; generate?: boolean }, version?: number) => this.#post<{ pin: string; weak: boolean }>(this.#of(id, "pin"), body, "PUT", version);
  clearPIN = (id: string, version?: number) => this.#delete(this.#of(id, "pin"), version);
  invites = (id: string) => this.#all<Invite>(this.#of(id, "invites"));
  invite = (id: string, name: string, role: string) => this.#post<Invite>(this.#of(id, "invites"), { name, role });
  inviteAll = (id: string, invites: NewInvite[]) => this.#post<List<Invite>>(this.#of(id, "invites", "batch"), { invites }).then((made) => made.items);
  attendance = (id: string) => this.#all<Stay>(this.#of(id, "attendance"));
  attendanceCSV = (id: string) => this.#guard(send("/api/v1" + this.#of(id, "attendance.csv"), this.#as()).then((a) => a.blob()));
  chatCSV = (id: string) => this.#guard(send("/api/v1" + this.#of(id, "chat.csv"), this.#as()).then((a) => a.blob()));
  audit = (id: string, cursor = "") => this.#get<List<AuditEntry>>(`${this.#of(id, "audit")}?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
  undo = (id: string, seq: number) => this.#post<object>(this.#of(id, "audit", String(seq), "undo"));
  participants = (id: string) => this.#get<{ items: Participant[]; unreachable: string[] }>(this.#of(id, "participants"));
  editParticipant = (id: string, participant: string, body: EditParticipant) => this.#post<Edited>(this.#of(id, "participants", participant), body, "PATCH");
  disconnect = (id: string, participant: string, ban: boolean, network = false) =>
    this.#post<{ ban?: { id: string; strength: Strength } }>(this.#of(id, "participants", participant, "disconnect"), { ban, ...(network && { network }) });
  record = (id: string, on: boolean) => this.#post<Webinar>(this.#of(id, "recording", on ? "start" : "stop"));
  recordings = (id: string) => this.#get<{ items: Recorded[] }>(this.#of(id, "recordings")).then((list) => list.items);
  rotateLink = (id: string) => this.#post<Webinar>(this.#of(id, "link"));
  /** set changes settings whatever the version: for switches, of which each is one thing. */
  set = (id: string, body: EditWebinar) => this.#post<Webinar>(this.#of(id), body, "PATCH");
  drain = (node: string, on: boolean) => this.#guard(send(`/api/v1/nodes/${encodeURIComponent(node)}/drain`, { method: on ? "PUT" : "DELETE", headers: changing(), ...this.#as() }));
  removeNode = (node: string) => this.#delete(`/nodes/${encodeURIComponent(node)}`);
  bans = (id: string) => this.#all<Ban>(this.#of(id, "bans"));
  liftBan = (id: string, ban: string) => this.#delete(this.#of(id, "bans", ban));

  /** recordedFile is an address to load a file from: its own, where a cookie opens it; else one of this page's memory. */
  async recordedFile(path: string): Promise<string> {
    const { bearer } = this.#as();
    if (!bearer) return path;
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${bearer}` }, cache: "no-store", credentials: "omit" });
    if (!answer.ok) throw new Problem(answer.status === 403 ? "not_allowed" : "unavailable", "", answer.status);
    return URL.createObjectURL(await answer.blob());
  }

  /** happenings opens the server-sent events of a webinar; after is the id of the last one that is known. */
  async happenings(id: string, after: string, ended: AbortSignal): Promise<Response> {
    const { bearer } = this.#as();
    const headers = { Accept: "text/event-stream", ...(bearer && { Authorization: `Bearer ${bearer}` }), ...(after && { "Last-Event-ID": after }) };
    const answer = await fetch("/api/v1" + this.#of(id, "events"), { headers, signal: ended, cache: "no-store", credentials: bearer ? "omit" : "same-origin" });
    if (answer.ok) return answer;
    throw new Problem("unavailable", "", answer.status);
  }

  #of(...parts: string[]): string {
    return "/webinars/" + parts.map(encodeURIComponent).join("/");
  }

  #get<T>(path: string): Promise<T> {
    return this.#guard(get<T>("/api/v1" + path, this.#as()));
  }

  async #all<T>(path: string): Promise<T[]> {
    const all: T[] = [];
    let next = "";
    for (let i = 0; i < most; i++) {
      const page = await this.#get<List<T>>(`${path}?limit=200${next && `&cursor=${encodeURIComponent(next)}`}`);
      all.push(...page.items);
      if (!page.next) break;
      next = page.next;
    }
    return all;
  }

  /** post changes something, once: a repetition of the same request has the same key. With a version, only while the webinar has it. */
  #post<T>(path: string, json?: unknown, method = "POST", version?: number): Promise<T> {
    const headers = changing(version);
    return this.#guard(get<T>("/api/v1" + path, { method, json, headers, ...this.#as() }));
  }

  async #delete(path: string, version?: number): Promise<void> {
    const headers = changing(version);
    await this.#guard(send("/api/v1" + path, { method: "DELETE", headers, ...this.#as() }));
  }

  /** guard forgets who signed in when the server does not know them (any more). */
  async #guard<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (e) {
      if (e instanceof Problem && e.status === 401) this.#forget();
      throw e;
    }
  }
}
