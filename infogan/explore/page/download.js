// Files to download: the view as a PNG, and any other.

import { makeGridImage, toPng } from "./pixels.js";
import { createElement } from "./dom.js";

export async function savePng(layout, images, info, name) {
  download(await toPng(makeGridImage(images, layout.cells.length, layout.columns, info.shape)), `${name}.png`);
}

export function download(blob, name) {
  const href = URL.createObjectURL(blob);
  createElement("a", { href, download: name.replace(/[^\w.-]+/g, "-") }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
