// What a plan's form says, as the control API wants it, and what changed in it.
import type { CreateWebinar, EditWebinar, Field, Registration, Schedule, SetRegistration, Settings, Webinar } from "./api";
import { sites } from "./embed";
import { instant, local } from "./zone";

/** permitted are what guests may send, in the order of the form. */
export const permitted = ["audio", "video", "messages", "files", "images"] as const;

/** zoneOf is the time zone that a plan is made in. */
export const zoneOf = (w: Webinar | null) => w?.schedule?.zone || local;

/** settings reads all but PIN and registration from the form. */
export function settings(form: FormData): Settings {
  const text = (name: string) => String(form.get(name) ?? "");
  const on = (name: string) => form.has(name);
  const s: Settings = {
    title: text("title").trim(), description: text("description").trim(), mode: text("mode"),
    guests: { audio: on("audio"), video: on("video"), messages: on("messages"), files: on("files"), images: on("images") },
    guest_limit: Number(text("guest_limit")) || 0, lobby: text("lobby"), locked: on("locked"),
    partition: text("partition"), retention_days: Number(text("retention_days")) || 30,
    embed_origins: sites(text("embed_origins")),
  };
  const schedule = when(form);
  return schedule ? { ...s, schedule } : s;
}

function when(form: FormData): Schedule | undefined {
  const start = String(form.get("start") ?? "");
  if (!start) return undefined;
  const zone = String(form.get("zone"));
  const s: Schedule = { start: instant(start, zone).toISOString(), duration_seconds: Number(form.get("duration")) * 60, zone };
  const rule = recurring(String(form.get("repeat") ?? ""), Number(form.get("times")));
  return rule ? { ...s, rule } : s;
}

function recurring(repeat: string, times: number): string {
  return Object.hasOwn(rhythms, repeat) ? `${rhythms[repeat]};COUNT=${times || 10}` : repeat; // a rule that the form did not make
}

/** rhythms are the rules that the form can make, without their number (RFC 5545, section 3.3.10). */
export const rhythms: Record<string, string> = {
  DAILY: "FREQ=DAILY", WEEKDAYS: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", WEEKLY: "FREQ=WEEKLY", BIWEEKLY: "FREQ=WEEKLY;INTERVAL=2", MONTHLY: "FREQ=MONTHLY",
};

/** occurrences are the first few times that the clocks show by a rhythm: a month that lacks the day is passed over, as RFC 5545 has it. */
export function occurrences(start: string, repeat: string, times: number, most: number): string[] {
  const at = new Date(`${start.slice(0, 16)}Z`);
  const out: string[] = [];
  const count = repeat ? Math.min(times, most) : 1;
  for (let i = 0; out.length < count && i < 100; i++) {
    const next = new Date(at);
    if (repeat === "MONTHLY") next.setUTCMonth(at.getUTCMonth() + i);
    else next.setUTCDate(at.getUTCDate() + i * (repeat === "WEEKLY" ? 7 : repeat === "BIWEEKLY" ? 14 : 1));
    if (repeat === "MONTHLY" && next.getUTCDate() !== at.getUTCDate()) continue;
    if (repeat === "WEEKDAYS" && [0, 6].includes(next.getUTCDay())) continue;
    out.push(next.toISOString().slice(0, 16));
  }
  return out;
}

/** rhythm is what the form shows of a rule; a rule that it cannot make stays as it is. */
export function rhythm(rule = ""): { repeat: string; times: number } {
  const [, base, times] = /^(.*);COUNT=(\d+)$/.exec(rule) ?? [];
  const known = Object.keys(rhythms).find((k) => rhythms[k] === base);
  return known ? { repeat: known, times: Number(times) } : { repeat: rule, times: 10 };
}

/** registration reads how people sign up. */
export function registration(form: FormData, fields: readonly Field[]): SetRegistration {
  const at = (name: string) => instant(String(form.get(name)), String(form.get("zone"))).toISOString();
  const window = String(form.get("window"));
  const interval = window === "interval" ? { opens_at: at("opens_at"), closes_at: at("closes_at") } : {};
  return {
    window, ...interval, maximum: Number(form.get("maximum")) || 0,
    approval: form.has("approval"), waitlist: form.has("waitlist"), accounts: form.has("accounts"), fields: fields.map(plain),
  };
}

function plain(f: Field): Field {
  const options = (f.options ?? []).map((o) => o.trim()).filter(Boolean);
  return { id: f.id, label: f.label.trim(), type: f.type, required: Boolean(f.required), ...(chosen(f.type) ? { options } : {}) };
}

/** chosen reports whether a field of that type has options. */
export const chosen = (type: string) => type === "choice" || type === "choices";

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
const moment = (s?: string) => s && new Date(s).toISOString();

/** known is what the server said of the same settings. */
function known(w: Webinar): Settings {
  const { title, description = "", mode, guest_limit = 0, lobby = "off", locked = false, partition = "keep", retention_days, embed_origins = [] } = w;
  const may = Object.fromEntries(permitted.map((p) => [p, w.guests?.[p] ?? true])) as unknown as Settings["guests"];
  return { title, description, mode, guests: may, guest_limit, lobby, locked, partition, retention_days: retention_days || 30, embed_origins, schedule: w.schedule && timed(w.schedule) };
}

function timed(s: Schedule): Schedule {
  return { start: moment(s.start)!, duration_seconds: s.duration_seconds, zone: s.zone || "UTC", ...(s.rule ? { rule: s.rule } : {}) };
}

/** changes are the settings that differ from those that the form began with. */
export function changes(was: Webinar, now: Settings): EditWebinar {
  const before = known(was);
  const out: EditWebinar = {};
  for (const key of Object.keys(now) as (keyof Settings)[]) if (!same(now[key], before[key])) Object.assign(out, { [key]: now[key] });
  if (before.schedule && !now.schedule) out.clear_schedule = true;
  return out;
}

/** resigned reports whether people are to sign up in another way than before. */
export function resigned(was: Registration | undefined, now: SetRegistration): boolean {
  if (!was) return true;
  const { window, opens_at, closes_at, maximum = 0, approval = false, waitlist = false, accounts = false, fields = [] } = was;
  const interval = window === "interval" ? { opens_at: moment(opens_at), closes_at: moment(closes_at) } : {};
  return !same(now, { window, ...interval, maximum, approval, waitlist, accounts, fields: fields.map(plain) });
}

/** created is a new webinar, without what was left empty. */
export function created(s: Settings, pin: { pin?: string; generate_pin?: boolean }, r?: SetRegistration): CreateWebinar {
  const { embed_origins = [], ...rest } = s;
  return { ...rest, ...(embed_origins.length > 0 ? { embed_origins } : {}), ...pin, ...(r ? { registration: r } : {}) };
}
