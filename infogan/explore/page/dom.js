/** A new element with properties and children. */
export function createElement(tag, properties = {}, children = []) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A field for a name. rename(name) -> Promise of whether it is saved. */
export function makeName(label, rename) {
  const element = createElement("input", { className: "name", maxLength: 60, spellcheck: false });
  element.setAttribute("aria-label", label);
  let saved = "";
  element.addEventListener("change", async () => {
    if (!(await rename(element.value))) element.value = saved;
  });
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") element.value = saved;
    if (event.key === "Enter" || event.key === "Escape") element.blur();
  });
  return {
    element,
    show(name, placeholder) {
      saved = name;
      element.placeholder = placeholder;
      element.title = name;
      if (document.activeElement !== element) element.value = saved;
    },
  };
}
