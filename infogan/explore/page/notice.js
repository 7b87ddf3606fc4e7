// One notice at a time.

const SHOWN_FOR = 10_000; // ms

let hideTimer = 0;
const notice = () => document.getElementById("notice");

export function showNotice(text) {
  clearTimeout(hideTimer);
  notice().textContent = text;
  notice().hidden = !text;
  hideTimer = setTimeout(() => showNotice(""), SHOWN_FOR);
}

/** Does some work and shows its error, if any; resolves to whether there was none. */
export async function reportErrors(work) {
  try {
    await work();
    return true;
  } catch (error) {
    showNotice(error.message);
    return false;
  }
}

notice().addEventListener("click", () => showNotice(""));
