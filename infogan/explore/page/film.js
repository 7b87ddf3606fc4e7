// Films of the images: the frames of a GIF, each {bases, cells}. Does not use the DOM.
//
//   film   "traversal": along the code x; "walk" and "random-walk": from base to base and back to the first;
//          a base's id: from the selected image to that one and back

import { makeFrames } from "./layout.js";

const STEPS = 12; // frames from one image to the next

export function filmFrames(film, state, bases, info) {
  if (film === "traversal") return makeFrames(state, bases, info).map((cells) => ({ bases, cells }));
  const still = (base) => ({ bases: [base], cells: [{ row: base.id, put: {} }] });
  const way = (a, b, n) => Array.from({ length: n }, (_, i) => still(between(a, b, i / n, info)));
  if (film.endsWith("walk")) return bases.flatMap((base, i) => way(base, bases[(i + 1) % bases.length], STEPS));
  const [from, to] = [`${state.row}`, film].map((id) => bases.find((base) => `${base.id}` === id));
  return [...way(from, to, 2 * STEPS), ...way(to, from, 2 * STEPS)];
}

/** A base a share t of the way from a to b: numbers evenly, angles the short way round, categories at the half. */
export function between(a, b, t, info) {
  const values = info.codes.map((code, i) => {
    const [from, to] = [a.values[i], b.values[i]];
    if (code.kind === "number") return from + t * (to - from);
    if (code.kind !== "angle") return t < 0.5 ? from : to;
    const turn = 2 * Math.PI;
    return from + t * (((to - from + 1.5 * turn) % turn) - turn / 2);
  });
  return { id: "between", values, z: onArc(a.z, b.z, t) };
}

/** Between two noises along a great circle: on the straight line they would be shorter than any that G knows. */
function onArc(a, b, t) {
  const dot = (u, v) => u.reduce((sum, x, i) => sum + x * v[i], 0);
  const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b) || 1);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const sine = Math.sin(angle);
  const [from, to] = sine < 1e-4 ? [1 - t, t] : [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
  return a.map((x, i) => from * x + to * b[i]);
}
