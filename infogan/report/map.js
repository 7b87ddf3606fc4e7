// The map of the report: all images in two dimensions. infogan/report/map.py makes its data.
//
// Every image is a point, painted into a buffer of pixels, because 10,000 calls of the canvas are too slow for
// a frame. Above some zoom there are thumbnails too, at most one per cell of a grid that moves with the images.

const UNKNOWN = 65535; // in place of a value
const PAD = 24; // around the outermost images; this and all lengths are in CSS pixels
const MIN_THUMBNAIL = 14, MAX_THUMBNAIL = 64;
const MAX_ZOOM = 200;
const RAMP = 64; // colours of a number or an angle
const MAX_LEGEND = 40; // categories

const data = JSON.parse(document.getElementById("map-data").textContent);
const n = data.n;
const xy = Float64Array.from(decode(data.xy), (v) => v / 65535);
const neighbours = decode(data.neighbours);
const columns = [...data.codes, ...data.known];
for (const column of columns) column.values = decode(column.values);
const [tileWidth, tileHeight] = data.tile;
const tilesPerRow = Math.ceil(Math.sqrt(n));
const everyImage = Array.from({ length: n }, (_, i) => i); // in an order that mixes neighbours in the data set
everyImage.sort((i, j) => (Math.imul(i, 0x9e3779b1) >>> 0) - (Math.imul(j, 0x9e3779b1) >>> 0));

const find = (selector) => document.querySelector(`#map ${selector}`);
const canvas = find(".map-plane > canvas"), context = canvas.getContext("2d");
const card = find(".map-card"), chosenPlace = find(".map-chosen"), select = find("select");
const theme = matchMedia("(prefers-color-scheme: dark)");
const sprite = new Image();

const first = { x: 0.5, y: 0.5, zoom: 1 }; // the middle of the view, where the images fill 0 to 1
let view = { ...first };
let hovered = -1, chosen = -1;
let column, palette; // what colours the images; {css, rgba, of}: colours, and which one each image has
let width, height, ratio, buffer, pixels; // of the canvas
const screenX = new Float32Array(n), screenY = new Float32Array(n);

const marks = [
  { images: data.duplicates, name: "equal to another image", colour: "--first", round: false },
  { images: data.outliers, name: "outliers", colour: "--bad", round: true },
].filter((mark) => mark.images.length);

function decode(text) {
  return new Uint16Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
}

/** An element with text and children. */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Colours

/** Hues around a circle for categories and angles, dark to light for numbers; gray if unknown. */
function makePalette({ kind, values, categories, low, step, ends }) {
  let largest = 0;
  for (const q of values) if (q !== UNKNOWN && q > largest) largest = q;
  const count = kind === "category" ? Math.max(categories.length, largest + 1) : RAMP;
  const css = Array.from({ length: count }, (_, i) => {
    if (kind === "number") return `oklch(${0.4 + (0.48 * i) / RAMP} 0.15 ${290 - (190 * i) / RAMP})`;
    return `oklch(${kind === "angle" ? 0.7 : [0.72, 0.55, 0.82][i % 3]} 0.15 ${25 + (360 * i) / count})`;
  });
  css.push("#8888");
  const probe = make("canvas", { width: count + 1, height: 1 }).getContext("2d");
  css.forEach((colour, i) => { probe.fillStyle = colour; probe.fillRect(i, 0, 1, 1); });
  const rgba = new Uint32Array(probe.getImageData(0, 0, count + 1, 1).data.buffer);
  const place = {
    category: (q) => q,
    angle: (q) => Math.floor((RAMP * q) / UNKNOWN),
    number: (q) => Math.floor((RAMP * (low + step * q - ends[0])) / (ends[1] - ends[0] || 1)),
  }[kind];
  const of = Uint32Array.from(values, (q) => (q === UNKNOWN ? count : Math.min(count - 1, Math.max(0, place(q)))));
  return { css, rgba, of };
}

function textOf(number) {
  return number.toLocaleString("en", { maximumSignificantDigits: 4 }).replace("-", "−");
}

function valueOf({ kind, values, categories, low, step }, i) {
  if (values[i] === UNKNOWN) return "unknown";
  const value = low + step * values[i];
  if (kind === "category") return categories[value] || String(value);
  return kind === "angle" ? `${Math.round((value * 180) / Math.PI) % 360}°` : textOf(value);
}

const describe = (i, some) => some.map((one) => `${one.name}: ${valueOf(one, i)}`).join(", ");

function showLegend() {
  const legend = find(".map-legend");
  legend.replaceChildren();
  if (column.kind === "category") {
    const sizes = new Uint32Array(palette.css.length);
    for (const i of palette.of) sizes[i]++;
    const used = [...sizes.keys()].filter((i) => sizes[i]);
    for (const i of used.slice(0, MAX_LEGEND)) {
      const name = i === sizes.length - 1 ? "unknown" : column.categories[i] || String(i);
      const swatch = make("i");
      swatch.style.background = palette.css[i];
      legend.append(make("span", {}, swatch, `${name} (${sizes[i].toLocaleString("en")})`));
    }
    if (used.length > MAX_LEGEND) legend.append(`and ${used.length - MAX_LEGEND} more`);
    return;
  }
  const ramp = make("i", { className: "ramp" });
  ramp.style.background = `linear-gradient(to right, ${palette.css.slice(0, -1).join()})`;
  const [low, high] = column.kind === "angle" ? ["0°", "360°"] : column.ends.map(textOf);
  legend.append(column.kind === "angle" ? low : `≤ ${low}`, ramp, column.kind === "angle" ? high : `≥ ${high}`);
}

// Drawing

let scheduled = false;
function redraw() {
  if (!scheduled) requestAnimationFrame(draw);
  scheduled = true;
}

const scaleX = () => (width - 2 * PAD) * view.zoom, scaleY = () => (height - 2 * PAD) * view.zoom;

/** The longer side of a thumbnail: with the zoom it grows as the distances of images do. */
function thumbnailSize() {
  const size = Math.min(MAX_THUMBNAIL, 0.6 * view.zoom * Math.sqrt((width * height) / n));
  return sprite.complete && size >= MIN_THUMBNAIL ? size : 0;
}

function drawTile(target, i, x, y, w, h) {
  const column = i % tilesPerRow, row = Math.floor(i / tilesPerRow);
  target.drawImage(sprite, column * tileWidth, row * tileHeight, tileWidth, tileHeight, x, y, w, h);
}

function draw() {
  scheduled = false;
  const size = thumbnailSize(), sx = scaleX(), sy = scaleY();
  const w = (size * tileWidth) / Math.max(tileWidth, tileHeight), h = (size * tileHeight) / Math.max(tileWidth, tileHeight);
  const inView = [];
  for (const i of everyImage) {
    const x = (screenX[i] = width / 2 + (xy[2 * i] - view.x) * sx);
    const y = (screenY[i] = height / 2 + (view.y - xy[2 * i + 1]) * sy);
    if (x > -w / 2 && x < width + w / 2 && y > -h / 2 && y < height + h / 2) inView.push(i);
  }
  paintPoints(inView);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const pictures = size ? thumbnails(inView, size, sx, sy) : [];
  context.imageSmoothingEnabled = size * ratio < Math.max(tileWidth, tileHeight);
  for (const i of pictures) {
    context.fillStyle = palette.css[palette.of[i]];
    context.fillRect(screenX[i] - w / 2 - 2, screenY[i] - h / 2 - 2, w + 4, h + 4);
    drawTile(context, i, screenX[i] - w / 2, screenY[i] - h / 2, w, h);
  }
  drawMarks(Math.max(6, size / 2 + 3));
  find(".map-status").textContent =
    `${inView.length.toLocaleString("en")} images in view` + (size ? `, ${pictures.length.toLocaleString("en")} as pictures` : "");
}

function paintPoints(inView) {
  const radius = (n > 3000 ? 2 : 3.5) * ratio, reach = Math.ceil(radius);
  const disc = [];
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) if (Math.hypot(dx, dy) <= radius) disc.push(dy * buffer.width + dx);
  }
  pixels.fill(0);
  for (const i of inView) {
    const x = Math.round(screenX[i] * ratio), y = Math.round(screenY[i] * ratio);
    if (x < reach || y < reach || x >= buffer.width - reach || y >= buffer.height - reach) continue;
    const at = y * buffer.width + x, colour = palette.rgba[palette.of[i]];
    for (const offset of disc) pixels[at + offset] = colour;
  }
  context.putImageData(buffer, 0, 0);
}

/** One image of each cell. Cells lie where the images do, so that the same images stay while the view moves. */
function thumbnails(inView, size, sx, sy) {
  const cells = new Map();
  for (const i of inView) {
    const cell = Math.floor((xy[2 * i] * sx) / size) * 1e6 + Math.floor((xy[2 * i + 1] * sy) / size);
    if (!cells.has(cell)) cells.set(cell, i);
  }
  return [...new Set([...cells.values(), ...(chosen < 0 ? [] : [...neighboursOf(chosen), chosen])])];
}

function outline(images, colour, radius, round, thickness = 2) {
  context.beginPath();
  for (const i of images) {
    const x = screenX[i], y = screenY[i];
    if (x < -radius || y < -radius || x > width + radius || y > height + radius) continue;
    context.moveTo(x + radius, y);
    if (round) context.arc(x, y, radius * 1.2, 0, 2 * Math.PI);
    else context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  }
  context.lineWidth = thickness;
  context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue(colour);
  context.stroke();
}

function drawMarks(radius) {
  for (const mark of marks) if (mark.box.checked) outline(mark.images, mark.colour, radius, mark.round);
  if (hovered >= 0) outline([hovered], "--ink", radius, false);
  if (chosen < 0) return;
  outline(neighboursOf(chosen), "--ink", radius, false);
  outline([chosen], "--ink", radius + 2, false, 4);
}

function resize() {
  ratio = devicePixelRatio;
  [width, height] = [canvas.clientWidth, canvas.clientHeight];
  [canvas.width, canvas.height] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  buffer = context.createImageData(canvas.width, canvas.height);
  pixels = new Uint32Array(buffer.data.buffer);
  redraw();
}

// Hovering and choosing

const neighboursOf = (i) => [...neighbours.subarray(i * data.k, (i + 1) * data.k)];

function picture(i, side) {
  const element = make("canvas", { className: "picture", width: tileWidth, height: tileHeight });
  element.style.width = `${(side * tileWidth) / Math.max(tileWidth, tileHeight)}px`;
  drawTile(element.getContext("2d"), i, 0, 0, tileWidth, tileHeight);
  return element;
}

/** The image nearest to a place on the canvas, or -1 if there is none in reach. */
function nearest(x, y, reach = Math.max(10, thumbnailSize() / 2)) {
  let best = -1, least = reach ** 2;
  for (let i = 0; i < n; i++) {
    const distance = (screenX[i] - x) ** 2 + (screenY[i] - y) ** 2;
    if (distance < least) [best, least] = [i, distance];
  }
  return best;
}

function hover(i) {
  if (i === hovered) return;
  hovered = i;
  card.hidden = i < 0;
  if (i >= 0) {
    const shown = data.codes.includes(column) ? data.codes : [...data.codes, column];
    card.replaceChildren(picture(i, 152), make("strong", { textContent: data.names[i] }), make("div", { textContent: describe(i, shown) }));
    const right = screenX[i] + 24 + card.offsetWidth > width;
    card.style.left = `${Math.max(0, right ? screenX[i] - 24 - card.offsetWidth : screenX[i] + 24)}px`;
    card.style.top = `${Math.max(0, Math.min(height - card.offsetHeight, screenY[i] - card.offsetHeight / 2))}px`;
  }
  redraw();
}

function choose(i) {
  chosen = i;
  chosenPlace.replaceChildren();
  if (i >= 0) {
    const buttons = neighboursOf(i).map((j) => {
      const button = make("button", { type: "button" }, picture(j, 76), data.names[j]);
      button.addEventListener("click", () => { choose(j); canvas.focus(); });
      return button;
    });
    chosenPlace.append(
      make("h3", { textContent: data.names[i] }), picture(i, 152), make("p", { textContent: describe(i, columns) }),
      make("h4", { textContent: `Its ${data.k} nearest images, the nearest first` }), make("div", { className: "gallery" }, ...buttons));
  }
  redraw();
}

// Moving

function moveBy(dx, dy) {
  const clamp = (v) => Math.min(1, Math.max(0, v));
  view.x = clamp(view.x - dx / scaleX());
  view.y = clamp(view.y + dy / scaleY());
  hover(-1);
  redraw();
}

/** Zooms by a factor, such that what is at (x, y) stays there. */
function zoomAt(x, y, factor) {
  const before = view.zoom;
  view.zoom = Math.min(MAX_ZOOM, Math.max(1, before * factor));
  const change = 1 - view.zoom / before;
  moveBy((x - width / 2) * change, (y - height / 2) * change);
}

const zoomIn = () => zoomAt(width / 2, height / 2, 1.5), zoomOut = () => zoomAt(width / 2, height / 2, 1 / 1.5);
const reset = () => { view = { ...first }; hover(-1); redraw(); };
const keys = {
  "+": zoomIn, "=": zoomIn, "-": zoomOut, 0: reset,
  ArrowLeft: () => moveBy(60, 0), ArrowRight: () => moveBy(-60, 0),
  ArrowUp: () => moveBy(0, 60), ArrowDown: () => moveBy(0, -60),
  Enter: () => choose(nearest(width / 2, height / 2, Infinity)), Escape: () => choose(-1),
};
canvas.addEventListener("keydown", (event) => {
  if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  keys[event.key]();
});
canvas.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && document.activeElement !== canvas) return; // else the page could not be scrolled past
  event.preventDefault();
  zoomAt(event.offsetX, event.offsetY, 2 ** (-event.deltaY * (event.deltaMode ? 20 : 1) / (event.ctrlKey ? 60 : 300)));
}, { passive: false });
canvas.addEventListener("dblclick", reset);

const pointers = new Map(); // those that are down
let travelled = 0;
/** The middle of the pointers, and the distance of two. */
function grip() {
  const all = [...pointers.values()], [a, b] = [all[0], all[all.length - 1]];
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, spread: Math.hypot(a.x - b.x, a.y - b.y) };
}
canvas.addEventListener("pointerdown", (event) => {
  if (!pointers.size) travelled = 0;
  pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  if (!pointers.has(event.pointerId)) return hover(nearest(event.offsetX, event.offsetY));
  const before = grip();
  pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  const after = grip();
  travelled += Math.hypot(after.x - before.x, after.y - before.y) + Math.abs(after.spread - before.spread);
  if (travelled < 4) return; // a click with a shaking hand
  moveBy(after.x - before.x, after.y - before.y);
  if (before.spread && after.spread) zoomAt(after.x, after.y, after.spread / before.spread);
});
canvas.addEventListener("pointerup", (event) => {
  if (pointers.size === 1 && travelled < 4) choose(nearest(event.offsetX, event.offsetY));
});
for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, (event) => pointers.delete(event.pointerId));
canvas.addEventListener("pointerleave", () => hover(-1));

// Start

for (const mark of marks) {
  mark.box = make("input", { type: "checkbox", checked: true });
  mark.box.addEventListener("change", redraw);
  const sign = make("i");
  sign.style.cssText = `border-color: var(${mark.colour}); border-radius: ${mark.round ? "50%" : 0}`;
  find(".map-marks").append(make("label", {}, mark.box, sign, `${mark.images.length.toLocaleString("en")} ${mark.name}`));
}
for (const [label, some] of [["Codes", data.codes], ["Known", data.known]]) {
  if (some.length) select.append(make("optgroup", { label }, ...some.map((one) => make("option", { value: columns.indexOf(one), textContent: one.name }))));
}
function colourBy(one) {
  column = one;
  palette = makePalette(one);
  showLegend();
  redraw();
}
select.addEventListener("change", () => colourBy(columns[select.value]));
for (const [act, does] of Object.entries({ in: zoomIn, out: zoomOut, reset })) find(`[data-act=${act}]`).addEventListener("click", does);
find(".without-script").remove();
find(".map").hidden = false;
sprite.addEventListener("load", redraw);
sprite.src = data.sprite;
theme.addEventListener("change", redraw);
new ResizeObserver(resize).observe(canvas);
resize();
colourBy(columns[0]);
