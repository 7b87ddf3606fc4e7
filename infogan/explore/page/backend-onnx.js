// The backend of a static site: the networks run in the browser. backend-server.js documents its interface.
//
// It needs generator.onnx, encoder.onnx, latents.bin and runtime/, which the export writes beside it.
// model.json has one more field: `pixels`, how files became the model's images, of which this backend reads
//   square     "crop" or "pad": how a picture gets the aspect ratio of the model's images
//   binary     whether they were masks of 0 and 1
//   bit_depth  the bits in use of 16-bit images; null if there were none

const ROWS = 8; // of a seed
const CHUNK = 64; // images per run of the generator
const MAX_BYTES = 20e6; // of a picture's file
const MAX_PIXELS = 40e6;

export async function open(info) {
  const [ch, h, w] = info.shape;
  const L = info.codes.length;
  const size = ch * h * w;
  const ort = await loadRuntime();
  const generator = await openSession(ort, "generator.onnx");
  const encoder = once(() => openSession(ort, "encoder.onnx"));
  const latents = once(async () => new Float32Array(await (await get("latents.bin")).arrayBuffer()));
  const inTurn = makeQueue(); // the runtime runs one session at a time
  const storageKey = `infogan names of ${location.pathname}`;
  Object.assign(info.names, readNames(storageKey, info.names));

  async function decodeChunk(values, z, n) {
    const feed = {
      z: new ort.Tensor("float32", z, [n, info.n_z]),
      values: new ort.Tensor("float32", values, [n, L]),
    };
    const { images } = await inTurn(() => generator.run(feed));
    return Uint8Array.from(images.data, (x) => Math.round(255 * Math.min(1, Math.max(0, x))));
  }

  return {
    async sample(seed) {
      if (!(Number.isInteger(seed) && seed >= 0 && seed < info.seeds)) {
        throw new Error(`The seed is ${seed}, but must be in 0 .. ${info.seeds - 1}.`);
      }
      const width = ROWS * (info.n_z + L);
      const numbers = (await latents()).slice(seed * width, (seed + 1) * width);
      return { z: numbers.slice(0, ROWS * info.n_z), values: numbers.slice(ROWS * info.n_z) };
    },

    async decode(values, z, n) {
      const images = new Uint8Array(n * size);
      for (let from = 0; from < n; from += CHUNK) {
        const to = Math.min(n, from + CHUNK);
        const some = await decodeChunk(
          values.slice(from * L, to * L), z.slice(from * info.n_z, to * info.n_z), to - from);
        images.set(some, from * size);
      }
      return images;
    },

    async encode(file) {
      const image = await readPicture(file, info);
      const session = await encoder();
      const pixels = new ort.Tensor("float32", Float32Array.from(image, (x) => x / 255), [1, ch, h, w]);
      const found = await inTurn(() => session.run({ images: pixels }));
      const z = found.z ? Float32Array.from(found.z.data) : new Float32Array(info.n_z);
      return {
        values: Float32Array.from(found.values.data),
        spreads: Float32Array.from(found.spreads.data),
        z,
        image,
      };
    },

    // There is no run folder to write to, so the browser stores the names.
    async saveName(code, name) {
      const names = { ...info.names, [code]: name.trim() };
      try {
        localStorage.setItem(storageKey, JSON.stringify(names));
      } catch {
        throw new Error("This browser stores nothing for this page, so the name is lost when the page is closed.");
      }
      info.names = Object.fromEntries(Object.entries(names).filter(([, given]) => given));
      return info.names;
    },

    async inversionProgress() {
      return 1;
    },
  };
}

async function loadRuntime() {
  const here = (name) => new URL(`runtime/${name}`, import.meta.url).href;
  const ort = await import(here("ort.js"));
  ort.env.wasm.wasmPaths = { mjs: here("ort-wasm.js"), wasm: here("ort-wasm.wasm") };
  ort.env.wasm.numThreads = 1; // more threads need headers that few web hosts send
  ort.env.logLevel = "error";
  return ort;
}

async function openSession(ort, name) {
  const graph = await (await get(name)).arrayBuffer();
  return ort.InferenceSession.create(new Uint8Array(graph), { executionProviders: ["wasm"] });
}

async function get(name) {
  const answer = await fetch(new URL(name, import.meta.url)).catch(() => null);
  if (!answer?.ok) {
    throw new Error(`${name} cannot be loaded; is the site complete?`);
  }
  return answer;
}

// The result of a call, made at the first use; after a failure it is tried again.
function once(make) {
  let made = null;
  return () => {
    made ??= make().catch((error) => {
      made = null;
      throw error;
    });
    return made;
  };
}

function makeQueue() {
  let last = Promise.resolve();
  return (call) => {
    const result = last.then(call);
    last = result.catch(() => {});
    return result;
  };
}

function readNames(storageKey, initial) {
  try {
    const stored = Object.entries(JSON.parse(localStorage.getItem(storageKey) ?? "{}"));
    return Object.fromEntries(stored.filter(([, name]) => typeof name === "string" && name));
  } catch {
    return initial;
  }
}

// The picture in the model's shape, (ch, h, w), 0 .. 255: what infogan/data/pixels.py makes of it, but for
// rounding and for the browser's filter.
async function readPicture(file, info) {
  if (![1, 3].includes(info.shape[0])) {
    throw new Error(`This model's images have ${info.shape[0]} channels, so it cannot read pictures.`);
  }
  if (file.size > MAX_BYTES) {
    throw new Error(`This file has ${(file.size / 1e6).toFixed(0)} MB; the limit is ${MAX_BYTES / 1e6} MB.`);
  }
  const unreadable = "This is not a picture that this browser can read, such as PNG, JPEG, WebP or GIF.";
  if (/svg/i.test(file.type)) throw new Error(unreadable);
  const depth = info.pixels.bit_depth;
  if (depth && depth < 16 && (await hasSixteenBits(file))) {
    throw new Error(`This picture has 16 bits, of which the model uses ${depth}, but a browser reads 8; use infogan explore.`);
  }
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(unreadable);
  });
  if (picture.width * picture.height > MAX_PIXELS) {
    picture.close();
    throw new Error(`This picture has too many pixels; the limit is ${MAX_PIXELS.toLocaleString("en")}.`);
  }
  const [ch, h, w] = info.shape;
  const pixels = resize(info.pixels.binary ? whitened(picture) : picture, w, h, info.pixels.square).data;
  picture.close();
  const image = new Uint8Array(ch * h * w);
  for (let i = 0; i < h * w; i++) {
    const [r, g, b] = pixels.subarray(4 * i, 4 * i + 3);
    const channels = ch === 1 ? [Math.round(0.299 * r + 0.587 * g + 0.114 * b)] : [r, g, b];
    channels.forEach((x, c) => (image[c * h * w + i] = x));
  }
  return image;
}

async function hasSixteenBits(file) {
  const start = new Uint8Array(await file.slice(0, 25).arrayBuffer());
  return String.fromCharCode(...start.subarray(1, 4)) === "PNG" && start[24] === 16;
}

function onWhite(w, h) {
  const context = new OffscreenCanvas(w, h).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, w, h);
  return context;
}

// A mask of 0 and 1 as one of 0 and 255; any other picture unchanged.
function whitened(picture) {
  const context = onWhite(picture.width, picture.height);
  context.drawImage(picture, 0, 0);
  const pixels = context.getImageData(0, 0, picture.width, picture.height);
  const { data } = pixels;
  for (let i = 0; i < data.length; i++) if (i % 4 !== 3 && data[i] > 1) return picture;
  for (let i = 0; i < data.length; i++) if (data[i] === 1) data[i] = 255;
  context.putImageData(pixels, 0, 0);
  return context.canvas;
}

function resize(picture, w, h, square) {
  const scale = (square === "pad" ? Math.min : Math.max)(w / picture.width, h / picture.height);
  if (square !== "pad") {
    const context = onWhite(w, h);
    const [width, height] = [picture.width * scale, picture.height * scale];
    context.drawImage(picture, (w - width) / 2, (h - height) / 2, width, height);
    return context.getImageData(0, 0, w, h);
  }
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const small = onWhite(width, height);
  small.drawImage(picture, 0, 0, width, height);
  const full = onWhite(w, h);
  full.fillStyle = `rgb(${borderColour(small.getImageData(0, 0, width, height))})`;
  full.fillRect(0, 0, w, h);
  full.drawImage(small.canvas, Math.floor((w - width) / 2), Math.floor((h - height) / 2));
  return full.getImageData(0, 0, w, h);
}

// The mean red, green and blue of the outermost pixels.
function borderColour({ data, width, height }) {
  const sums = [0, 0, 0];
  let n = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (x && y && x < width - 1 && y < height - 1) continue;
      sums.forEach((_, c) => (sums[c] += data[4 * (y * width + x) + c]));
      n++;
    }
  }
  return sums.map((sum) => Math.round(sum / n));
}
