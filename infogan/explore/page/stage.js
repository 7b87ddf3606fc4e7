// The grid of images. Each is a button; one of them at a time takes part in Tab, arrow keys go to the others.

import { draw } from "./pixels.js";
import { make } from "./make.js";

/** element: where to; take(cell): what a click does. */
export function makeStage(element, shape, take) {
  let layout = "";
  let buttons = [];
  let scene = { columns: 1, cells: [] };

  function lay() {
    const { columns, heads, sides, cells } = scene;
    const text = (t, className) => make("span", { textContent: t, className });
    buttons = cells.map((_, k) => {
      const button = make("button", { type: "button" }, [make("canvas", { width: 1, height: 1 })]);
      button.addEventListener("click", () => {
        focusable(k);
        take(scene.cells[k]);
      });
      return button;
    });
    const rows = [];
    for (let k = 0; k < cells.length; k += columns) {
      if (sides.length) rows.push(text(sides[k / columns], "side"));
      rows.push(...buttons.slice(k, k + columns));
    }
    const top = heads.map((t) => text(t, "over"));
    if (sides.length && heads.length) top.unshift(text("", "side"));
    element.replaceChildren(...top, ...rows);
    element.style.setProperty("--columns", columns);
    element.style.setProperty("--high", (Math.ceil(cells.length / columns) * shape[1]) / (columns * shape[2]));
    element.classList.toggle("with-sides", sides.length > 0);
    focusable(0);
  }

  function focusable(k) {
    buttons.forEach((button, i) => (button.tabIndex = i === k ? 0 : -1));
  }

  element.addEventListener("keydown", (event) => {
    const k = buttons.indexOf(document.activeElement);
    const { columns } = scene;
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns,
      Home: -(k % columns), End: columns - 1 - (k % columns) }[event.key];
    if (k < 0 || by === undefined) return;
    event.preventDefault();
    if (!buttons[k + by]) return;
    focusable(k + by);
    buttons[k + by].focus();
  });

  return {
    show(shown, images, isLookedAt) {
      scene = shown;
      const wanted = JSON.stringify([shown.columns, shown.heads, shown.sides, shown.cells.length]);
      if (wanted !== layout) {
        layout = wanted;
        lay();
      }
      buttons.forEach((button, k) => {
        draw(button.firstChild, images, k, shape);
        button.setAttribute("aria-label", describe(shown, k));
        button.setAttribute("aria-pressed", isLookedAt(shown.cells[k]));
      });
    },
  };
}

function describe({ cells, columns, heads, sides }, k) {
  const { row } = cells[k];
  const which = row === "own" ? "own image" : `image ${row + 1}`;
  const over = heads.length ? `, ${heads[k % columns]}` : "";
  return which + over + (sides.length ? `, ${sides[Math.floor(k / columns)]}` : "");
}
