// The map of the report and of the explorer: all images in two dimensions. map.py makes its data; map_colours.js
// comes before this in the same script, and map_input.js after it. In the explorer an image has a link.
//
// Every image is a point, painted into a buffer of pixels, because 10,000 calls of the canvas are too slow for
// a frame. Above some zoom there are thumbnails too, at most one per cell of a grid that moves with the images.

const PAD = 24; // around the outermost images; this and all lengths are in CSS pixels
const MIN_THUMBNAIL = 20, MAX_THUMBNAIL = 64; // their longer side
const MAX_ZOOM = 200;

const data = JSON.parse(document.getElementById("map-data").textContent);
const n = data.n;
const xy = Float64Array.from(decode(data.xy), (v) => v / 65535);
const neighbours = decode(data.neighbours);
const columns = [...data.codes, ...data.known];
for (const column of columns) column.values = decode(column.values);
const [tileWidth, tileHeight] = data.tile, tileSide = Math.max(...data.tile);
const tilesPerRow = Math.ceil(Math.sqrt(n));
const everyImage = Array.from({ length: n }, (_, i) => i); // in an order that mixes neighbours in the data set
everyImage.sort((i, j) => (Math.imul(i, 0x9e3779b1) >>> 0) - (Math.imul(j, 0x9e3779b1) >>> 0));

const find = (selector) => document.querySelector(`#map ${selector}`);
const canvas = find(".map-plane > canvas"), context = canvas.getContext("2d");
const card = find(".map-card"), chosenPlace = find(".map-chosen"), select = find("select");
const theme = matchMedia("(prefers-color-scheme: dark)");
let sprite = null; // all thumbnails, once they are decoded

const first = { x: 0.5, y: 0.5, zoom: 1 }; // the middle of the view, where the images fill 0 to 1
let view = { ...first };
let hovered = -1, chosen = -1;
let column, palette; // what colours the images; {css, rgba, of}: colours, and which one each image has
let width, height, ratio, buffer, pixels; // of the canvas
const screenX = new Float32Array(n), screenY = new Float32Array(n);

const marks = [
  { images: data.duplicates, name: "equal to another image", shape: "diamond" },
  { images: data.outliers, name: "outliers", shape: "circle" },
].filter((mark) => mark.images.length);

function decode(text) {
  return new Uint16Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
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
  return sprite && size >= MIN_THUMBNAIL ? size : 0;
}

function drawTile(target, i, x, y, w, h) {
  const column = i % tilesPerRow, row = Math.floor(i / tilesPerRow);
  target.drawImage(sprite, column * tileWidth, row * tileHeight, tileWidth, tileHeight, x, y, w, h);
}

function draw() {
  scheduled = false;
  const size = thumbnailSize(), sx = scaleX(), sy = scaleY();
  const w = (size * tileWidth) / tileSide, h = (size * tileHeight) / tileSide;
  const inView = [];
  for (const i of everyImage) {
    const x = (screenX[i] = width / 2 + (xy[2 * i] - view.x) * sx);
    const y = (screenY[i] = height / 2 + (view.y - xy[2 * i + 1]) * sy);
    if (x > -w / 2 && x < width + w / 2 && y > -h / 2 && y < height + h / 2) inView.push(i);
  }
  paintPoints(inView);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const pictures = size ? thumbnails(inView, size, sx, sy) : [];
  context.imageSmoothingEnabled = size * ratio < tileSide;
  for (const i of pictures) {
    context.fillStyle = palette.css[palette.of[i]];
    context.fillRect(screenX[i] - w / 2 - 2, screenY[i] - h / 2 - 2, w + 4, h + 4);
    drawTile(context, i, screenX[i] - w / 2, screenY[i] - h / 2, w, h);
  }
  drawMarks(Math.max(6, size / 2 + 3));
  const asPictures = size ? `, ${textOf(pictures.length)} as pictures` : "";
  find(".map-status").textContent = `${textOf(inView.length)} images in view${asPictures}`;
}

function paintPoints(inView) {
  const radius = (n > 3000 ? 2.3 : 3.5) * ratio, reach = Math.ceil(radius);
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

/** One image of each cell, and those that are chosen. Cells lie where the images do, so that the same images stay while the view moves. */
function thumbnails(inView, size, sx, sy) {
  const cells = new Map();
  for (const i of inView) {
    const cell = Math.floor((xy[2 * i] * sx) / size) * 1e6 + Math.floor((xy[2 * i + 1] * sy) / size);
    if (!cells.has(cell)) cells.set(cell, i);
  }
  const onTop = new Set([...(chosen < 0 ? [] : [...neighboursOf(chosen), chosen]), ...(hovered < 0 ? [] : [hovered])]);
  return [...[...cells.values()].filter((i) => !onTop.has(i)), ...onTop];
}

/** Frames around images, with a halo, so that they show on any colour. */
function outline(images, shape, radius, colour = "--ink", thickness = 1.5) {
  context.beginPath();
  for (const i of images) {
    const x = screenX[i], y = screenY[i], r = shape === "square" ? radius : radius * 1.3;
    if (x < -r || y < -r || x > width + r || y > height + r) continue;
    context.moveTo(x + r, shape === "square" ? y - r : y);
    if (shape === "circle") context.arc(x, y, r, 0, 2 * Math.PI);
    if (shape === "square") context.rect(x - r, y - r, 2 * r, 2 * r);
    if (shape === "diamond") for (const [dx, dy] of [[0, r], [-r, 0], [0, -r], [r, 0]]) context.lineTo(x + dx, y + dy);
  }
  const style = getComputedStyle(document.documentElement);
  for (const [name, wider] of [["--paper", 2], [colour, 0]]) {
    context.strokeStyle = style.getPropertyValue(name);
    context.lineWidth = thickness + wider;
    context.stroke();
  }
}

function drawMarks(radius) {
  for (const mark of marks) if (mark.box.checked) outline(mark.images, mark.shape, radius);
  if (hovered >= 0) outline([hovered], "square", radius);
  if (chosen < 0) return;
  outline(neighboursOf(chosen), "square", radius, "--first", 3);
  outline([chosen], "square", radius + 2, "--first", 6);
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
  element.style.width = `${(side * tileWidth) / tileSide}px`;
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
    card.replaceChildren(picture(i, 152), make("strong", {}, data.names[i]), make("div", {}, describe(i, shown)));
    const right = screenX[i] + 40, isBeyond = right + card.offsetWidth > width;
    card.style.left = `${Math.max(0, isBeyond ? screenX[i] - 40 - card.offsetWidth : right)}px`;
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
      make("h3", {}, data.names[i]),
      picture(i, 152),
      make("p", {}, describe(i, columns)),
      ...(data.links ? [make("p", {}, make("a", { href: data.links[i] }, "Vary its codes"))] : []),
      make("h4", {}, `Its ${data.k} nearest images, the nearest first`),
      make("div", { className: "gallery" }, ...buttons),
    );
  }
  redraw();
}
