// node run.mjs URL CHROMIUM: measures the page as Lighthouse does for a phone, three times, and prints one line of JSON with the
// scores from 0 to 100, the performance of each run beside the machine's own figure (a free desktop has 1,000 and more), and what cost points. "loading" is the performance without the time that
// script took, which is that of this machine, as busy as it is, times four; the rest is the simulated network's.
import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";

const [url, chromePath] = process.argv.slice(2);
const chrome = await launch({ chromePath, logLevel: "silent", chromeFlags: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-component-update"] });
const measure = async (onlyCategories) => {
  // Pages of webinars ask search engines to stay away: that they obey is no mistake.
  const { lhr } = await lighthouse(url, { port: chrome.port, output: "json", logLevel: "error", onlyCategories, skipAudits: ["is-crawlable"] });
  if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
  return lhr;
};
const loading = (lhr) => {
  const metrics = lhr.categories.performance.auditRefs.filter((ref) => ref.weight > 0 && ref.id !== "total-blocking-time");
  const sum = (of) => metrics.reduce((all, ref) => all + of(ref), 0);
  return Math.round((100 * sum((ref) => ref.weight * lhr.audits[ref.id].score)) / sum((ref) => ref.weight));
};
const middle = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];
const points = (lhr, name) => Math.round(100 * lhr.categories[name].score);
try {
  const first = await measure(["performance", "accessibility", "best-practices", "seo"]);
  const runs = [first, await measure(["performance"]), await measure(["performance"])];
  const performance = runs.map((lhr) => points(lhr, "performance"));
  const scores = Object.fromEntries(["accessibility", "best-practices", "seo"].map((name) => [name, points(first, name)]));
  scores.performance = middle(performance);
  scores.loading = middle(runs.map(loading));
  const cost = Object.values(first.audits).filter((a) => a.score !== null && a.score < 0.9).map((a) => `${a.id} ${a.score} ${a.displayValue ?? ""}`.trim());
  const machine = runs.map((lhr) => Math.round(lhr.environment.benchmarkIndex));
  console.log(JSON.stringify({ scores, performance, machine, cost }));
} finally {
  chrome.kill();
}
