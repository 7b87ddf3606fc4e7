// An image of one's own: dropped anywhere, pasted, or chosen; and what was read off it beside it.

import { draw } from "./pixels.js";

const $ = (id) => document.getElementById(id);

/** actions: take(file), look(), close(). */
export function makeOwn(shape, actions) {
  const files = (list) => [...(list ?? [])].slice(0, 1).forEach(actions.take);
  const carriesFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0; // dragenter and dragleave come for every element below the pointer

  window.addEventListener("dragenter", (event) => carriesFile(event) && ($("drop").hidden = !++depth));
  window.addEventListener("dragleave", (event) => carriesFile(event) && ($("drop").hidden = !--depth));
  window.addEventListener("dragover", (event) => carriesFile(event) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    depth = 0;
    $("drop").hidden = true;
    files(event.dataTransfer.files);
  });
  window.addEventListener("paste", (event) => files(event.clipboardData?.files));
  $("file").addEventListener("change", () => {
    files($("file").files);
    $("file").value = "";
  });
  $("own-look").addEventListener("click", actions.look);
  $("own-close").addEventListener("click", actions.close);

  return {
    hide: () => ($("own").hidden = true),
    showGiven(given, again) {
      draw($("own-given"), given, 0, shape);
      draw($("own-again"), again, 0, shape);
      $("own").hidden = false;
    },
    showEdited(images, n, isLookedAt) {
      draw($("own-edited"), images, n, shape);
      $("own-look").disabled = isLookedAt;
      $("own-edited").classList.toggle("looked-at", isLookedAt);
    },
  };
}
