// Brings the parts together: the state, what is asked for it, and where it is shown.

import { clampValue } from "./code.js";
import { makeKnob } from "./knob.js";
import { newest } from "./newest.js";
import { tell, telling } from "./notice.js";
import { makeOwn } from "./own.js";
import { draw } from "./pixels.js";
import { saveGif, savePng } from "./save.js";
import { isLookedAt, makeScene, toRows, valuesOf } from "./scene.js";
import { makeStage } from "./stage.js";
import { format, parse, ROWS } from "./state.js";
import { makeToolbar } from "./toolbar.js";

const $ = (id) => document.getElementById(id);
const REST = 250; // ms without a move after which address and thumbnails follow

async function start() {
  const answer = await fetch("model.json");
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? "There is no model.json.");
  const info = await answer.json();
  const { open } = await import(`./backend-${info.backend}.js`);
  await show(info, await open(info));
}

async function show(info, backend) {
  const L = info.codes.length;
  let names = info.names;
  let state = parse(location.hash, info);
  let drawn = null; // {seed, bases}
  let own = null; // {file, base, spreads}
  let last = null; // {scene, images} that is shown
  let resting = 0;

  const bases = () => (own ? [own.base, ...drawn.bases] : drawn.bases);
  const lookedAt = () => bases().find((base) => base.id === state.row);
  const change = (changes) => {
    state = { ...state, ...changes };
    follow();
  };
  const set = (i, value) => {
    const within = clampValue(info.codes[i], value);
    if (within !== null) change({ set: { ...state.set, [i]: within } });
  };
  const unset = (i) => change({ set: Object.fromEntries(Object.entries(state.set).filter(([k]) => k !== `${i}`)) });

  const stage = makeStage($("cells"), info.shape, ({ row, put }) => change({ row, set: { ...state.set, ...put } }));
  const knobs = info.codes.map((code, i) => makeKnob(code, info.shape, {
    set: (value) => set(i, value),
    unset: () => unset(i),
    rename: (name) => telling(async () => showNames(await backend.saveName(code.name, name))),
  }));
  const toolbar = makeToolbar(info, change);
  const panel = makeOwn(info.shape, {
    take: (file) => telling(async () => {
      tell("Reading the picture …");
      await read(file);
      tell("");
      change({ row: "own", set: {} });
    }),
    look: () => change({ row: "own" }),
    close() {
      own = null;
      panel.hide();
      change({ row: 0 });
    },
  });

  /** What there is to see follows the state: knobs at once, images when they are there, the address at rest. */
  function follow() {
    clearTimeout(resting);
    resting = setTimeout(rest, REST);
    if (drawn) showKnobs();
    ask();
  }

  const ask = newest(() => telling(async () => {
    if (drawn?.seed !== state.seed) drawn = await drawBases(state.seed);
    if (state.row === "own" && !own) {
      tell("An own image is not kept in the address; drop it again.");
      state = { ...state, row: 0 };
    }
    showKnobs();
    const [asked, hasOwn, values] = [state, own !== null, valuesOf(lookedAt(), state.set, info)];
    const scene = makeScene(asked, bases(), info);
    const cells = hasOwn ? [...scene.cells, { row: "own", put: {} }] : scene.cells;
    const images = await backend.decode(...toRows(cells, asked, bases(), info));
    if (hasOwn) panel.showEdited(images, scene.cells.length, asked.row === "own");
    stage.show(scene, images, (cell) => isLookedAt(cell, asked, scene, values));
    last = { scene, images };
    $("cells").dataset.shown = format(asked, info);
  }));

  async function drawBases(seed) {
    const { z, values } = await backend.draw(seed);
    const of = (numbers, i, width) => numbers.slice(i * width, (i + 1) * width);
    const base = (_, id) => ({ id, z: of(z, id, info.n_z), values: of(values, id, L) });
    return { seed, bases: Array.from({ length: ROWS }, base) };
  }

  const thumbnails = newest(() => telling(async () => {
    const base = lookedAt();
    if (!base) return;
    const cells = [];
    const canvases = [];
    knobs.forEach((knob, i) => knob.thumbnails.forEach((canvas, value) => {
      cells.push({ row: base.id, put: { [i]: value } });
      canvases.push(canvas);
    }));
    if (!cells.length) return;
    const images = await backend.decode(...toRows(cells, state, bases(), info));
    canvases.forEach((canvas, k) => draw(canvas, images, k, info.shape));
  }));

  function rest() {
    const hash = format(state, info);
    if (hash !== location.hash.replace(/^#/, "")) history.pushState(null, "", hash ? `#${hash}` : location.pathname);
    if (drawn) thumbnails();
  }

  function showKnobs() {
    const base = lookedAt();
    if (!base) return;
    const values = valuesOf(base, state.set, info);
    knobs.forEach((knob, i) => knob.show(values[i], i in state.set, base.id === "own" ? own.spreads[i] : null));
    toolbar.show(state, names);
  }

  function showNames(given) {
    names = given;
    info.codes.forEach((code, i) => {
      knobs[i].showName(names[code.name]);
    });
    toolbar.show(state, names);
  }

  async function read(file) {
    const found = await backend.encode(file);
    const base = { id: "own", z: found.z, values: found.values };
    const again = await backend.decode(found.values, found.z, 1);
    own = { file, base, spreads: found.spreads };
    panel.showGiven(found.image, again);
  }

  /** Shows how far E has learned to read z; what was read before it had is read again at the end. */
  async function learn() {
    let done = await backend.learning();
    if (done === 1) return;
    for (; done < 1; done = await backend.learning()) {
      $("learning").textContent = `learning to read z: ${Math.floor(100 * done)} %`;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    $("learning").textContent = "";
    if (own) await read(own.file);
    follow();
  }

  $("knobs").append(...knobs.map((knob) => knob.element));
  $("png").addEventListener("click", () => last && telling(() => savePng(last.scene, last.images, info, info.title)));
  $("gif").addEventListener("click", () => telling(async () => {
    $("gif").disabled = true;
    await saveGif(state, bases(), info, backend, `${info.title}-${info.codes[state.x].name}`)
      .finally(() => ($("gif").disabled = false));
  }));
  window.addEventListener("popstate", () => {
    state = parse(location.hash, info);
    follow();
  });

  document.title = `${info.title} · infogan`;
  $("title").textContent = info.title;
  $("about").textContent = info.about;
  document.querySelector("main").hidden = false;
  showNames(names);
  follow();
  telling(learn);
}

start().catch((error) => {
  $("about").textContent = "";
  tell(error.message);
});
