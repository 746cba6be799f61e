// Alerts: what an operator should look at, out of the status alone.
import { type Key, left } from "../texts";
import type { Status } from "../host/api";
import { certificates, remains } from "./certificates";

export interface Alert {
  id: string;
  grave: boolean; // somebody may not see or get in; otherwise a warning
  key: Key;
  places: Record<string, string | number>;
}

/** staleAfter is when a node's state is old, in milliseconds: then strict webinars let nobody in any more. */
const staleAfter = 10_000;

/** lossy is the share of lost packets that a link mends without a delay that is seen. */
const lossy = 0.01;

/** busy is the load above which no node chooses this one as parent, while there is another. */
const busy = 0.7;

/** alerts are derived, the grave ones first. */
export function alerts(s: Status): Alert[] {
  const out: Alert[] = [];
  const add = (id: string, grave: boolean, key: Key, places: Alert["places"] = {}) => out.push({ id, grave, key, places });
  const voters = s.nodes.filter((n) => n.role === "voter");
  const answering = voters.filter((n) => n.alive).length;
  if (!s.leader || answering * 2 <= voters.length) add("quorum", true, "operator.alert_quorum", { alive: answering, voters: voters.length });
  for (const n of s.nodes) {
    if (!n.alive) add(`gone ${n.node}`, true, "operator.alert_gone", { node: n.node });
    if (n.alive && n.staleness_ms > staleAfter) add(`stale ${n.node}`, true, "operator.alert_stale", { node: n.node, seconds: Math.round(n.staleness_ms / 1000) });
    if (n.alive && n.load > busy) add(`load ${n.node}`, false, "operator.alert_load", { node: n.node, load: Math.round(100 * n.load) });
    if (n.alive && n.outdated) add(`outdated ${n.node}`, false, "operator.alert_outdated", { node: n.node, version: n.version });
  }
  for (const node of s.unreachable) {
    if (s.nodes.some((n) => n.node === node && n.alive)) add(`silent ${node}`, true, "operator.alert_silent", { node });
  }
  for (const c of certificates(s)) {
    const rest = remains(c.certificate);
    const node = c.node || s.cluster;
    if (rest <= 0) add(`over ${c.id}`, true, "operator.alert_cert_over", { node, names: c.certificate.names.join(", ") });
    else if (c.certificate.ends_soon) add(`cert ${c.id}`, c.kind === "mesh", c.kind === "mesh" ? "operator.alert_cert_mesh" : "operator.alert_cert_public", { node, left: left(rest) });
  }
  for (const link of lossyLinks(s)) add(`loss ${link.from} ${link.to}`, false, "operator.alert_loss", { ...link, loss: (100 * link.loss).toFixed(1) });
  return out.sort((a, b) => Number(b.grave) - Number(a.grave));
}

/** lossyLinks are the links that lose too much, each once, with the worst that a track saw. */
function lossyLinks(s: Status): { from: string; to: string; loss: number }[] {
  const worst = new Map<string, { from: string; to: string; loss: number }>();
  for (const track of s.tracks) {
    for (const hop of track.hops) {
      const known = worst.get(`${hop.parent} ${hop.node}`)?.loss ?? lossy;
      if (hop.parent && hop.loss > known) worst.set(`${hop.parent} ${hop.node}`, { from: hop.parent, to: hop.node, loss: hop.loss });
    }
  }
  return [...worst.values()];
}
