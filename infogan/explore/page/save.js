// Files that the page makes: the view as a PNG, the sweep as a GIF that moves.

import { toGif } from "./gif.js";
import { makeFilm, toRows } from "./scene.js";
import { sheet, toPng } from "./pixels.js";
import { make } from "./make.js";

const DELAY = 8; // hundredths of a second

export async function savePng(scene, images, info, name) {
  offer(await toPng(sheet(images, scene.cells.length, scene.columns, info.shape)), `${name}.png`);
}

export async function saveGif(state, bases, info, backend, name) {
  const film = makeFilm(state, bases, info);
  const pictures = [];
  for (const cells of film) {
    const images = await backend.decode(...toRows(cells, state, bases, info));
    pictures.push(sheet(images, cells.length, cells.length % 4 ? 3 : 4, info.shape));
  }
  const discrete = !["number", "angle"].includes(info.codes[state.x].kind);
  offer(toGif(pictures, discrete ? 10 * DELAY : DELAY), `${name}.gif`);
}

function offer(blob, name) {
  const href = URL.createObjectURL(blob);
  make("a", { href, download: name.replace(/[^\w.-]+/g, "-") }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
