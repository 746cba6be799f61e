// Versions: this page's own, which came with it, against the server's of now.

/** newer reports whether version a (such as "v1.2.3-rc.1") is newer than b; what cannot be compared is not. */
export function newer(a: string, b: string): boolean {
  const [x, y] = [parse(a), parse(b)];
  if (!x || !y) return false;
  for (let i = 0; i < 3; i++) if (x.core[i] !== y.core[i]) return x.core[i]! > y.core[i]!;
  if (x.pre === y.pre) return false;
  return x.pre === "" || (y.pre !== "" && x.pre.localeCompare(y.pre, "en", { numeric: true }) > 0);
}

function parse(v: string): { core: number[]; pre: string } | null {
  const m = /^v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?/.exec(v);
  return m && { core: [Number(m[1]), Number(m[2]), Number(m[3])], pre: m[4] ?? "" };
}
