// Storage, also where the browser closes it to a frame of another site: what is kept there lasts as long as the page.

type Kept = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** tab keeps for a reload of this tab. */
export const tab: Kept = reach(() => sessionStorage);

/** lasting keeps for the next visit. */
export const lasting: Kept = reach(() => localStorage);

function reach(own: () => Storage): Kept {
  try {
    return own();
  } catch {
    const kept = new Map<string, string>();
    return { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => void kept.set(k, v), removeItem: (k) => void kept.delete(k) };
  }
}
