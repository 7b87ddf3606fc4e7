/** Calls `work` one at a time; of what is asked meanwhile only the newest is done, when the one under way ends. */
export function newest(work) {
  let busy = false;
  let waiting = null;
  return async function ask(...args) {
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
      await ask(...next);
    }
  };
}
