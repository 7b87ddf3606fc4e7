// Plays a film in a dialog, as the GIF that can be saved there.

import { download } from "./download.js";
import { filmFrames } from "./film.js";
import { toGif } from "./gif.js";
import { toRows } from "./layout.js";
import { reportErrors, showNotice } from "./notice.js";
import { MIN_WIDTH, makeGridImage } from "./pixels.js";

const DELAY = 8; // hundredths of a second per frame
const N_STOPS = 6; // noises that a random walk passes, with that of the selected image

const $ = (id) => document.getElementById(id);

/** current() -> {state, bases}, as `filmFrames` takes them. */
export function makeFilmPlayer(info, backend, current) {
  let saved = null; // {gif, name}

  $("play").addEventListener("click", () => reportErrors(async () => {
    $("play").disabled = true;
    showNotice("Making the film …");
    try {
      const { state, bases } = current();
      saved = await make($("film").value, state, bases);
    } finally {
      $("play").disabled = false;
    }
    showNotice("");
    $("film-image").src = URL.createObjectURL(saved.gif);
    $("film-image").alt = $("film-caption").textContent = $("film").selectedOptions[0].textContent;
    $("player").showModal();
  }));
  $("gif").addEventListener("click", () => download(saved.gif, saved.name));
  $("player-close").addEventListener("click", () => $("player").close());
  $("player").addEventListener("close", () => URL.revokeObjectURL($("film-image").src));

  async function make(film, state, bases) {
    const stops = film === "random-walk" ? await drawNoises(bases.find((base) => base.id === state.row)) : bases;
    const frames = [];
    for (const frame of filmFrames(film, state, stops, info)) {
      const n = frame.cells.length;
      const images = await backend.decode(...toRows(frame.cells, state, frame.bases, info));
      const minWidth = n === 1 ? 4 * MIN_WIDTH : MIN_WIDTH; // a film of one image fills the space of several
      frames.push(makeGridImage(images, n, Math.min(n, n % 4 ? 3 : 4), info.shape, minWidth));
    }
    const discrete = film === "traversal" && !["number", "angle"].includes(info.codes[state.x].kind);
    const about = { traversal: info.codes[state.x].name, custom: "to-your-image" }[film]
      ?? (/^\d+$/.test(film) ? `to-image-${Number(film) + 1}` : film);
    return { gif: toGif(frames, discrete ? 10 * DELAY : DELAY), name: `${info.title}-${about}.gif` };
  }

  /** The image, and the same with noises of a random seed. */
  async function drawNoises(base) {
    const { z } = await backend.sample(Math.floor(Math.random() * info.seeds));
    const noise = (_, i) => z.slice(i * info.n_z, (i + 1) * info.n_z);
    return [base, ...Array.from({ length: N_STOPS - 1 }, noise).map((z) => ({ ...base, z }))];
  }
}
