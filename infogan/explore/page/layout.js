// From the state to the images of the grid and the rows that a backend decodes. Does not use the DOM.
//
//   base    an image before codes are changed: {id: 0 .. 7 | "custom", z, values}, values in the model's units
//   cell    {row: a base's id, put: {index: value}}: that image with these codes set to these values
//   layout  {columns, cells, columnLabels, rowLabels}; labels may be empty

import { stops, toModel, toPeople, formatValue } from "./code.js";

const STEPS = 10; // of a continuous code in a traversal, as on the command line
const PLANE_STEPS = 9; // odd, so that 0 and the ends of the trained range are among them

export function makeLayout(state, bases, info) {
  const x = info.codes[state.x];
  const y = info.codes[state.y];
  const labels = (code, values) => values.map((value) => formatValue(code, value));
  if (state.view === "traversal") {
    const along = stops(x, STEPS);
    const cells = bases.flatMap((base) => along.map((value) => ({ row: base.id, put: { [state.x]: value } })));
    return { columns: along.length, cells, columnLabels: labels(x, along), rowLabels: [] };
  }
  if (state.view === "plane") {
    const along = stops(x, PLANE_STEPS);
    const down = stops(y, PLANE_STEPS);
    const cells = down.flatMap((v) => along.map(
      (u) => ({ row: state.row, put: { [state.y]: v, [state.x]: u } })));
    return { columns: along.length, cells, columnLabels: labels(x, along), rowLabels: labels(y, down) };
  }
  const cells = bases.filter((base) => base.id !== "custom").map((base) => ({ row: base.id, put: {} }));
  return { columns: 4, cells, columnLabels: [], rowLabels: [] };
}

/** The frames of a film of the traversal, forth and back: a list of cells each. */
export function makeFrames(state, bases, info) {
  const code = info.codes[state.x];
  const forth = stops(code, code.kind === "angle" ? 36 : 21);
  const back = code.kind === "number" ? forth.slice(1, -1).reverse() : [];
  return [...forth, ...back].map(
    (value) => bases.map((base) => ({ row: base.id, put: { [state.x]: value } })));
}

/** The values of a base's codes in people's units, with the changed ones. */
export function valuesOf(base, set, info) {
  return info.codes.map((code, i) => set[i] ?? toPeople(code, base.values[i]));
}

/** The arguments of `decode` for these cells. */
export function toRows(cells, state, bases, info) {
  const L = info.codes.length;
  const values = new Float32Array(cells.length * L);
  const z = new Float32Array(cells.length * info.n_z);
  cells.forEach((cell, n) => {
    const base = bases.find((b) => b.id === cell.row);
    const changed = { ...state.set, ...cell.put };
    values.set(base.values, n * L);
    for (const [i, value] of Object.entries(changed)) values[n * L + Number(i)] = toModel(info.codes[i], value);
    z.set(base.z, n * info.n_z);
  });
  return [values, z, cells.length];
}

/** Whether a cell is the image that the controls show, or the nearest to it in its row. */
export function isSelected(cell, state, layout, values) {
  const isNearest = (i) => {
    const available = [...new Set(layout.cells.map((c) => c.put[i]))];
    const distance = (v) => Math.abs(v - values[i]);
    return cell.put[i] === available.reduce((best, v) => (distance(v) < distance(best) ? v : best));
  };
  return cell.row === state.row && Object.keys(cell.put).every(isNearest);
}
