// Images of one size as an animated GIF that repeats (GIF89a, with Netscape's loop).

import { makePalette } from "./palette.js";

/** A Blob. frames: ImageData; delay: in hundredths of a second. */
export function toGif(frames, delay) {
  const { width, height } = frames[0];
  const { colours, index } = makePalette(frames);
  const table = new Uint8Array(3 * 256);
  colours.forEach((colour, i) => table.set(colour, 3 * i));
  const short = (n) => [n & 255, n >> 8];
  const text = (s) => [...s].map((c) => c.charCodeAt(0));
  const parts = [
    [...text("GIF89a"), ...short(width), ...short(height), 0xf7, 0, 0],
    table,
    [0x21, 0xff, 11, ...text("NETSCAPE2.0"), 3, 1, 0, 0, 0],
  ];
  for (const frame of frames) {
    parts.push([0x21, 0xf9, 4, 0, ...short(delay), 0, 0]);
    parts.push([0x2c, 0, 0, 0, 0, ...short(width), ...short(height), 0, 8]);
    parts.push(...blocks(lzw(index(frame.data))), [0]);
  }
  parts.push([0x3b]);
  return new Blob(parts.map((part) => Uint8Array.from(part)), { type: "image/gif" });
}

function* blocks(bytes) {
  for (let i = 0; i < bytes.length; i += 255) {
    const some = bytes.subarray(i, i + 255);
    yield [some.length, ...some];
  }
}

/** The variable-length codes of 8-bit pixels, least significant bit first. */
function lzw(pixels) {
  const CLEAR = 256;
  const out = new Uint8Array(pixels.length * 2 + 16);
  let at = 0, bits = 0, nBits = 0, width = 9, next = CLEAR + 2;
  const known = new Map();
  const put = (code) => {
    bits |= code << nBits;
    for (nBits += width; nBits >= 8; nBits -= 8, bits >>>= 8) out[at++] = bits & 255;
  };
  put(CLEAR);
  let prefix = pixels[0];
  for (let i = 1; i < pixels.length; i++) {
    const key = (prefix << 8) | pixels[i];
    const code = known.get(key);
    if (code !== undefined) {
      prefix = code;
      continue;
    }
    put(prefix);
    if (next < 4096) {
      if (next === 1 << width) width++;
      known.set(key, next++);
    } else {
      put(CLEAR);
      known.clear();
      width = 9;
      next = CLEAR + 2;
    }
    prefix = pixels[i];
  }
  put(prefix);
  if (next === 1 << width && width < 12) width++;
  put(CLEAR + 1);
  if (nBits) out[at++] = bits & 255;
  return out.subarray(0, at);
}
