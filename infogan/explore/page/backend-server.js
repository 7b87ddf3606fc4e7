// The backend of `infogan explore`, and the interface of every backend.
//
// The page reads model.json beside index.html, imports ./backend-NAME.js, where NAME is the field "backend",
// and awaits `open(info)` with that object:
//
//   backend   "server" | "onnx"
//   title     the name of the run
//   about     one line: "4,000 steps of training on digits"
//   shape     [ch, h, w] of its images
//   n_z       width of the noise z
//   seeds     the number of seeds of `sample`, 0 .. seeds - 1
//   codes     for each code, in order, L of them:
//     name        "c1", ...
//     kind        "number" (-2 .. 2 here, -1 .. 1 in training) | "angle" (radians, 0 .. 2 pi)
//                 | "category" (0 .. categories - 1) | "switch" (0 or 1)
//     categories  the number of values; null for number and angle
//     category_names  what the first of them are called, by labels; may be empty
//     parent      the number of the code, from 0, that it is under: it means something else in each of its
//                 categories; null for most
//     H           H(c) in nats
//     L_I         a lower bound on the information about the code in images, in nats; null if unknown
//     carried     L_I / H(c) clamped to 0 .. 1, the length of the bar; null if unknown
//     std         the standard deviation of c - Q's mean, if Q does not learn it (fixed_std); else null
//   names     {"c1": "digit", "c1=4": "seven"}: the names that people gave to codes and categories
//
// A backend may have other fields in model.json. `open` resolves to an object with
//
//   sample(seed) -> Promise<{z: Float32Array 8 * n_z, values: Float32Array 8 * L}>
//       row by row; what `infogan traverse --rows 8 --seed SEED` samples: make_rng(seed, "traverse"), z first
//   decode(values, z, n) -> Promise<Uint8Array n * ch * h * w>
//       values (n, L) in the units above, z (n, n_z), both Float32Array, row by row; images (n, ch, h, w),
//       0 .. 255. Any n >= 1. The page makes one call for the view at a time, but others at the same time
//   encode(file) -> Promise<{values: Float32Array L, spreads: Float32Array L, z: Float32Array n_z,
//                            image: Uint8Array ch * h * w}>
//       what Q reads off a picture (a File or Blob) resized to the model's shape; spreads are a standard
//       deviation, for categories and switches the probability of all other values; z is found by inversion
//   saveName(what, name) -> Promise<names>
//       saves the name of a code or category, "" removes it; resolves to all names
//   inversionProgress() -> Promise<number 0 .. 1>
//       of the training of the encoder of z; 1 if it is done
//
// and, if it has the images that the model was trained on, with
//
//   realImages(code, category, onProgress) -> Promise<{n, n_read, n_certain, images, pixels}>
//       of a category that Q reads off n of n_read images, the n_certain of which it is most certain, in that
//       order, and then some others; pixels are a Uint8Array (images, ch, h, w). Reading all images takes a
//       while at first: onProgress(0 .. 1) is called meanwhile. An image is
//         {image: its number, name: its file or number, certainty: 0 .. 1,
//          label: its class in `labels`, given: the part of that which a person gave it; both may be ""}
//   encodeReal(image) -> as encode, of an image by its number, once the images were read
//   saveClass(image, name) -> Promise
//       gives an image, by its number, a class; "" removes it
//   labels(code) -> Promise<Blob>
//       a table of images and their classes for `infogan train --labels`, by the names of the code's categories
//
// A failed call rejects with an Error whose message is one sentence for the user.

const MAX_IMAGES = 256; // in a request
const MAX_RETRIES = 5; // if the server is busy
const JSON_HEADERS = { "Content-Type": "application/json" };

export async function open(info) {
  const L = info.codes.length;
  const size = info.shape.reduce((a, b) => a * b);

  async function decodeChunk(values, z, n) {
    const body = new Float32Array(n * (L + info.n_z));
    for (let i = 0; i < n; i++) {
      body.set(values.subarray(i * L, (i + 1) * L), i * (L + info.n_z));
      body.set(z.subarray(i * info.n_z, (i + 1) * info.n_z), i * (L + info.n_z) + L);
    }
    const answer = await ask("decode", { method: "POST", body });
    return new Uint8Array(await answer.arrayBuffer());
  }

  return {
    async sample(seed) {
      const numbers = new Float32Array(await (await ask(`sample?seed=${seed}`)).arrayBuffer());
      return { z: numbers.slice(0, 8 * info.n_z), values: numbers.slice(8 * info.n_z) };
    },

    async decode(values, z, n) {
      const images = new Uint8Array(n * size);
      for (let from = 0; from < n; from += MAX_IMAGES) {
        const to = Math.min(n, from + MAX_IMAGES);
        const some = await decodeChunk(
          values.subarray(from * L, to * L), z.subarray(from * info.n_z, to * info.n_z), to - from);
        images.set(some, from * size);
      }
      return images;
    },

    async encode(file) {
      return toArrays(await (await ask("encode", { method: "POST", body: file })).json());
    },

    async encodeReal(image) {
      const body = JSON.stringify({ image });
      return toArrays(await (await ask("encode-real", { method: "POST", body, headers: JSON_HEADERS })).json());
    },

    async saveName(code, name) {
      const body = JSON.stringify({ code, name });
      return await (await ask("names", { method: "PUT", body, headers: JSON_HEADERS })).json();
    },

    async realImages(code, category, onProgress) {
      for (;;) {
        const body = JSON.stringify({ code, category });
        const found = await (await ask("real-images", { method: "POST", body, headers: JSON_HEADERS })).json();
        if (found.progress === 1) return { ...found, pixels: Uint8Array.from(atob(found.pixels), (c) => c.charCodeAt(0)) };
        onProgress(found.progress);
        await wait(500);
      }
    },

    async saveClass(image, name) {
      await ask("image-classes", { method: "PUT", body: JSON.stringify({ image, class: name }), headers: JSON_HEADERS });
    },

    async labels(code) {
      return await (await ask(`labels.csv?code=${code}`)).blob();
    },

    async inversionProgress() {
      return (await (await ask("inversion-progress")).json()).progress;
    },
  };
}

function toArrays({ values, spreads, z, image }) {
  const [a, b, c] = [values, spreads, z].map((numbers) => Float32Array.from(numbers));
  return { values: a, spreads: b, z: c, image: Uint8Array.from(image) };
}

/** A response of the server; if it is busy, the request is repeated a few times. */
async function ask(path, options) {
  for (let left = MAX_RETRIES; ; left--) {
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Error("The explorer does not respond; is `infogan explore` still running?");
    }
    if (answer.ok) return answer;
    if (answer.status !== 503 || !left) {
      const said = await answer.json().catch(() => ({}));
      throw new Error(said.error ?? `The explorer answered ${answer.status}.`);
    }
    const seconds = Number(answer.headers.get("Retry-After") ?? 1) * (0.5 + Math.random()); // so that clients do not all retry at once
    await wait(1000 * seconds);
  }
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
