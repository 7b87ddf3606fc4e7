// One quiet notice at a time, for as long as it takes to read it.

const READING = 10_000; // ms

let hiding = 0;
const notice = () => document.getElementById("notice");

export function tell(text) {
  clearTimeout(hiding);
  notice().textContent = text;
  notice().hidden = !text;
  hiding = setTimeout(() => tell(""), READING);
}

/** Does some work and tells what went wrong with it; resolves to whether nothing did. */
export async function telling(work) {
  try {
    await work();
    return true;
  } catch (error) {
    tell(error.message);
    return false;
  }
}

notice().addEventListener("click", () => tell(""));
