// From the state to the rows that a backend decodes. Nothing here touches the document.
//
//   base   an image to start from: {id: 0 .. 7 | "own", z, values}, values as the model takes them
//   cell   {row: a base's id, put: {index: value}}: that image with these codes moved to these values
//   scene  {columns, cells, heads, sides}: heads over the columns and sides before the rows, empty for none

import { stops, toModel, toPeople, write } from "./code.js";

const STEPS = 10; // of a continuous code in a sweep, as on the command line
const PLANE = 9; // a side; odd, so that 0 and the ends of the trained range are among them

export function makeScene(state, bases, info) {
  const x = info.codes[state.x];
  const y = info.codes[state.y];
  const heads = (code, values) => values.map((value) => write(code, value));
  if (state.view === "sweep") {
    const along = stops(x, STEPS);
    const cells = bases.flatMap((base) => along.map((value) => ({ row: base.id, put: { [state.x]: value } })));
    return { columns: along.length, cells, heads: heads(x, along), sides: [] };
  }
  if (state.view === "plane") {
    const along = stops(x, PLANE);
    const down = stops(y, PLANE);
    const cells = down.flatMap((v) => along.map(
      (u) => ({ row: state.row, put: { [state.y]: v, [state.x]: u } })));
    return { columns: along.length, cells, heads: heads(x, along), sides: heads(y, down) };
  }
  const cells = bases.filter((base) => base.id !== "own").map((base) => ({ row: base.id, put: {} }));
  return { columns: 4, cells, heads: [], sides: [] };
}

/** All images with the code of the sweep at each of its values, forth and back: a list of lists of cells. */
export function makeFilm(state, bases, info) {
  const code = info.codes[state.x];
  const forth = stops(code, code.kind === "angle" ? 36 : 21);
  const back = code.kind === "number" ? forth.slice(1, -1).reverse() : [];
  return [...forth, ...back].map(
    (value) => bases.map((base) => ({ row: base.id, put: { [state.x]: value } })));
}

/** The values of a base's codes, as people read them, after what was turned. */
export function valuesOf(base, set, info) {
  return info.codes.map((code, i) => set[i] ?? toPeople(code, base.values[i]));
}

/** What `decode` takes for these cells. */
export function toRows(cells, state, bases, info) {
  const L = info.codes.length;
  const values = new Float32Array(cells.length * L);
  const z = new Float32Array(cells.length * info.n_z);
  cells.forEach((cell, n) => {
    const base = bases.find((b) => b.id === cell.row);
    const moved = { ...state.set, ...cell.put };
    values.set(base.values, n * L);
    for (const [i, value] of Object.entries(moved)) values[n * L + Number(i)] = toModel(info.codes[i], value);
    z.set(base.z, n * info.n_z);
  });
  return [values, z, cells.length];
}

/** Whether a cell is what the knobs show, or nearest to it of its row. */
export function isLookedAt(cell, state, scene, values) {
  const near = (i) => {
    const offered = [...new Set(scene.cells.map((c) => c.put[i]))];
    const far = (v) => Math.abs(v - values[i]);
    return cell.put[i] === offered.reduce((best, v) => (far(v) < far(best) ? v : best));
  };
  return cell.row === state.row && Object.keys(cell.put).every(near);
}
