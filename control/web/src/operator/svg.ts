// SVG elements made from script; an attribute or a text that is a function follows the signals it reads.
import { effect } from "../ui/signals";

const space = "http://www.w3.org/2000/svg";

type Attributes = Record<string, string | number | (() => string | number)>;

/** s makes one SVG element. */
export function s(tag: string, attributes: Attributes, ...children: (SVGElement | string | (() => string))[]): SVGElement {
  const el = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") effect(() => el.setAttribute(name, String(value())));
    else el.setAttribute(name, String(value));
  }
  for (const child of children) {
    if (child instanceof SVGElement) el.append(child);
    else if (typeof child === "string") el.append(child);
    else {
      const text = document.createTextNode("");
      el.append(text);
      effect(() => {
        const now = child();
        if (text.data !== now) text.data = now;
      });
    }
  }
  return el;
}
