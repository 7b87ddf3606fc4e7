// What turns a code, by its kind: a slider, a dial of degrees, a row of categories, a switch.
// Each is {element, show(value, isSet), thumbnails}: `thumbnails` are canvases, one a category, or none.

import { range, stops, write } from "./code.js";
import { make } from "./make.js";

const MOST_THUMBNAILS = 30;

/** shape: of the thumbnails, [ch, h, w]. */
export function makeInput(code, shape, set) {
  const label = code.name;
  if (code.kind === "switch") return makeSwitch(label, set);
  if (code.kind !== "category") return makeSlider(code, label, set);
  return code.categories > MOST_THUMBNAILS ? makeChoice(code, label, set) : makeCategories(code, label, shape, set);
}

function makeSlider(code, label, set) {
  const { min, max, step } = range(code);
  const slider = make("input", { type: "range", min, max, step, className: code.kind });
  slider.setAttribute("aria-label", label);
  slider.addEventListener("input", () => set(Number(slider.value)));
  if (code.kind === "angle") slider.addEventListener("keydown", (event) => {
    const by = { ArrowRight: step, ArrowUp: step, ArrowLeft: -step, ArrowDown: -step }[event.key];
    if (!by) return;
    event.preventDefault(); // the end of a circle is its beginning
    set((((Number(slider.value) + by) % 360) + 360) % 360);
  });
  const marks = code.kind === "angle" ? ["0°", "90°", "180°", "270°", "360°"] : ["−2", "−1", "0", "1", "2"];
  const scale = make("div", { className: "scale" }, marks.map((mark) => make("span", { textContent: mark })));
  scale.setAttribute("aria-hidden", "true");
  const show = (value) => {
    slider.value = value;
    slider.setAttribute("aria-valuetext", write(code, value));
  };
  return { element: make("div", {}, [slider, scale]), show, thumbnails: [] };
}

function makeCategories(code, label, [, height, width], set) {
  const group = make("div", { className: "categories" });
  group.setAttribute("role", "radiogroup");
  group.setAttribute("aria-label", label);
  const radios = [];
  const thumbnails = [];
  for (const value of stops(code)) {
    const radio = make("input", { type: "radio", name: `code-${code.name}`, className: "unseen" });
    const canvas = make("canvas", { width, height });
    radio.setAttribute("aria-label", `${code.name} = ${value}`);
    radio.addEventListener("click", () => set(value)); // also of the one that is on already
    radios.push(radio);
    thumbnails.push(canvas);
    group.append(make("label", {}, [radio, canvas, make("span", { textContent: value })]));
  }
  const show = (value) => {
    radios[Math.round(value)].checked = true;
  };
  return { element: group, show, thumbnails };
}

function makeChoice(code, label, set) {
  const choice = make("input", { type: "number", min: 0, max: code.categories - 1, step: 1 });
  choice.setAttribute("aria-label", label);
  choice.addEventListener("change", () => set(Number(choice.value)));
  return { element: choice, show: (value) => (choice.value = Math.round(value)), thumbnails: [] };
}

function makeSwitch(label, set) {
  const box = make("input", { type: "checkbox", className: "switch" });
  box.setAttribute("role", "switch");
  box.setAttribute("aria-label", label);
  box.addEventListener("change", () => set(box.checked ? 1 : 0));
  return { element: make("div", {}, [box]), show: (value) => (box.checked = value > 0.5), thumbnails: [] };
}
