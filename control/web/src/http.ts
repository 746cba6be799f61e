// Requests, and refusals as values (problem details, RFC 9457).
import { has, t } from "./texts";

/** Problem is a refusal: code is stable, detail a sentence of the server. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
    readonly status = 0,
    readonly retryAfter = 0, // seconds; 0: the server did not say
    readonly fields: { location: string; message: string }[] = [],
  ) {
    super(`${code}: ${detail}`);
  }

  /** sentence is what a person reads. */
  get sentence(): string {
    const key = "denial." + this.code;
    if (has(key)) return t(key);
    const fields = this.fields.map((f) => `${f.location.replace(/^body\./, "")}: ${f.message}`).join("; ");
    return [this.detail || t("denial.internal"), fields].filter(Boolean).join(" ");
  }
}

/** asProblem makes a Problem of whatever was thrown. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const other = error as Partial<Problem> | null; // of another bundle, whose class is another one
  if (error instanceof Error && typeof other?.code === "string" && typeof other.detail === "string") return new Problem(other.code, other.detail, other.status, other.retryAfter, other.fields);
  console.warn(error); // not an answer, but a mistake of ours or of the browser
  return new Problem("internal", "");
}

export interface Request {
  method?: string;
  bearer?: string;
  cookie?: boolean; // send and take the cookie of a sign-in
  json?: unknown;
  sdp?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  keepalive?: boolean;
}

/** longest is how long an answer may take before the network is taken for gone. */
const longest = 15_000;

/** send makes a request and returns the answer, or throws a Problem. */
export async function send(path: string, r: Request = {}): Promise<Response> {
  const headers = new Headers(r.headers);
  if (r.bearer) headers.set("Authorization", `Bearer ${r.bearer}`);
  if (r.json !== undefined) headers.set("Content-Type", "application/json");
  if (r.sdp !== undefined && !headers.has("Content-Type")) headers.set("Content-Type", "application/sdp");
  const patience = AbortSignal.timeout(longest);
  let answer: Response;
  try {
    answer = await fetch(path, {
      method: r.method ?? "GET",
      headers,
      body: r.json !== undefined ? JSON.stringify(r.json) : r.sdp,
      signal: r.signal ? either(r.signal, patience) : patience,
      keepalive: r.keepalive,
      cache: "no-store",
      credentials: r.cookie ? "same-origin" : "omit",
    });
  } catch {
    r.signal?.throwIfAborted();
    throw new Problem("network", "");
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

/** get makes a request whose answer is JSON. */
export async function get<T>(path: string, r: Request = {}): Promise<T> {
  const answer = await send(path, r);
  return (await answer.json()) as T;
}

async function refusal(answer: Response): Promise<Problem> {
  const wait = Number(answer.headers.get("Retry-After")) || 0;
  const body = await answer.json().catch(() => ({}));
  const code = typeof body?.code === "string" ? body.code : "internal";
  const detail = typeof body?.detail === "string" ? body.detail : "";
  return new Problem(code, detail, answer.status, wait, Array.isArray(body?.errors) ? body.errors : []);
}

function either(a: AbortSignal, b: AbortSignal): AbortSignal {
  const c = new AbortController();
  for (const s of [a, b]) {
    if (s.aborted) c.abort(s.reason);
    s.addEventListener("abort", () => c.abort(s.reason), { once: true });
  }
  return c.signal;
}
