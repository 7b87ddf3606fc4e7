// The grid of images. Each is a button; one at a time is in the tab order, and arrow keys move to the others.

import { draw } from "./pixels.js";
import { createElement } from "./dom.js";

/** element: the container; select(cell): called on a click. */
export function makeGrid(element, shape, select) {
  let signature = "";
  let buttons = [];
  let layout = { columns: 1, cells: [] };

  function rebuild() {
    const { columns, columnLabels, rowLabels, cells } = layout;
    const text = (t, className) => createElement("span", { textContent: t, className });
    buttons = cells.map((_, k) => {
      const button = createElement("button", { type: "button" }, [createElement("canvas", { width: 1, height: 1 })]);
      button.addEventListener("click", () => {
        setTabStop(k);
        select(layout.cells[k]);
      });
      return button;
    });
    const rows = [];
    for (let k = 0; k < cells.length; k += columns) {
      if (rowLabels.length) rows.push(text(rowLabels[k / columns], "row-label"));
      rows.push(...buttons.slice(k, k + columns));
    }
    const top = columnLabels.map((t) => text(t, "column-label"));
    if (rowLabels.length && columnLabels.length) top.unshift(text("", "row-label"));
    element.replaceChildren(...top, ...rows);
    element.style.setProperty("--columns", columns);
    element.style.setProperty("--aspect", (Math.ceil(cells.length / columns) * shape[1]) / (columns * shape[2]));
    element.classList.toggle("with-row-labels", rowLabels.length > 0);
    setTabStop(0);
  }

  function setTabStop(k) {
    buttons.forEach((button, i) => (button.tabIndex = i === k ? 0 : -1));
  }

  element.addEventListener("keydown", (event) => {
    const k = buttons.indexOf(document.activeElement);
    const { columns } = layout;
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns,
      Home: -(k % columns), End: columns - 1 - (k % columns) }[event.key];
    if (k < 0 || by === undefined) return;
    event.preventDefault();
    if (!buttons[k + by]) return;
    setTabStop(k + by);
    buttons[k + by].focus();
  });

  return {
    show(newLayout, images, isSelected) {
      layout = newLayout;
      const newSignature = JSON.stringify([layout.columns, layout.columnLabels, layout.rowLabels, layout.cells.length]);
      if (newSignature !== signature) {
        signature = newSignature;
        rebuild();
      }
      buttons.forEach((button, k) => {
        draw(button.firstChild, images, k, shape);
        button.setAttribute("aria-label", describe(layout, k));
        button.setAttribute("aria-pressed", isSelected(layout.cells[k]));
      });
    },
  };
}

function describe({ cells, columns, columnLabels, rowLabels }, k) {
  const { row } = cells[k];
  const which = row === "custom" ? "your image" : `image ${row + 1}`;
  const column = columnLabels.length ? `, ${columnLabels[k % columns]}` : "";
  return which + column + (rowLabels.length ? `, ${rowLabels[Math.floor(k / columns)]}` : "");
}
