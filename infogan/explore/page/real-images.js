// Real images of the category that a code's panel shows, the class of each, and the labels that they make.

import { createElement, makeName } from "./dom.js";
import { download } from "./download.js";
import { latestOnly } from "./latest.js";
import { reportErrors, showNotice } from "./notice.js";
import { draw } from "./pixels.js";

/** {element, show(category), showNames()}; the images are asked for when a person opens it. */
export function makeRealImages(code, shape, backend) {
  let category = 0;
  let shown = []; // [{image, certainty, field}], as on the page
  const summary = createElement("summary");
  const text = createElement("p", { className: "quiet" });
  const certain = createElement("div", { className: "images" });
  const others = createElement("div", { className: "images" });
  const between = createElement("p", { className: "quiet", textContent: "Others, from certain to uncertain:" });
  const save = createElement("button", { type: "button", textContent: `Save labels of ${code.name}` });
  save.title = `a table of the images that have a class by the categories of ${code.name}, for infogan train --labels`;
  save.addEventListener("click", () => reportErrors(async () => {
    const table = await backend.labels(code.name);
    download(table, "labels.csv");
    showNotice(`labels.csv names the class of ${(await table.text()).trim().split("\n").length - 1} images; train with --labels labels.csv.`);
  }));
  const found = createElement("div", { className: "found", hidden: true }, [certain, between, others, save]);
  const element = createElement("details", { className: "real" }, [summary, text, found]);
  element.addEventListener("toggle", () => element.open && load());

  const load = latestOnly(async () => {
    const of = category;
    try {
      const read = await backend.realImages(code.name, of, (progress) => {
        text.textContent = `Q is reading the training images: ${Math.floor(100 * progress)} %`;
      });
      text.textContent = describe(code, of, read);
      showImages(read);
    } catch (error) {
      text.textContent = error.message;
    }
    found.hidden = !shown.length;
  });

  function showImages({ images, n_certain, pixels }) {
    const isSame = images.length === shown.length && images.every(({ image }, k) => image === shown[k].image);
    if (!isSame) { // else the field that a person is in would go
      shown = images.map(makeImage);
      shown.forEach(({ canvas }, k) => draw(canvas, pixels, k, shape));
      certain.replaceChildren(...shown.slice(0, n_certain).map((one) => one.element));
      others.replaceChildren(...shown.slice(n_certain).map((one) => one.element));
      between.hidden = images.length === n_certain;
    }
    images.forEach(({ label, given }, k) => {
      shown[k].field.show(given, label || "–");
      shown[k].field.element.classList.toggle("given", given !== "");
    });
  }

  function makeImage({ image, name, certainty }) {
    const canvas = createElement("canvas");
    const field = makeName(`class of image ${name}`, async (given) => {
      const isSaved = await reportErrors(() => backend.saveClass(image, given));
      load();
      return isSaved;
    });
    const label = createElement("label", { title: `${name}: Q is ${Math.floor(100 * certainty)} % sure` }, [canvas, field.element]);
    return { image, canvas, field, element: label };
  }

  function showNames() {
    const name = code.category_names[category];
    summary.textContent = `Real images of ${code.name} = ${category}${name ? ` · ${name}` : ""}`;
    if (element.open) load();
  }

  return {
    element,
    show(value) {
      if (Math.round(value) === category) return;
      category = Math.round(value);
      showNames();
    },
    showNames,
  };
}

function describe(code, category, { n, n_read, n_certain }) {
  const of = `Q sees this category in ${n.toLocaleString("en")} of ${n_read.toLocaleString("en")} training images`;
  if (!n) return `${of}.`;
  const name = code.category_names[category];
  const merged = Object.keys(code.category_names).filter((k) => name && Number(k) !== category && code.category_names[k] === name);
  const also = merged.length ? `, as those of ${merged.map((k) => `${code.name} = ${k}`).join(", ")}` : "";
  const labels = name ? ` They become labels: “${name}”${also}.` : " Name the category, or single images, to make labels.";
  return `${of}, and is most certain of these ${n_certain}.${labels} Click an image to give it a class of its own.`;
}
