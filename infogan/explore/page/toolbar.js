// What is shown: the view, its axes, the seed, and a line that says in words what there is to see.

import { label } from "./code.js";
import { make } from "./make.js";
import { parse } from "./state.js";

const SHUFFLED = 1000; // seeds that are drawn from, so that they are easily read out

const $ = (id) => document.getElementById(id);

/** change(part of a state): what each of them does. */
export function makeToolbar(info, change) {
  for (const axis of ["x", "y"]) {
    $(axis).append(...info.codes.map((_, i) => make("option", { value: i })));
    $(axis).addEventListener("change", () => change({ [axis]: Number($(axis).value) }));
  }
  $("views").addEventListener("change", (event) => change({ view: event.target.value }));
  $("reset").addEventListener("click", () => change({ set: {} }));
  $("shuffle").addEventListener("click", () => {
    change({ seed: Math.floor(Math.random() * Math.min(info.seeds, SHUFFLED)) });
  });
  $("seed").addEventListener("change", () => {
    const { seed } = parse(`seed=${$("seed").value}`, info);
    $("seed").value = seed;
    change({ seed });
  });

  return {
    show(state, names) {
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
    },
  };
}

function caption(state, info, names) {
  const [x, y] = [state.x, state.y].map((i) => label(info.codes[i], names));
  const which = state.row === "own" ? "your image" : `image ${state.row + 1}`;
  if (state.view === "sweep") return `Along each row ${x} moves and all else stays.`;
  if (state.view === "plane") return `Of ${which}: along a row ${x} moves, down a column ${y}.`;
  return `Eight draws of seed ${state.seed}; the knobs show ${which} and turn all.`;
}
