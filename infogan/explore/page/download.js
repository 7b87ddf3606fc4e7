// Files to download: the view as a PNG, the traversal as an animated GIF.

import { toGif } from "./gif.js";
import { makeFrames, toRows } from "./layout.js";
import { makeGridImage, toPng } from "./pixels.js";
import { createElement } from "./dom.js";

const DELAY = 8; // hundredths of a second per frame

export async function savePng(layout, images, info, name) {
  download(await toPng(makeGridImage(images, layout.cells.length, layout.columns, info.shape)), `${name}.png`);
}

export async function saveGif(state, bases, info, backend, name) {
  const frames = [];
  for (const cells of makeFrames(state, bases, info)) {
    const images = await backend.decode(...toRows(cells, state, bases, info));
    frames.push(makeGridImage(images, cells.length, cells.length % 4 ? 3 : 4, info.shape));
  }
  const discrete = !["number", "angle"].includes(info.codes[state.x].kind);
  download(toGif(frames, discrete ? 10 * DELAY : DELAY), `${name}.gif`);
}

function download(blob, name) {
  const href = URL.createObjectURL(blob);
  createElement("a", { href, download: name.replace(/[^\w.-]+/g, "-") }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
