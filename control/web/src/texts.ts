// The texts of the page in the visitor's language, from the catalogue that the
// templates use too. The type of a key comes from the catalogue itself.
import type catalogue from "../texts.json";

export type Key = keyof typeof catalogue;

let sentences: Record<string, string> = {};

/** loadTexts fetches the sentences that the page points at. */
export async function loadTexts(url: string): Promise<void> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`texts: ${answer.status}`);
  sentences = (await answer.json()) as Record<string, string>;
}

/** t says a sentence, with its {places} filled. */
export function t(key: Key, places: Record<string, string | number> = {}): string {
  return (sentences[key] ?? key).replace(/\{(\w+)\}/g, (all, name: string) => String(places[name] ?? all));
}

/** has reports whether somebody wrote a sentence for a key that came from outside. */
export function has(key: string): key is Key {
  return Object.hasOwn(sentences, key);
}

const lang = () => document.documentElement.lang || "en";

/** clock says a time of day, and the day where it is another one. */
export function clock(iso: string): string {
  const at = new Date(iso);
  const today = at.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(lang(), today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" }).format(at);
}

/** number says a number with so many digits after the point. */
export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(lang(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** megabits says a bitrate. */
export function megabits(bps: number): string {
  return t("common.mbps", { rate: number(bps / 1e6, bps < 1e6 ? 2 : bps < 1e7 ? 1 : 0) });
}

/** left says how long so many seconds are: days, and hours or minutes of the last two days. */
export function left(seconds: number): string {
  const [unit, size] = seconds >= 2 * 86_400 ? ["day", 86_400] as const : seconds >= 2 * 3600 ? ["hour", 3600] as const : ["minute", 60] as const;
  return new Intl.NumberFormat(lang(), { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 0 }).format(Math.floor(seconds / size));
}
