// A code's place among the knobs: its name, which can be changed, how much it carries, its input and its reset.

import { write, writeSpread } from "./code.js";
import { makeInput } from "./inputs.js";
import { make } from "./make.js";

/** actions: set(value), unset(), rename(name) -> Promise of whether it is kept. */
export function makeKnob(code, shape, actions) {
  const input = makeInput(code, shape, actions.set);
  const name = make("input", { className: "name", maxLength: 60, placeholder: "name it", spellcheck: false });
  name.setAttribute("aria-label", `name of ${code.name}`);
  const value = make("output", {});
  const spread = make("span", { className: "quiet" });
  const reset = make("button", { type: "button", className: "reset", textContent: "↺" });
  reset.setAttribute("aria-label", `reset ${code.name}`);
  reset.title = "back to what each image was drawn with";
  reset.addEventListener("click", actions.unset);

  let kept = "";
  name.addEventListener("change", async () => {
    if (!(await actions.rename(name.value))) name.value = kept;
  });
  name.addEventListener("keydown", (event) => {
    if (event.key === "Escape") name.value = kept;
    if (event.key === "Enter" || event.key === "Escape") name.blur();
  });

  const head = make("div", { className: "head" }, [
    make("b", { textContent: code.name }), name, spread, value, reset]);
  const element = make("div", { className: "knob" }, [head, ...carried(code), input.element]);
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", code.name);

  return {
    element,
    thumbnails: input.thumbnails,
    /** off: how far the value may be off, where it is of an own image and not turned, else null. */
    show(now, isSet, off) {
      input.show(now, isSet);
      value.textContent = write(code, now);
      spread.textContent = isSet ? "" : off === null ? "as drawn" : writeSpread(code, code.std ?? off);
      element.classList.toggle("set", isSet);
      reset.disabled = !isSet;
    },
    showName(text) {
      kept = text ?? "";
      if (document.activeElement !== name) name.value = kept;
    },
  };
}

/** How much the images tell of the code, where it is known. Only of a discrete one H(c) is the most there can be. */
function carried(code) {
  if (code.carried === null) return [];
  const bar = make("span", { className: "carried" });
  bar.style.setProperty("--carried", code.carried);
  const L_I = code.L_I.toFixed(2).replace("-", "−");
  const nats = code.categories === null ? `carries ${L_I} nats` : `carries ${L_I} of ${code.H.toFixed(2)} nats`;
  const line = make("div", { className: "carries quiet" }, [bar, nats]);
  line.title = `L_I, what images tell of ${code.name}, in the last updates of training; H(${code.name}) is ${code.H.toFixed(2)}`;
  return [line];
}
