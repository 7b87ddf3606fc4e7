// The colours of the map, and what they say. A column is what `colouring` of map.py makes of it, with its values
// as a Uint16Array.

const UNKNOWN = 65535; // in place of a value
const RAMP = 64; // colours of a number or an angle
const MAX_LEGEND = 40; // categories

/** An element with properties and children. */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/**
 * The colours of a column, as CSS and as pixels, the last for unknown; and `of`, which of them each image has.
 * Hues around a circle for categories and angles, dark to light for numbers.
 */
function makePalette({ kind, values, categories, low, step, ends }) {
  const largest = values.reduce((most, q) => (q === UNKNOWN ? most : Math.max(most, q)), 0);
  const count = kind === "category" ? Math.max(categories.length, largest + 1) : RAMP;
  const css = Array.from({ length: count }, (_, i) => {
    if (kind === "number") return `oklch(${0.4 + (0.48 * i) / RAMP} 0.15 ${290 - (190 * i) / RAMP})`;
    const lightness = kind === "angle" ? 0.7 : [0.72, 0.55, 0.82][i % 3]; // so that neighbouring hues differ more
    return `oklch(${lightness} 0.15 ${25 + (360 * i) / count})`;
  });
  css.push("#8888");
  const probe = make("canvas", { width: count + 1, height: 1 }).getContext("2d");
  css.forEach((colour, i) => {
    probe.fillStyle = colour;
    probe.fillRect(i, 0, 1, 1);
  });
  const rgba = new Uint32Array(probe.getImageData(0, 0, count + 1, 1).data.buffer);
  const place = {
    category: (q) => q,
    angle: (q) => Math.floor((RAMP * q) / UNKNOWN),
    number: (q) => Math.floor((RAMP * (low + step * q - ends[0])) / (ends[1] - ends[0] || 1)),
  }[kind];
  const of = Uint32Array.from(values, (q) => (q === UNKNOWN ? count : Math.min(count - 1, Math.max(0, place(q)))));
  return { css, rgba, of };
}

function textOf(number, decimals = 0) {
  return number.toLocaleString("en", { maximumFractionDigits: decimals }).replace("-", "−");
}

/** A number, to a hundredth of the range of its column or better. */
function numberOf({ step }, number) {
  return textOf(number, Math.min(20, Math.max(0, 2 - Math.floor(Math.log10(step * (UNKNOWN - 1))))));
}

function valueOf(column, i) {
  const { kind, values, categories, low, step } = column;
  if (values[i] === UNKNOWN) return "unknown";
  const value = low + step * values[i];
  if (kind === "category") return categories[value] || String(value);
  return kind === "angle" ? `${Math.round((value * 180) / Math.PI) % 360}°` : numberOf(column, value);
}

const describe = (i, columns) => columns.map((column) => `${column.name}: ${valueOf(column, i)}`).join(", ");

/** What the colours mean, as nodes. */
function legendOf(column, { css, of }) {
  if (column.kind !== "category") {
    const ramp = make("i", { className: "ramp" });
    ramp.style.background = `linear-gradient(to right, ${css.slice(0, -1).join()})`;
    if (column.kind === "angle") return ["0°", ramp, "360°"];
    const [low, high] = column.ends.map((end) => numberOf(column, end));
    return [`≤ ${low}`, ramp, `≥ ${high}`];
  }
  const sizes = new Uint32Array(css.length);
  for (const i of of) sizes[i]++;
  const used = [...sizes.keys()].filter((i) => sizes[i]);
  const entries = used.slice(0, MAX_LEGEND).map((i) => {
    const swatch = make("i");
    swatch.style.background = css[i];
    const name = i === css.length - 1 ? "unknown" : column.categories[i] || String(i);
    return make("span", {}, swatch, `${name} (${textOf(sizes[i])})`);
  });
  return used.length > MAX_LEGEND ? [...entries, `and ${used.length - MAX_LEGEND} more`] : entries;
}
