"""Pictures of docs/tutorials/your-own-images.md, and of the map in docs/guide/report.md, taken in Chromium.

    infogan train folder:celeba --steps 2500    # also with --seed 1
    infogan report runs/celeba-0 --metadata attributes.csv
    python tools/screenshots.py runs/celeba-0

    infogan report infogan/shipped/mnist --out mnist.html
    python tools/screenshots.py mnist.html

Writes them to docs/images.
"""

import sys
import threading
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from infogan.explore.explorer import Explorer
from infogan.explore.serve import listen, make_server, url_of
from infogan.explore.server import make_app
from infogan.runs.run import Run

CHROMIUM = "/usr/bin/chromium"
IMAGES = Path(__file__).parent.parent / "docs" / "images"
CODE = "c4"


def shoot_report(page: Page, report: Path) -> None:
    page.set_viewport_size({"width": 1000, "height": 800})
    page.goto(report.resolve().as_uri())
    section = page.locator("#codes section").filter(has=page.locator(f"h3:has-text('{CODE}')"))
    section.screenshot(path=IMAGES / "tutorial_report_code.png")
    page.locator("#associations").screenshot(path=IMAGES / "tutorial_report_table.png")


def shoot_map(page: Page, report: Path) -> None:
    page.set_viewport_size({"width": 1000, "height": 760})
    page.goto(report.resolve().as_uri())
    page.locator(".map-plane > canvas").focus()
    for key in ("+", "+", "+", "+", "Enter"):
        page.keyboard.press(key)
    page.locator(".map-status", has_text="as pictures").wait_for()
    page.locator(".map").screenshot(path=IMAGES / "report_map.png")


def shoot_explorer(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 1100, "height": 900})
    page.goto(url)
    page.locator("#cells > *").nth(7).wait_for()
    page.wait_for_timeout(1000)
    page.screenshot(path=IMAGES / "tutorial_explorer.png", full_page=True)
    page.get_by_text("Plane", exact=True).click(force=True)
    page.wait_for_timeout(1000)
    page.screenshot(path=IMAGES / "tutorial_plane.png", full_page=True)


def main() -> None:
    if sys.argv[1].endswith(".html"):
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            shoot_map(browser.new_page(), Path(sys.argv[1]))
            browser.close()
        return
    run = Run.open(Path(sys.argv[1]))
    explorer, listening = Explorer(run), listen("127.0.0.1", 0)
    server = make_server(make_app(explorer))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page()
            shoot_report(page, run.path / "report.html")
            shoot_explorer(page, url_of(listening))
            browser.close()
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        explorer.close()


if __name__ == "__main__":
    main()
