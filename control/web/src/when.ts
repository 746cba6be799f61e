// Times on a page that the server has made: it names the webinar's own zone, since it
// does not know the visitor's; this says them in the visitor's, with the zone's name.

const lang = () => document.documentElement.lang || "en";

/** steps are from how many seconds on a countdown counts in which unit. */
const steps: [number, Intl.RelativeTimeFormatUnit, number][] = [
  [2 * 86400, "day", 86400],
  [2 * 3600, "hour", 3600],
  [120, "minute", 60],
  [0, "second", 1],
];

/** late is how long after its beginning a webinar's countdown is still told, in seconds. */
const late = 3600;

/** localTimes says every <time data-local> of the page in the visitor's zone, and keeps the countdowns. */
export function localTimes(): void {
  const format = new Intl.DateTimeFormat(lang(), { weekday: "long", year: "numeric", month: "long", day: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short" });
  for (const el of document.querySelectorAll<HTMLTimeElement>("time[data-local]")) {
    el.title = el.textContent ?? "";
    el.removeAttribute("dir");
    el.textContent = format.format(new Date(el.dateTime));
  }
  const counts = document.querySelectorAll<HTMLElement>("[data-start]");
  if (counts.length === 0) return;
  const say = () => counts.forEach((el) => (el.textContent = countdown((Date.parse(el.dataset.start!) - Date.now()) / 1000)));
  say();
  setInterval(say, 1000);
}

/** countdown says how far off something is that many seconds away; nothing where it is long past. */
export function countdown(seconds: number): string {
  if (seconds < -late) return "";
  const [, unit, size] = steps.find(([from]) => Math.abs(seconds) >= from)!;
  return new Intl.RelativeTimeFormat(lang(), { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}
