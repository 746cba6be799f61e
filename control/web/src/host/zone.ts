// Times of day in a time zone, as a field of a form has them, and instants.

/** local is the time zone of this browser. */
export const local = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** zones are all that the browser knows, UTC first. */
export function zones(also: string): string[] {
  return [...new Set(["UTC", local, also, ...Intl.supportedValuesOf("timeZone")])].filter(Boolean);
}

/** ahead is how far the clocks of a zone are ahead of UTC at an instant, in milliseconds. */
function ahead(at: number, zone: string): number {
  return Date.parse(`${wall(at, zone)}Z`) - Math.floor(at / 60_000) * 60_000;
}

/** wall is what the clocks of a zone show: "2026-11-22T15:30". */
export function wall(at: number, zone: string): string {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, calendar: "gregory", numberingSystem: "latn", hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" }).formatToParts(at);
  const of = (type: string) => parts.find((p) => p.type === type)?.value ?? "";
  return `${of("year").padStart(4, "0")}-${of("month")}-${of("day")}T${of("hour")}:${of("minute")}`;
}

/**
 * instant is when the clocks of a zone show that. Of a time that comes twice, as the
 * clocks go back, it is the first; one that they leave out is as much later.
 */
export function instant(shown: string, zone: string): Date {
  const utc = Date.parse(`${shown.slice(0, 16)}Z`);
  const day = 86_400_000;
  const before = utc - ahead(utc - day, zone); // by the clocks of the day before
  const after = utc - ahead(utc + day, zone);
  return new Date(wall(before, zone) === shown.slice(0, 16) || wall(after, zone) !== shown.slice(0, 16) ? before : after);
}
