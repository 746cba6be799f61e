// The tree of a track: where each hop stands in the picture. No element is made here.
import type { Hop } from "../host/api";

export interface Placed {
  hop: Hop;
  x: number; // of the left side of its box
  y: number; // of the middle of its box
  parent: Placed | null;
}

export interface Drawing {
  width: number;
  height: number;
  all: Placed[];
}

/** box is the size of a node, and the room to the next one. */
export const box = { width: 176, height: 58, across: 190, down: 30, margin: 10 } as const;

/**
 * draw puts the origin to the left, each hop one step to the right of its parent, and a parent
 * in the middle of its children. A hop whose parent is not among the hops (its node did
 * not answer) begins a tree of its own.
 */
export function draw(hops: readonly Hop[]): Drawing {
  const known = new Set(hops.map((p) => p.node));
  const below = new Map<string, Hop[]>();
  for (const p of [...hops].sort((a, b) => (a.node < b.node ? -1 : 1))) {
    const parent = p.parent && known.has(p.parent) ? p.parent : "";
    below.set(parent, [...(below.get(parent) ?? []), p]);
  }
  const all: Placed[] = [];
  const seen = new Set<string>();
  const step = box.height + box.down;
  let row = 0;
  let deepest = 0;
  const put = (hop: Hop, depth: number, parent: Placed | null): Placed => {
    seen.add(hop.node);
    deepest = Math.max(deepest, depth);
    const self: Placed = { hop, x: box.margin + depth * (box.width + box.across), y: 0, parent };
    all.push(self);
    const children = (below.get(hop.node) ?? []).filter((c) => !seen.has(c.node)).map((c) => put(c, depth + 1, self));
    self.y = children.length > 0 ? (children[0]!.y + children.at(-1)!.y) / 2 : box.margin + box.height / 2 + step * row++;
    return self;
  };
  const roots = below.get("") ?? [];
  for (const p of [...roots.filter((r) => r.role === "origin"), ...roots.filter((r) => r.role !== "origin"), ...hops]) {
    if (!seen.has(p.node)) put(p, 0, null); // the last ones: a circle of old news
  }
  return { width: 2 * box.margin + box.width + deepest * (box.width + box.across), height: 2 * box.margin + Math.max(1, row) * step - box.down, all };
}
