// At most 256 colours for a GIF: exact if there are no more, else by median cut (Heckbert 1982).

const BITS = 5; // per channel in the median cut
const SHIFT = 8 - BITS;

/** {colours: [[r, g, b], ...], index(pixels) -> Uint8Array of the index of each pixel's colour}. */
export function makePalette(frames) {
  const exact = new Map();
  for (const { data } of frames) {
    const pixels = new Uint32Array(data.buffer);
    for (const pixel of pixels) {
      if (!exact.has(pixel)) exact.set(pixel, exact.size);
      if (exact.size > 256) return cut(frames);
    }
  }
  const colours = [...exact.keys()].map((p) => [p & 255, (p >> 8) & 255, (p >> 16) & 255]);
  return { colours, index: (data) => Uint8Array.from(new Uint32Array(data.buffer), (p) => exact.get(p)) };
}

const bin = (r, g, b) => ((r >> SHIFT) << (2 * BITS)) | ((g >> SHIFT) << BITS) | (b >> SHIFT);

function cut(frames) {
  const counts = new Uint32Array(1 << (3 * BITS));
  for (const { data } of frames) {
    for (let i = 0; i < data.length; i += 4) counts[bin(data[i], data[i + 1], data[i + 2])]++;
  }
  const channel = (b, axis) => (b >> ((2 - axis) * BITS)) & ((1 << BITS) - 1);
  const used = [...counts.keys()].filter((b) => counts[b]);
  let boxes = [used];
  const spread = (box) => [0, 1, 2].map((axis) => {
    const levels = box.map((b) => channel(b, axis));
    return levels.reduce((a, l) => Math.max(a, l)) - levels.reduce((a, l) => Math.min(a, l));
  });
  while (boxes.length < Math.min(256, used.length)) {
    const widths = boxes.map((box) => Math.max(...spread(box)));
    const k = widths.indexOf(Math.max(...widths));
    const wide = spread(boxes[k]);
    const axis = wide.indexOf(Math.max(...wide));
    const sorted = boxes[k].sort((a, b) => channel(a, axis) - channel(b, axis));
    const half = sorted.reduce((sum, b) => sum + counts[b], 0) / 2;
    let at = 1;
    for (let sum = counts[sorted[0]]; at < sorted.length - 1 && sum < half; at++) sum += counts[sorted[at]];
    boxes = [...boxes.slice(0, k), sorted.slice(0, at), sorted.slice(at), ...boxes.slice(k + 1)];
  }
  const place = new Uint8Array(counts.length);
  const colours = boxes.map((box, n) => {
    const sum = [0, 1, 2].map((axis) => box.reduce((s, b) => s + counts[b] * channel(b, axis), 0));
    const all = box.reduce((s, b) => s + counts[b], 0);
    for (const b of box) place[b] = n;
    return sum.map((s) => Math.round(((s / all) * 255) / ((1 << BITS) - 1)));
  });
  const index = (data) => {
    const out = new Uint8Array(data.length / 4);
    for (let i = 0; i < out.length; i++) out[i] = place[bin(data[4 * i], data[4 * i + 1], data[4 * i + 2])];
    return out;
  };
  return { colours, index };
}
