// The input of a code, by its kind: a slider, a slider of degrees, categories with names, a switch.
// Each is {element, show(value), thumbnails}: `thumbnails` are [{value, canvas}], of the image with that value.

import { range, stops, formatValue } from "./code.js";
import { createElement, makeName } from "./dom.js";

const MAX_THUMBNAILS = 30;

/** shape: of the thumbnails, [ch, h, w]. rename(category, name) -> Promise of whether it is saved. */
export function makeInput(code, shape, set, rename) {
  const label = code.name;
  if (code.kind === "switch") return makeSwitch(label, set);
  if (code.kind !== "category") return makeSlider(code, label, shape, set);
  return code.categories > MAX_THUMBNAILS ? makeChoice(code, label, set) : makeCategories(code, label, shape, set, rename);
}

function makeSlider(code, label, [, height, width], set) {
  const { min, max, step } = range(code);
  const slider = createElement("input", { type: "range", min, max, step, className: code.kind });
  slider.setAttribute("aria-label", label);
  slider.addEventListener("input", () => set(Number(slider.value)));
  if (code.kind === "angle") slider.addEventListener("keydown", (event) => {
    const by = { ArrowRight: step, ArrowUp: step, ArrowLeft: -step, ArrowDown: -step }[event.key];
    if (!by) return;
    event.preventDefault(); // a circle has no end
    set((((Number(slider.value) + by) % 360) + 360) % 360);
  });
  const marks = code.kind === "angle" ? [0, 90, 180, 270, 360] : [-2, -1, 0, 1, 2];
  const mark = (value) => (code.kind === "angle" ? `${value}°` : `${value}`.replace("-", "−"));
  const thumbnails = marks.map((value) => ({ value, canvas: createElement("canvas", { width, height }) }));
  const scale = createElement("div", { className: "scale" }, thumbnails.map(({ value, canvas }) => {
    canvas.addEventListener("click", () => set(value));
    return createElement("div", {}, [canvas, createElement("span", { textContent: mark(value) })]);
  }));
  scale.setAttribute("aria-hidden", "true"); // the slider itself reaches all of it
  if (code.kind === "number") slider.title = "The coloured part, −1 to 1, is the range of training; beyond it images are a guess.";
  const show = (value) => {
    slider.value = value;
    slider.setAttribute("aria-valuetext", formatValue(code, value));
  };
  return { element: createElement("div", {}, [slider, scale]), show, thumbnails };
}

function makeCategories(code, label, [, height, width], set, rename) {
  const group = createElement("div", { className: "categories" });
  group.setAttribute("role", "radiogroup");
  group.setAttribute("aria-label", label);
  const radios = [];
  const thumbnails = [];
  const captions = [];
  for (const value of stops(code)) {
    const radio = createElement("input", { type: "radio", name: `code-${code.name}`, className: "visually-hidden" });
    const canvas = createElement("canvas", { width, height });
    const name = formatValue(code, value);
    radio.addEventListener("click", () => set(value)); // also if it is selected already
    radios.push(radio);
    thumbnails.push({ value, canvas });
    captions.push((code.parent ?? null) === null ? makeName(`name of ${code.name} = ${value}`, (text) => rename(value, text))
      : { element: createElement("span", { textContent: name }), show() {} }); // elsewhere it means something else
    group.append(createElement("label", {}, [radio, canvas, captions.at(-1).element]));
  }
  const show = (value) => {
    radios[Math.round(value)].checked = true;
    captions.forEach(({ element }, k) => (element.tabIndex = k === Math.round(value) ? 0 : -1));
  };
  const showNames = () => stops(code).forEach((value, k) => {
    captions[k].show(code.category_names[value] ?? "", `${value}`);
    radios[k].setAttribute("aria-label", `${code.name} = ${formatValue(code, value)}`);
  });
  return { element: group, show, showNames, thumbnails };
}

function makeChoice(code, label, set) {
  const choice = createElement("input", { type: "number", min: 0, max: code.categories - 1, step: 1 });
  choice.setAttribute("aria-label", label);
  choice.addEventListener("change", () => set(Number(choice.value)));
  return { element: choice, show: (value) => (choice.value = Math.round(value)), thumbnails: [] };
}

function makeSwitch(label, set) {
  const box = createElement("input", { type: "checkbox", className: "switch" });
  box.setAttribute("role", "switch");
  box.setAttribute("aria-label", label);
  box.addEventListener("change", () => set(box.checked ? 1 : 0));
  return { element: createElement("div", {}, [box]), show: (value) => (box.checked = value > 0.5), thumbnails: [] };
}
