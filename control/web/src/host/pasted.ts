// A pasted list of people, one a line: "Ada Lovelace <ada@example.org>", "Ada, ada@example.org", an address alone, a name alone.

export interface Person {
  name: string;
  email?: string;
}

/** longest is how many people one list has, and longestName how long a name is (CreateInvite). */
export const longest = 5000;
const longestName = 100;

const address = /[^\s<>,;:"'()]+@[^\s<>,;:"'()]+\.[^\s<>,;:"'()]+/;

/** pasted reads a list; wrong are the lines that are nobody. Who stands there twice, by address or by the same line, comes once. */
export function pasted(text: string): { people: Person[]; wrong: string[]; more: number } {
  const people: Person[] = [];
  const wrong: string[] = [];
  const seen = new Set<string>();
  let more = 0;
  for (const line of text.split(/\r?\n/).map((one) => one.trim()).filter(Boolean)) {
    const email = address.exec(line)?.[0];
    const rest = (email ? line.replace(email, " ") : line).replace(/[<>"\t;,()]+/g, " ").replace(/\s+/g, " ").trim();
    const name = rest || email?.split("@")[0] || "";
    const key = (email ?? name).toLowerCase();
    if (!name || name.length > longestName || (email?.length ?? 0) > 254 || (!email && line.includes("@"))) wrong.push(line);
    else if (seen.has(key)) continue;
    else if (people.length >= longest) more++;
    else {
      seen.add(key);
      people.push(email ? { name, email } : { name });
    }
  }
  return { people, wrong, more };
}

/** cell is a field of a CSV file (RFC 4180) that no spreadsheet takes for a formula. */
export function cell(value: string): string {
  const plain = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return `"${plain.replaceAll('"', '""')}"`;
}
