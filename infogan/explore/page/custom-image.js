// The user's image: dropped anywhere, pasted or chosen; and its reconstruction beside it.

import { draw } from "./pixels.js";

const $ = (id) => document.getElementById(id);

/** actions: read(file), select(), close(). */
export function makeCustomImage(shape, actions) {
  const readFirst = (list) => [...(list ?? [])].slice(0, 1).forEach(actions.read);
  $("file").parentElement.hidden = ![1, 3].includes(shape[0]); // pictures are gray or RGB
  const hasFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0; // dragenter and dragleave are sent for every element under the pointer

  window.addEventListener("dragenter", (event) => hasFile(event) && ($("drop").hidden = !++depth));
  window.addEventListener("dragleave", (event) => hasFile(event) && ($("drop").hidden = !--depth));
  window.addEventListener("dragover", (event) => hasFile(event) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    depth = 0;
    $("drop").hidden = true;
    readFirst(event.dataTransfer.files);
  });
  window.addEventListener("paste", (event) => readFirst(event.clipboardData?.files));
  $("file").addEventListener("change", () => {
    readFirst($("file").files);
    $("file").value = "";
  });
  $("custom-select").addEventListener("click", actions.select);
  $("custom-close").addEventListener("click", actions.close);

  return {
    hide: () => ($("custom").hidden = true),
    showOriginal(original, reconstruction) {
      draw($("custom-original"), original, 0, shape);
      draw($("custom-reconstruction"), reconstruction, 0, shape);
      $("custom").hidden = false;
    },
    showEdited(images, n, isSelected) {
      draw($("custom-edited"), images, n, shape);
      $("custom-select").disabled = isSelected;
      $("custom-edited").classList.toggle("selected", isSelected);
    },
  };
}
