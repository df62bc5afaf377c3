"""A headless Chromium for tests of pages, driven over WebDriver with the standard library alone."""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

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
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key the WebDriver standard gives element references


class Browser:
    """One browser window."""

    def __init__(self, address: str, profile):
        self._address = address
        options = {"args": [*_FLAGS, f"--user-data-dir={profile}"], "binary": shutil.which("chromium")}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def open(self, url: str) -> None:
        """Loads a page and waits until it is complete."""
        self._command("POST", "/url", {"url": url})

    def run(self, script: str, *arguments):
        """The value of a JavaScript function body."""
        return self._command("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def click(self, selector: str) -> None:
        """A real click in the middle of the first element that matches; fails where another covers it."""
        self._command("POST", f"/element/{self._find(selector)}/click", {})

    def type(self, selector: str, keys: str) -> None:
        """Real key presses into the first element that matches."""
        self._command("POST", f"/element/{self._find(selector)}/value", {"text": keys})

    def log(self) -> list[dict]:
        """What the console and the network said since the last call."""
        return self._command("POST", "/se/log", {"type": "browser"})

    def look(self, width: int, height: int, dark: bool = False) -> None:
        """Sets the window's size in CSS pixels and the colour scheme the system prefers."""
        self._devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self._devtools(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )

    def before_load(self, script: str) -> None:
        """Has every page that is loaded from now on run `script` before its own."""
        self._devtools("Page.addScriptToEvaluateOnNewDocument", source=script)

    def screenshot(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self._command("GET", "/screenshot"))

    def close(self) -> None:
        self._command("DELETE", "")

    def _find(self, selector):
        return self._command("POST", "/element", {"using": "css selector", "value": selector})[_ELEMENT]

    def _devtools(self, command, **parameters):
        self._command("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _command(self, method, path, body=None):
        return self._call(method, f"/session/{self._session}{path}", body)

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._address + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with _DIRECT.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {json.load(error)['value']['message']}") from None


@contextlib.contextmanager
def browser(folder):
    """A Browser whose profile lies in `folder`; skips the test where there is no Chromium."""
    driver = shutil.which("chromedriver")
    if not driver or not shutil.which("chromium"):
        pytest.skip("needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)")
    # Port 0: the driver takes a free one and says which.
    process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = next(match[1] for line in process.stdout if (match := re.search(r"successfully on port (\d+)", line)))
        window = Browser(f"http://127.0.0.1:{port}", folder)
        try:
            yield window
        finally:
            window.close()
    finally:
        process.terminate()
        process.wait(timeout=20)
