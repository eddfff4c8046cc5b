"""A headless Chromium for the tests of the report."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


@contextmanager
def chromium() -> Iterator[Any]:
    """A driver with a new profile, whose console and network are logged. Skips where there is no browser."""
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="selenium is not installed: pip install selenium"
    )
    browser, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or chromedriver is None:
        pytest.skip("no chromium and chromedriver on this machine: apt-get install chromium chromium-driver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
        try:
            yield driver
        finally:
            driver.quit()


def opened(driver: Any, path: Path) -> Any:
    """The driver once it shows a report whose scripts have begun and whose first search is unpacked."""
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(path.as_uri())
    ready = "return document.documentElement.dataset.ready === 'true'"
    drawn = (
        "return [...document.querySelectorAll('[data-search]')]"
        ".every((box) => box.querySelector('.curve svg'))"
    )
    WebDriverWait(driver, 60).until(lambda d: d.execute_script(ready) and d.execute_script(drawn))
    return driver


def requested(driver: Any) -> list[str]:
    """Addresses that the page asked for since it was opened."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [str(params["request"]["url"]) for params in sent]


def set_media(driver: Any, *, media: str = "", **features: str) -> None:
    """Emulate a medium (`print`) and what the reader prefers (`prefers_color_scheme="dark"`)."""
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {
            "media": media,
            "features": [
                {"name": name.replace("_", "-"), "value": value} for name, value in features.items()
            ],
        },
    )


def set_width(driver: Any, width: int) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
