"""A headless Chromium for tests of pages, driven by selenium."""

import base64
import contextlib
import shutil

from selenium import webdriver
from selenium.webdriver.common.by import By

from tests import needs

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


class Browser:
    """One browser window."""

    def __init__(self, driver: webdriver.Chrome):
        self._driver = driver

    def open(self, url: str) -> None:
        """Loads a page and waits until it is complete."""
        self._driver.get(url)

    def run(self, script: str, *arguments):
        """The value of a JavaScript function body; of what it promises, if it returns a promise."""
        return self._driver.execute_script(script, *arguments)

    def click(self, selector: str) -> None:
        """A real click in the middle of the first element that matches; fails where another covers it."""
        self._driver.find_element(By.CSS_SELECTOR, selector).click()

    def type(self, selector: str, keys: str) -> None:
        """Real key presses into the first element that matches."""
        self._driver.find_element(By.CSS_SELECTOR, selector).send_keys(keys)

    def log(self) -> list[dict]:
        """What the console and the network said since the last call."""
        return self._driver.get_log("browser")

    def look(self, width: int, height: int, dark: bool = False) -> None:
        """Sets the window's size in CSS pixels and the colour scheme the system prefers."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def before_load(self, script: str) -> None:
        """Has every page that is loaded from now on run `script` before its own."""
        self._driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})

    def screenshot(self, whole: bool = False) -> bytes:
        """The window as PNG, or the whole page."""
        shot = self._driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole})
        return base64.b64decode(shot["data"])


@contextlib.contextmanager
def browser(folder):
    """A Browser whose profile lies in `folder`; where there is no Chromium, the test is skipped, or fails in CI."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        needs.missing("chromium and chromedriver (Debian: apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*_FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # With a path of its own, selenium doesn't look for a driver to download.
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
