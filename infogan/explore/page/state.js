// The state of the page, a plain object, and its form in the address.
//
//   seed   0 .. info.seeds - 1
//   row    which image the controls show: 0 .. 7 of the seed, or "custom"
//   view   "samples" | "traversal" | "plane"
//   x, y   the codes (by index) that vary in the traversal and the plane
//   set    {index: value} of the codes that were set, the same for all images; the others stay as drawn.
//          Values in people's units: angles in degrees, see code.js

import { clampValue } from "./code.js";

export const VIEWS = ["samples", "traversal", "plane"];
export const ROWS = 8;

export function initial(info) {
  return { seed: 0, row: 0, view: "samples", x: 0, y: Math.min(1, info.codes.length - 1), set: {} };
}

/** The address of a state, without "#"; initial values are left out. */
export function format(state, info) {
  const first = initial(info);
  const parts = [];
  const put = (name, value) => parts.push(`${name}=${value}`);
  if (state.seed !== first.seed) put("seed", state.seed);
  if (state.row !== first.row) put("image", state.row === "custom" ? "custom" : state.row + 1);
  if (state.view !== first.view) put("view", state.view);
  if (state.x !== first.x) put("x", info.codes[state.x].name);
  if (state.y !== first.y) put("y", info.codes[state.y].name);
  for (const [i, value] of Object.entries(state.set)) put(info.codes[i].name, value);
  return parts.join("&");
}

/** The state of an address. Values out of range are clamped, and invalid ones are ignored. */
export function parse(hash, info) {
  const state = initial(info);
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const whole = (name, low, high, otherwise) => {
    const text = given.get(name);
    const number = Math.round(Number(text));
    return text === null || text.trim() === "" || Number.isNaN(number)
      ? otherwise : Math.min(high, Math.max(low, number));
  };
  const code = (name, otherwise) => {
    const i = info.codes.findIndex((c) => c.name === given.get(name));
    return i < 0 ? otherwise : i;
  };
  state.seed = whole("seed", 0, info.seeds - 1, state.seed);
  state.row = given.get("image") === "custom" ? "custom" : whole("image", 1, ROWS, 1) - 1;
  if (VIEWS.includes(given.get("view"))) state.view = given.get("view");
  state.x = code("x", state.x);
  state.y = code("y", state.y);
  info.codes.forEach((c, i) => {
    const text = given.get(c.name);
    const value = text === null || text.trim() === "" ? null : clampValue(c, Number(text));
    if (value !== null) state.set[i] = value;
  });
  return state;
}
