// Images (n, ch, h, w) of bytes on canvases and in files.

export const MIN_WIDTH = 56; // of each saved image, in pixels, as on the command line
const LARGE = 96; // pixels: images that are mostly shown smaller than they are

/** Image n as opaque RGBA, in the colours of infogan/data/false_colour.py. */
function rgba(images, n, [ch, h, w]) {
  const plane = h * w;
  const from = n * ch * plane;
  const [g, b] = ch === 1 ? [0, 0] : [plane, 2 * plane];
  const out = new Uint8ClampedArray(4 * plane);
  for (let i = 0, o = 0, p = from; i < plane; i++, p++) {
    out[o++] = images[p];
    out[o++] = images[p + g];
    out[o++] = ch === 2 ? 0 : images[p + b];
    out[o++] = 255;
  }
  return out;
}

export function draw(canvas, images, n, shape) {
  const [, h, w] = shape;
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.classList.toggle("large", Math.max(h, w) > LARGE);
  }
  canvas.getContext("2d").putImageData(new ImageData(rgba(images, n, shape), w, h), 0, 0);
}

/** ImageData of a grid of images with white lines between them; each pixel becomes a square. */
export function makeGridImage(images, n, columns, shape, minWidth = MIN_WIDTH) {
  const [, h, w] = shape;
  const scale = Math.max(1, Math.floor(minWidth / w));
  const rows = Math.ceil(n / columns);
  const out = new ImageData((columns * (w + 1) - 1) * scale, (rows * (h + 1) - 1) * scale);
  const to = new Uint32Array(out.data.buffer).fill(0xffffffff);
  for (let k = 0; k < n; k++) {
    const from = new Uint32Array(rgba(images, k, shape).buffer);
    const top = Math.floor(k / columns) * (h + 1) * scale;
    const left = (k % columns) * (w + 1) * scale;
    for (let y = 0; y < h * scale; y++) {
      const line = Math.floor(y / scale) * w;
      const start = (top + y) * out.width + left;
      for (let x = 0; x < w * scale; x++) to[start + x] = from[line + Math.floor(x / scale)];
    }
  }
  return out;
}

/** An ImageData as a PNG Blob. */
export function toPng(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
