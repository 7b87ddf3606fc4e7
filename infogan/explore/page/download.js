// Files to download: the view as a PNG, a film as an animated GIF, and any other.

import { toGif } from "./gif.js";
import { filmFrames } from "./film.js";
import { toRows } from "./layout.js";
import { MIN_WIDTH, makeGridImage, toPng } from "./pixels.js";
import { createElement } from "./dom.js";

const DELAY = 8; // hundredths of a second per frame

export async function savePng(layout, images, info, name) {
  download(await toPng(makeGridImage(images, layout.cells.length, layout.columns, info.shape)), `${name}.png`);
}

/** film: as `filmFrames` takes it. */
export async function saveGif(film, state, bases, info, backend, name) {
  const frames = [];
  for (const frame of filmFrames(film, state, bases, info)) {
    const n = frame.cells.length;
    const images = await backend.decode(...toRows(frame.cells, state, frame.bases, info));
    const minWidth = n === 1 ? 4 * MIN_WIDTH : MIN_WIDTH; // a film of one image fills the space of several
    frames.push(makeGridImage(images, n, Math.min(n, n % 4 ? 3 : 4), info.shape, minWidth));
  }
  const discrete = film === "traversal" && !["number", "angle"].includes(info.codes[state.x].kind);
  download(toGif(frames, discrete ? 10 * DELAY : DELAY), `${name}.gif`);
}

export function download(blob, name) {
  const href = URL.createObjectURL(blob);
  createElement("a", { href, download: name.replace(/[^\w.-]+/g, "-") }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
