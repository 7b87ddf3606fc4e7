// The controls of the view: its kind, its axes, the seed, and a caption.

import { label } from "./code.js";
import { createElement } from "./dom.js";
import { parse, ROWS } from "./state.js";

const MAX_RANDOM_SEED = 1000; // short enough to read out

const $ = (id) => document.getElementById(id);

/** change(part of a state): called by each control. */
export function makeToolbar(info, change) {
  for (const axis of ["x", "y"]) {
    $(axis).append(...info.codes.map((_, i) => createElement("option", { value: i })));
    $(axis).addEventListener("change", () => change({ [axis]: Number($(axis).value) }));
  }
  $("views").addEventListener("change", (event) => change({ view: event.target.value }));
  $("reset").addEventListener("click", () => change({ set: {} }));
  $("shuffle").addEventListener("click", () => {
    change({ seed: Math.floor(Math.random() * Math.min(info.seeds, MAX_RANDOM_SEED)) });
  });
  $("seed").addEventListener("change", () => {
    const { seed } = parse(`seed=${$("seed").value}`, info);
    $("seed").value = seed;
    change({ seed });
  });

  const ids = ["custom", ...Array(ROWS).keys()]; // of images that a film can go to
  const films = ["traversal", "walk", "random-walk", ...ids].map((value) => createElement("option", { value }));
  $("film").append(...films);

  return {
    show(state, names, hasCustom) {
      for (const radio of $("views").querySelectorAll("input")) radio.checked = radio.value === state.view;
      info.codes.forEach((code, i) => {
        for (const axis of [$("x"), $("y")]) axis.options[i].textContent = label(code, names);
      });
      $("axis-x").hidden = state.view === "samples";
      $("axis-y").hidden = state.view !== "plane";
      $("x").value = state.x;
      $("y").value = state.y;
      if (document.activeElement !== $("seed")) $("seed").value = state.seed;
      $("reset").disabled = !Object.keys(state.set).length;
      $("caption").textContent = caption(state, info, names);
      films[0].textContent = `along ${label(info.codes[state.x], names)}`;
      films[1].textContent = "from image to image";
      films[2].textContent = `${which(state.row)}: random walk of its noise`;
      ids.forEach((id, k) => {
        const option = films[3 + k];
        option.textContent = `${which(state.row)} to ${which(id)}`;
        option.hidden = option.disabled = id === state.row || (id === "custom" && !hasCustom);
      });
      if ($("film").selectedOptions[0].disabled) $("film").value = "traversal";
    },
  };
}

const which = (row) => (row === "custom" ? "your image" : `image ${row + 1}`);

function caption(state, info, names) {
  const [x, y] = [state.x, state.y].map((i) => label(info.codes[i], names));
  const image = which(state.row);
  const shown = {
    samples: `Eight samples of seed ${state.seed}. The controls show ${image} and change all eight.`,
    traversal: `Along each row only ${x} changes.`,
    plane: `${image[0].toUpperCase()}${image.slice(1)}: ${x} changes along the rows, ${y} down the columns.`,
  }[state.view];
  return state.row === "custom"
    ? `${shown} The codes of your image are as Q reads them, ± how uncertain they are; its noise z was found by inversion.`
    : shown;
}
