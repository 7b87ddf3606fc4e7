// The backend that asks `infogan explore`, and the contract of every backend.
//
// The page reads model.json beside index.html, imports ./backend-NAME.js, where NAME is its field "backend"
// ("server" or "onnx"), and awaits `open(info)`, where info is that same object:
//
//   backend   "server" | "onnx"
//   title     what to call the run, a few words
//   about     what it is, a line: "4,000 updates on digits"
//   shape     [ch, h, w] of its images
//   n_z       width of the noise z
//   seeds     how many seeds `draw` knows, 0 .. seeds - 1
//   codes     for each code, in order, L of them:
//     name        "c1", ...
//     kind        "number" (-2 .. 2 here, -1 .. 1 in training) | "angle" (radians, 0 .. 2 pi)
//                 | "category" (0 .. categories - 1) | "switch" (0 or 1)
//     categories  how many values; null for number and angle
//     H           H(c) in nats
//     L_I         the bound on what images tell of the code, in nats; null where it is not known
//     carried     L_I / H(c) within 0 .. 1, the length of the bar; null where it is not known
//     std         how far c is off what Q reads, where Q itself says nothing of it (fixed_std); else null
//   names     {"c1": "smile"}: the names that people gave to codes; codes without one are left out
//
// A backend may have fields of its own in model.json. `open` resolves to an object with
//
//   draw(seed) -> Promise<{z: Float32Array 8 * n_z, values: Float32Array 8 * L}>
//       row by row; what `infogan traverse --rows 8 --seed SEED` draws: make_rng(seed, "traverse"), z first
//   decode(values, z, n) -> Promise<Uint8Array n * ch * h * w>
//       values (n, L) in the units above, z (n, n_z), both Float32Array, row by row; images (n, ch, h, w),
//       0 .. 255. Any n >= 1. The page has at most one call for the view under way, but others beside it
//   encode(file) -> Promise<{values: Float32Array L, spreads: Float32Array L, z: Float32Array n_z,
//                            image: Uint8Array ch * h * w}>
//       what Q reads off a picture (a File or Blob) brought to the model's shape; spreads are a standard
//       deviation, for categories and switches the probability of any other value; z is found by inversion
//   saveName(code, name) -> Promise<names>
//       keeps a name, "" takes it away; resolves to all names there are then
//   learning() -> Promise<number 0 .. 1>
//       how far the network that reads z has learned; 1 where there is nothing to wait for
//
// Whatever cannot be done rejects with an Error whose message is one sentence for the person.

const MOST = 256; // images in a request
const RETRIES = 5; // of a server that says it is busy

export async function open(info) {
  const L = info.codes.length;
  const size = info.shape.reduce((a, b) => a * b);

  async function decodeSome(values, z, n) {
    const body = new Float32Array(n * (L + info.n_z));
    for (let i = 0; i < n; i++) {
      body.set(values.subarray(i * L, (i + 1) * L), i * (L + info.n_z));
      body.set(z.subarray(i * info.n_z, (i + 1) * info.n_z), i * (L + info.n_z) + L);
    }
    const answer = await ask("decode", { method: "POST", body });
    return new Uint8Array(await answer.arrayBuffer());
  }

  return {
    async draw(seed) {
      const numbers = new Float32Array(await (await ask(`draw?seed=${seed}`)).arrayBuffer());
      return { z: numbers.slice(0, 8 * info.n_z), values: numbers.slice(8 * info.n_z) };
    },

    async decode(values, z, n) {
      const images = new Uint8Array(n * size);
      for (let from = 0; from < n; from += MOST) {
        const to = Math.min(n, from + MOST);
        const some = await decodeSome(
          values.subarray(from * L, to * L), z.subarray(from * info.n_z, to * info.n_z), to - from);
        images.set(some, from * size);
      }
      return images;
    },

    async encode(file) {
      const found = await (await ask("encode", { method: "POST", body: file })).json();
      return {
        values: Float32Array.from(found.values),
        spreads: Float32Array.from(found.spreads),
        z: Float32Array.from(found.z),
        image: Uint8Array.from(found.image),
      };
    },

    async saveName(code, name) {
      const body = JSON.stringify({ code, name });
      const headers = { "Content-Type": "application/json" };
      return await (await ask("names", { method: "PUT", body, headers })).json();
    },

    async learning() {
      return (await (await ask("learning")).json()).done;
    },
  };
}

/** An answer of the server; one that is busy is asked again a few times before anybody is told. */
async function ask(path, options) {
  for (let left = RETRIES; ; left--) {
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Error("The explorer does not answer; is `infogan explore` still running?");
    }
    if (answer.ok) return answer;
    if (answer.status !== 503 || !left) {
      const said = await answer.json().catch(() => ({}));
      throw new Error(said.error ?? `The explorer answered ${answer.status}.`);
    }
    const seconds = Number(answer.headers.get("Retry-After") ?? 1) * (0.5 + Math.random()); // not all at once
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
}
