"""The explorer: ms from a move of a slider to its image on the screen, and seconds to the first image.

    OMP_NUM_THREADS=2 python benchmarks/explorer.py

The untrained networks of mnist-text in headless chromium; 100 moves of the slider of c2 in each view, one
after the other. Writes records/explorer.json.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from record import record, spread

from infogan.config.presets import get_preset
from infogan.method.model import make_model
from infogan.runs.checkpoints import write_checkpoint
from infogan.runs.run import Run

N_MOVES, N_STARTS = 100, 5
CHROMIUM = "/usr/bin/chromium"

# A message sent at the start of a frame arrives after the frame is painted.
MOVE = """async (moves) => {
  const slider = document.querySelector('[aria-label="c2"] input[type=range]');
  const cells = document.getElementById('cells');
  const frame = () => new Promise(requestAnimationFrame);
  const painted = () => new Promise((go) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = go;
    port2.postMessage(0);
  });
  const times = [];
  for (let i = 0; i < moves; i++) {
    const before = cells.dataset.shown;
    const start = performance.now();
    slider.value = String(-2 + 0.05 * ((7 * i + 3) % 81));
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    while (cells.dataset.shown === before) await new Promise((go) => setTimeout(go, 0));
    await frame(); await painted();
    times.push(performance.now() - start);
    await new Promise((go) => setTimeout(go, 30));
  }
  return times;
}"""
INVERSION_TRAINED = (
    "() => fetch('inversion-progress').then(response => response.json()).then(state => state.progress === 1)"
)


def make_run(path: Path) -> None:
    run = Run.create(path, get_preset("mnist-text"), n_images=1)
    write_checkpoint(run.checkpoints, 1, make_model(run.config).state_dict(), {})


@contextmanager
def explorer(run: Path) -> Iterator[str]:
    """Runs `infogan explore` in another process; yields its address."""
    command = [sys.executable, "-m", "infogan", "explore", str(run), "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            message = process.stderr.readline()
            address = re.search(r"http://\S+", message)
            assert address, message
            yield address[0]
        finally:
            process.terminate()


def open_page(browser: Browser, url: str) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(url)
    page.wait_for_selector("#cells[data-shown]")
    return page


def delays(page: Page, view: str) -> dict[str, float]:
    page.evaluate("(view) => { location.hash = `view=${view}&x=c3&y=c1`; }", view)
    n_images = {"samples": 8, "traversal": 80, "plane": 90}[view]
    page.wait_for_function("(n) => document.querySelectorAll('#cells button').length === n", arg=n_images)
    times = sorted(page.evaluate(MOVE, N_MOVES + 5)[5:])
    return {
        "p50_ms": statistics.median(times),
        "p95_ms": times[int(0.95 * len(times)) - 1],
        "max_ms": times[-1],
    }


def seconds_to_first_image(browser: Browser, run: Path) -> float:
    start = time.perf_counter()
    with explorer(run) as url:
        open_page(browser, url).close()
        return time.perf_counter() - start


def main() -> None:
    measured: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        run = Path(folder) / "mnist"
        make_run(run)
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        starts = [seconds_to_first_image(browser, run) for _ in range(N_STARTS)]
        measured["seconds_to_first_image"] = spread(starts)
        with explorer(run) as url:
            page = open_page(browser, url)
            measured["samples_while_training_the_inversion"] = delays(page, "samples")
            page.wait_for_function(INVERSION_TRAINED, timeout=300_000)
            for view in ("samples", "traversal", "plane"):
                measured[view] = delays(page, view)
        browser.close()
    record("explorer", measured)


if __name__ == "__main__":
    main()
