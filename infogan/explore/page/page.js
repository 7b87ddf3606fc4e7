// The page: keeps the state, asks the backend for its images, and shows them.

import { clampValue, namesOfCategories, under } from "./code.js";
import { makeCodePanel } from "./code-panel.js";
import { latestOnly } from "./latest.js";
import { reportErrors, showNotice } from "./notice.js";
import { makeCustomImage } from "./custom-image.js";
import { draw } from "./pixels.js";
import { savePng } from "./download.js";
import { makeFilmPlayer } from "./film-player.js";
import { isSelected, makeLayout, toRows, valuesOf } from "./layout.js";
import { makeGrid } from "./grid.js";
import { format, parse, ROWS } from "./state.js";
import { makeToolbar } from "./toolbar.js";

const $ = (id) => document.getElementById(id);
const REST = 250; // ms without a change, after which the address and thumbnails are updated

async function start() {
  const answer = await fetch("model.json");
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? "There is no model.json.");
  const info = await answer.json();
  const { open } = await import(`./backend-${info.backend}.js`);
  await show(info, await open(info));
}

async function show(info, backend) {
  const L = info.codes.length;
  const labelled = info.codes.map((code) => code.category_names ?? []); // a site of an older version has no names
  let names = info.names;
  let state = parse(location.hash, info);
  let sampled = null; // {seed, bases}
  let custom = null; // {encode, base, spreads}
  const real = new URLSearchParams(location.search).get("real"); // the number of an image that the map leads to
  let shown = null; // {layout, images}
  let restTimer = 0;

  const bases = () => (custom ? [custom.base, ...sampled.bases] : sampled.bases);
  const selectedBase = () => bases().find((base) => base.id === state.row);
  const change = (changes) => {
    state = { ...state, ...changes };
    update();
  };
  const set = (i, value) => {
    const within = clampValue(info.codes[i], value);
    if (within !== null) change({ set: { ...state.set, [i]: within } });
  };
  const unset = (i) => change({ set: Object.fromEntries(Object.entries(state.set).filter(([k]) => k !== `${i}`)) });

  const grid = makeGrid($("cells"), info.shape, ({ row, put }) => change({ row, set: { ...state.set, ...put } }));
  const panels = info.codes.map((code, i) => makeCodePanel(code, info.shape, backend, {
    set: (value) => set(i, value),
    unset: () => unset(i),
    rename: (name) => saveName(code.name, name),
    renameCategory: (category, name) => saveName(`${code.name}=${category}`, name),
  }));
  const toolbar = makeToolbar(info, change);
  const customPanel = makeCustomImage(info.shape, {
    read: (file) => reportErrors(async () => {
      showNotice("Reading the picture …");
      await read(() => backend.encode(file));
      forgetReal();
      showNotice("");
      change({ row: "custom", set: {} });
    }),
    select: () => change({ row: "custom" }),
    close() {
      custom = null;
      forgetReal();
      customPanel.hide();
      change({ row: 0 });
    },
  });

  const forgetReal = () => location.search && history.replaceState(null, "", location.pathname + location.hash);

  /** Updates the page: panels at once, images when they are decoded, the address after a rest. */
  function update() {
    clearTimeout(restTimer);
    restTimer = setTimeout(rest, REST);
    if (sampled) showPanels();
    showImages();
  }

  const showImages = latestOnly(() => reportErrors(async () => {
    if (sampled?.seed !== state.seed) sampled = await sampleBases(state.seed);
    if (state.row === "custom" && !custom) {
      showNotice("Your image is not part of the address; drop it again.");
      state = { ...state, row: 0 };
    }
    showPanels();
    const [current, hasCustom, values] = [state, custom !== null, valuesOf(selectedBase(), state.set, info)];
    const layout = makeLayout(current, bases(), info);
    const cells = hasCustom ? [...layout.cells, { row: "custom", put: {} }] : layout.cells;
    const images = await backend.decode(...toRows(cells, current, bases(), info));
    if (hasCustom) customPanel.showEdited(images, layout.cells.length, current.row === "custom");
    grid.show(layout, images, (cell) => isSelected(cell, current, layout, values));
    shown = { layout, images };
    $("cells").dataset.shown = format(current, info);
  }));

  async function sampleBases(seed) {
    const { z, values } = await backend.sample(seed);
    const of = (numbers, i, width) => numbers.slice(i * width, (i + 1) * width);
    const base = (_, id) => ({ id, z: of(z, id, info.n_z), values: of(values, id, L) });
    return { seed, bases: Array.from({ length: ROWS }, base) };
  }

  const showThumbnails = latestOnly(() => reportErrors(async () => {
    const base = selectedBase();
    if (!base) return;
    const cells = [];
    const canvases = [];
    panels.forEach((panel, i) => panel.thumbnails.forEach(({ value, canvas }) => {
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
    if (sampled) showThumbnails();
  }

  function showPanels() {
    const base = selectedBase();
    if (!base) return;
    const values = valuesOf(base, state.set, info);
    panels.forEach((panel, i) => panel.show(values[i], i in state.set,
      base.id === "custom" ? custom.spreads[i] : null, under(info.codes[i], values, info)));
    toolbar.show(state, names, custom !== null);
  }

  const saveName = (what, name) => reportErrors(async () => {
    showNames(await backend.saveName(what, name));
    update();
  });

  function showNames(newNames) {
    names = newNames;
    info.codes.forEach((code, i) => {
      code.category_names = namesOfCategories(code, labelled[i], names);
      panels[i].showNames(names[code.name]);
    });
    toolbar.show(state, names, custom !== null);
  }

  async function read(encode) {
    const found = await encode();
    const base = { id: "custom", z: found.z, values: found.values };
    const reconstruction = await backend.decode(found.values, found.z, 1);
    custom = { encode, base, spreads: found.spreads };
    customPanel.showOriginal(found.image, reconstruction);
  }

  /** Shows the progress of the encoder of z; at its end the user's image is read again. */
  async function showInversionProgress() {
    let progress = await backend.inversionProgress();
    if (progress === 1) return;
    for (; progress < 1; progress = await backend.inversionProgress()) {
      $("inversion").textContent = `training the encoder of z: ${Math.floor(100 * progress)} %`;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    $("inversion").textContent = "";
    if (custom) await read(custom.encode);
    update();
  }

  $("codes").append(...panels.map((panel) => panel.element));
  $("png").addEventListener("click", () => shown && reportErrors(() => savePng(shown.layout, shown.images, info, info.title)));
  makeFilmPlayer(info, backend, () => ({ state, bases: bases() }));
  window.addEventListener("popstate", () => {
    state = parse(location.hash, info);
    update();
  });

  document.title = `${info.title} · infogan`;
  $("title").textContent = info.title;
  $("about").textContent = info.about;
  document.querySelector("main").hidden = false;
  $("map").hidden = !backend.encodeReal;
  showNames(names);
  if (real !== null && await reportErrors(() => read(() => backend.encodeReal(Number(real)))) && !location.hash) {
    state = { ...state, row: "custom" };
  }
  update();
  reportErrors(showInversionProgress);
}

start().catch((error) => {
  $("about").textContent = "";
  showNotice(error.message);
});
