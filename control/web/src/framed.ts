// Whether this page is shown in a frame of another one. Nobody moderates there: what lies over a frame could have a host
// click what they do not see.
import type { Props } from "./ui/dom";

export const framed = window.parent !== window;

/** away are the attributes of a link to a page that no frame may show. */
export const away: Props = framed ? { target: "_blank", rel: "noopener" } : {};
