// The certificates: what nodes show to each other and to browsers, and how long each is good for.
import { clock, left, t } from "../texts";
import { each, h } from "../ui/dom";
import { type Signal, derived } from "../ui/signals";
import type { Certificate, Status } from "../host/api";

export type Kind = "authority" | "mesh" | "public";

export interface Shown {
  id: string;
  kind: Kind;
  node: string; // empty: the authority
  certificate: Certificate;
}

/** certificates are all that the status tells, those that end first at the top, the authority's last. */
export function certificates(s: Status): Shown[] {
  const out: Shown[] = [];
  const add = (kind: Kind, node: string, c?: Certificate) => c && out.push({ id: `${kind} ${node}`, kind, node, certificate: c });
  for (const n of s.nodes) {
    add("mesh", n.node, n.mesh_certificate);
    add("public", n.node, n.public_certificate);
  }
  const end = (c: Certificate) => Date.parse(c.not_after);
  out.sort((a, b) => Number(b.certificate.ends_soon) - Number(a.certificate.ends_soon) || (a.node < b.node ? -1 : Number(a.node > b.node)) || end(a.certificate) - end(b.certificate));
  add("authority", "", s.authority_certificate);
  return out;
}

/** remains is how long a certificate is good for, in seconds; negative where it is over. */
export const remains = (c: Certificate): number => (Date.parse(c.not_after) - Date.now()) / 1000;

const columns = ["shown", "names", "from", "until", "left", "fingerprint"] as const;

/** certificateCard is the card of them all; it is not there while no node tells of any. */
export function certificateCard(status: () => Status | null): HTMLElement {
  const all = derived(() => (status() ? certificates(status()!) : []));
  const body = each(h("tbody", { role: "rowgroup" }), all, (c) => c.id, row);
  const column = (words: string) => h("th", { scope: "col", role: "columnheader" }, words);
  return h("section", { class: "card", "aria-labelledby": "certificates-title", hidden: () => all().length === 0 },
    h("h2", { id: "certificates-title" }, t("operator.certificates")), h("p", { class: "hint" }, t("operator.certificates_hint")),
    h("table", { id: "certificates", class: "cards", role: "table" },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, column(t("host.column_node")), columns.map((c) => column(t(`operator.column_${c}`))))),
      body));
}

function row(shown: Signal<Shown>): HTMLElement {
  const of = () => shown().certificate;
  const { kind, node } = shown.peek();
  const cell = (c: (typeof columns)[number], ...content: Parameters<typeof h>[2][]) => h("td", { role: "cell", "data-label": t(`operator.column_${c}`), class: `cert-${c}` }, ...content);
  const rest = () => {
    const seconds = remains(of());
    return seconds > 0 ? left(seconds) : t("operator.cert_over");
  };
  const late = () => of().ends_soon && h("span", { class: () => (remains(of()) > 0 ? "chip warn" : "chip stopped") }, t("operator.cert_late"));
  return h("tr", { role: "row", "data-certificate": shown.peek().id },
    h("th", { scope: "row", role: "rowheader" }, node ? h("bdi", {}, node) : t("operator.cert_authority")),
    cell("shown", kind === "authority" ? "–" : t(`operator.cert_${kind}`)),
    cell("names", h("bdi", {}, () => of().names.join(", "))),
    cell("from", () => clock(of().not_before)), cell("until", () => clock(of().not_after)), cell("left", rest, " ", late),
    cell("fingerprint", h("details", { class: "fingerprint" }, h("summary", {}, h("code", { dir: "ltr" }, () => `${of().fingerprint.slice(0, 16)}…`)), h("code", { dir: "ltr" }, () => grouped(of().fingerprint)))));
}

/** grouped is a fingerprint as other tools write it: two digits, a colon. */
const grouped = (hex: string): string => (hex.match(/../g) ?? []).join(":").toUpperCase();
