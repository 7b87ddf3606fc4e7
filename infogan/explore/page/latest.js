/** Runs `work` one call at a time; of the calls made meanwhile only the latest runs, after the current one. */
export function latestOnly(work) {
  let busy = false;
  let waiting = null;
  return async function run(...args) {
    if (busy) {
      waiting = args;
      return;
    }
    busy = true;
    try {
      await work(...args);
    } finally {
      busy = false;
    }
    if (waiting) {
      const next = waiting;
      waiting = null;
      await run(...next);
    }
  };
}
