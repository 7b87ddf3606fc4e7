// The panel of a code: its name, which can be changed, its information, its input and its reset.

import { formatValue, formatSpread } from "./code.js";
import { makeInput } from "./inputs.js";
import { createElement, makeName } from "./dom.js";
import { makeRealImages } from "./real-images.js";

/** actions: set(value), unset(), rename(name) and renameCategory(category, name) -> Promise of whether it is saved. */
export function makeCodePanel(code, shape, backend, actions) {
  const input = makeInput(code, shape, actions.set, actions.renameCategory);
  const name = makeName(`name of ${code.name}`, actions.rename);
  const isNamed = code.kind === "category" && (code.parent ?? null) === null; // one by one
  const real = isNamed && backend.realImages ? makeRealImages(code, shape, backend) : null;
  const parent = createElement("span", { className: "quiet" });
  const value = createElement("output", {});
  const spread = createElement("span", { className: "quiet" });
  spread.title = "as drawn: each image keeps its own value; ±: how sure Q is of the value in your image";
  const reset = createElement("button", { type: "button", className: "reset", textContent: "↺" });
  reset.setAttribute("aria-label", `reset ${code.name}`);
  reset.title = "back to the value that each image was drawn with";
  reset.addEventListener("click", actions.unset);

  const head = createElement("div", { className: "head" }, [
    createElement("b", { textContent: code.name }), parent, name.element, spread, value, reset]);
  const element = createElement("div", { className: "code" }, [head, ...informationLine(code), input.element]);
  if (real) element.append(real.element);
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", code.name);

  return {
    element,
    thumbnails: input.thumbnails,
    /** uncertainty: of the code of the user's image, as Q read it; null for others. under: its category. */
    show(now, isSet, uncertainty, under) {
      parent.textContent = under;
      input.show(now);
      real?.show(now);
      value.textContent = formatValue(code, now);
      spread.textContent = isSet ? "" : uncertainty === null ? "as drawn" : formatSpread(code, code.std ?? uncertainty);
      element.classList.toggle("set", isSet);
      reset.disabled = !isSet;
    },
    showNames(text) {
      name.show(text ?? "", "name it");
      input.showNames?.();
      real?.showNames();
    },
  };
}

/** The information about the code in generated images, if known. Only a discrete code has H(c) as its maximum. */
function informationLine(code) {
  if (code.carried === null) return [];
  const bar = createElement("span", { className: "carried" });
  bar.style.setProperty("--carried", code.carried);
  const L_I = code.L_I.toFixed(2).replace("-", "−");
  const nats = code.categories === null ? `${L_I} nats of information` : `${L_I} of ${code.H.toFixed(2)} nats of information`;
  const line = createElement("div", { className: "information quiet" }, [bar, nats]);
  line.title = `L_I, a lower bound on the information about ${code.name} in generated images, at the end of training; H(${code.name}) is ${code.H.toFixed(2)} nats`;
  return [line];
}
