// The kinds of codes: their range, their steps, and the format of their values.
// People's unit of an angle is a degree, the model's a radian; other values are the same in both.

const RANGE = 2; // twice what G was trained on, as in Fig. 2
const MAX_STOPS = 30; // of a category with many values, in a traversal

export const toModel = (code, value) => (code.kind === "angle" ? (value * Math.PI) / 180 : value);
export const toPeople = (code, value) => (code.kind === "angle" ? (value * 180) / Math.PI : value);

/** The minimum, maximum and step of a slider. */
export function range(code) {
  if (code.kind === "angle") return { min: 0, max: 360, step: 5 };
  if (code.kind === "number") return { min: -RANGE, max: RANGE, step: 0.05 };
  return { min: 0, max: code.categories - 1, step: 1 };
}

/** The value within its range; angles wrap around. null if it is not finite. */
export function clampValue(code, value) {
  if (!Number.isFinite(value)) return null;
  const { min, max } = range(code);
  if (code.kind === "angle") return value >= min && value <= max ? value : ((value % 360) + 360) % 360;
  const within = Math.min(max, Math.max(min, value));
  return code.kind === "number" ? within : Math.round(within);
}

/** The values of a traversal: n of a continuous code, every one of a discrete code. */
export function stops(code, n) {
  const evenly = (count, at) => Array.from({ length: count }, (_, i) => at(i));
  if (code.kind === "number") return evenly(n, (i) => -RANGE + (2 * RANGE * i) / (n - 1));
  if (code.kind === "angle") return evenly(n, (i) => (360 * i) / n);
  const shown = Math.min(code.categories, MAX_STOPS);
  return evenly(shown, (i) => Math.round((i * (code.categories - 1)) / Math.max(1, shown - 1)));
}

export function formatValue(code, value) {
  if (code.kind === "angle") return `${Math.round(value) % 360}°`;
  if (code.kind === "number") return value.toFixed(2).replace("-", "−");
  if (code.kind === "switch") return value ? "on" : "off";
  return code.category_names[value] ?? String(value);
}

/** What categories are called: by people, in `names`, or else by labels. */
export function namesOfCategories(code, labelled, names) {
  const given = Array.from({ length: code.categories ?? 0 }, (_, k) => names[`${code.name}=${k}`] ?? labelled[k]);
  return Object.fromEntries(Object.entries(given).filter(([, name]) => name !== undefined));
}

/** The uncertainty of a value that Q read. */
export function formatSpread(code, spread) {
  if (code.kind === "number") return `± ${spread.toFixed(2)}`;
  if (code.kind === "angle") return `± ${Math.round(toPeople(code, spread))}°`;
  return `${Math.round(100 * (1 - spread))} % sure`;
}

/** The category that a code is under, among these values of all codes; "" if it is under none. */
export function under(code, values, info) {
  const parent = info.codes[code.parent]; // undefined for null, and for a site of an older version
  return parent ? `under ${parent.name} = ${formatValue(parent, values[code.parent])}` : "";
}

export const label = (code, names) => (names[code.name] ? `${code.name} · ${names[code.name]}` : code.name);
