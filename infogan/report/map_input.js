// What moves the view of the map, and its start.

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
for (const type of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(type, (event) => pointers.delete(event.pointerId));
}
canvas.addEventListener("pointerleave", () => hover(-1));

// Start

for (const mark of marks) {
  mark.box = make("input", { type: "checkbox", checked: true });
  mark.box.addEventListener("change", redraw);
  const sign = make("i");
  sign.className = mark.shape;
  find(".map-marks").append(make("label", {}, mark.box, sign, `${textOf(mark.images.length)} ${mark.name}`));
}
for (const [label, some] of [["Codes", data.codes], ["Known", data.known]]) {
  const options = some.map((one) => make("option", { value: columns.indexOf(one) }, one.name));
  if (some.length) select.append(make("optgroup", { label }, ...options));
}
function colourBy(one) {
  column = one;
  palette = makePalette(one);
  find(".map-legend").replaceChildren(...legendOf(column, palette));
  redraw();
}
select.addEventListener("change", () => colourBy(columns[select.value]));
const buttons = { in: zoomIn, out: zoomOut, reset };
for (const [act, does] of Object.entries(buttons)) find(`[data-act=${act}]`).addEventListener("click", does);
find(".without-script").remove();
find(".map").hidden = false;
theme.addEventListener("change", redraw);
new ResizeObserver(resize).observe(canvas);
resize();
colourBy(columns[0]);
const image = Object.assign(new Image(), { src: data.sprite });
await image.decode();
sprite = await createImageBitmap(image); // an <img> may be decoded anew for every frame
redraw();
