// The icons, as outlines of 24 by 24 that take the colour of the text.

const outlines = {
  sound: "M4 9v6h4l5 4V5L8 9zM16.5 8.5a5 5 0 0 1 0 7M19 6a8.5 8.5 0 0 1 0 12",
  silent: "M4 9v6h4l5 4V5L8 9zM17 9.5l5 5M22 9.5l-5 5",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  small: "M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5",
  inset: "M3 5h18v14H3zM12.5 11.5h6v5h-6z",
  leave: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  camera: "M3 6.5h12v11H3zM15 10.5l6-3v9l-6-3z",
  back: "M14.5 5l-7 7 7 7",
  more: "M12 4.4a.8.8 0 1 0 0 1.6.8.8 0 1 0 0-1.6M12 11.2a.8.8 0 1 0 0 1.6.8.8 0 1 0 0-1.6M12 18a.8.8 0 1 0 0 1.6.8.8 0 1 0 0-1.6",
  hand: "M7.5 12.5v-6a1.5 1.5 0 0 1 3 0V11m0-5.5v-1a1.5 1.5 0 0 1 3 0V11m0-4.5a1.5 1.5 0 0 1 3 0v5m0-2.5a1.5 1.5 0 0 1 3 0V15a6.5 6.5 0 0 1-6.5 6.5c-3 0-4.6-1.3-6-3.6l-2.4-4a1.5 1.5 0 0 1 2.5-1.6l1.4 1.7",
  stage: "M3 5h18v10H3zM8 20h8M12 15v5",
  mute: "M9 9V6a3 3 0 0 1 6 0v5.5M5.5 11.5a6.5 6.5 0 0 0 11 4.6M12 18.5V21M9 12a3 3 0 0 0 4.3 2.7M3.5 3.5l17 17",
  blind: "M8 6.5h7v7M21 8l-6 3.5M21 8v9l-2-1.2M15 17.5H3v-11h1M3 3l18 18",
  quiet: "M8 5h12v11h-1M15 16h-5l-4 4v-4H4V5h1M3 3l18 18",
  sliders: "M4 7h8M17 7h3M14.5 4.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 1 0 0-5M4 17h3M12 17h8M9.5 14.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 1 0 0-5",
  captions: "M3 5h18v14H3zM10.5 10.3a2.3 2.3 0 1 0 0 3.4M17.5 10.3a2.3 2.3 0 1 0 0 3.4",
  screen: "M3 4.5h18v12H3zM8 20.5h8M12 16.5v4",
  grid: "M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z",
  speaker: "M3 4h18v11H3zM3 18h5v3H3zM9.5 18h5v3h-5zM16 18h5v3h-5z",
} as const;

export type Icon = keyof typeof outlines;

const svg = "http://www.w3.org/2000/svg";

/** icon draws one icon; the button around it carries the words. */
export function icon(name: Icon): SVGElement {
  const el = document.createElementNS(svg, "svg");
  el.setAttribute("viewBox", "0 0 24 24");
  el.setAttribute("class", "icon");
  el.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg, "path");
  path.setAttribute("d", outlines[name]);
  el.append(path);
  return el;
}
