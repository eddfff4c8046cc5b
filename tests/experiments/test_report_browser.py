"""The report in a real browser: it opens fast and alone, and works by pointer, by keyboard and on paper."""

import base64
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from nascurve.experiments.compare import compare
from nascurve.experiments.report.build import build_report
from nascurve.experiments.results import Results, read_study

from .browser import chromium, opened, requested, set_media, set_width

HOSTILE = "</script><b>x"
CHART = "[data-chart='task-1-chart'] "
LINES = f'return document.querySelectorAll("{CHART}svg.chart [data-method]").length'
VISIBLE_POINTS = "return document.querySelectorAll('.point[visibility=visible]').length"


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, driver: Any) -> Path:
    folder = tmp_path_factory.mktemp("small")
    compare(
        [{"id": "rs", "label": HOSTILE}, "re"],
        "pocket201-digits",
        seeds=3,
        budget_trainings=12,
        workers=2,
        lce=["none", {"id": "power_law", "promotion": "adaptive"}],
        out=folder / "results",
        processes=1,
        quiet=True,
    )
    path = folder / "report.html"
    path.write_text(build_report(read_study(folder / "results"), replay_seed=0), encoding="utf-8")
    return path


@pytest.fixture
def page(driver: Any, small: Path) -> Iterator[Any]:
    set_width(driver, 1280)
    set_media(driver)
    opened(driver, small)
    yield driver
    errors = [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert errors == []


def find(page: Any, selector: str) -> Any:
    return page.find_element("css selector", selector)


def find_all(page: Any, selector: str) -> list[Any]:
    return list(page.find_elements("css selector", selector))


def click(page: Any, target: Any) -> None:
    page.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", target)
    target.click()


def press(page: Any, label: str, within: str = "") -> Any:
    """Click the button with this text."""
    (button,) = [one for one in find_all(page, f"{within} button") if one.text.removeprefix("✓ ") == label]
    click(page, button)
    return button


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def keys(page: Any, target: Any, *pressed: str) -> None:
    page.execute_script("arguments[0].focus()", target)
    for key in pressed:
        page.switch_to.active_element.send_keys(key)


def spread(study: dict[str, Results], n_seeds: int) -> dict[str, Results]:
    """Two seeds of real runs become many, their times and regrets stretched by chance."""
    import pandas as pd

    (results,) = study.values()
    rng = np.random.default_rng(0)
    runs, totals = [], []
    for seed in range(n_seeds):
        mine = results.runs[results.runs["seed"] == seed % 2].assign(seed=seed)
        if seed > 1:
            budget_s = results.config["experiment"]["run"]["budget_s"]
            key = mine["optimizer"] + mine["lce"]
            stretch = key.map({name: rng.uniform(0.7, 1.4) for name in key.unique()})
            mine = mine.assign(
                time_s=(mine["time_s"] * stretch).clip(upper=budget_s), regret=mine["regret"] * stretch
            )
        runs.append(mine)
        totals.append(results.totals[results.totals["seed"] == seed % 2].assign(seed=seed))
    experiment = {**results.config["experiment"], "seeds": list(range(n_seeds))}
    many = Results(
        runs=pd.concat(runs, ignore_index=True),
        totals=pd.concat(totals, ignore_index=True),
        config={**results.config, "experiment": experiment},
        path=results.path,
    )
    return {many.title: many}


def test_ten_methods_with_a_hundred_seeds_open_in_two_seconds(driver: Any, tmp_path: Path) -> None:
    own = [{"id": "re", "label": f"re-{size}", "population_size": size} for size in (10, 50)]
    compare(
        ["rs", "re", "ls", *own],
        "pocket201-digits",
        seeds=2,
        budget_trainings=200,
        out=tmp_path / "results",
        processes=1,
        quiet=True,
    )
    study = spread(read_study(tmp_path / "results"), 100)
    path = tmp_path / "report.html"
    path.write_text(build_report(study, replay_seed=0), encoding="utf-8")
    assert path.stat().st_size < 10e6
    timing = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
    seconds = []
    for _ in range(3):  # other work on this machine slows single ones
        opened(driver, path)
        seconds.append(driver.execute_script(timing) / 1000)
    assert min(seconds) < 2
    assert driver.execute_script(LINES) == 10
    assert len(find_all(driver, "#task-1-summary tbody tr")) == 10
    assert all(address.startswith(("file:", "data:", "blob:")) for address in requested(driver))
    assert driver.get_log("browser") == []


def test_nothing_is_fetched_and_labels_stay_text(page: Any) -> None:
    addresses = requested(page)
    assert addresses
    assert all(address.startswith(("file:", "data:", "blob:")) for address in addresses)
    assert find_all(page, "b") == []
    assert HOSTILE in find(page, CHART + ".legend").text


def test_the_policy_forbids_scripts_and_styles_that_came_later(page: Any) -> None:
    page.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.broken = true';"
        "document.body.append(s);"
    )
    assert page.execute_script("return window.broken") is None
    refused = [entry for entry in page.get_log("browser") if "Content Security Policy" in entry["message"]]
    assert len(refused) == 1


def test_methods_are_switched_off_and_on(page: Any) -> None:
    assert page.execute_script(LINES) == 4
    click(page, find(page, CHART + ".entry input"))
    assert page.execute_script(LINES) == 3
    press(page, "Hide all", CHART)
    assert page.execute_script(LINES) == 0
    press(page, "Show all", CHART)
    assert page.execute_script(LINES) == 4


def test_scales_statistic_and_band_change_what_is_drawn(page: Any) -> None:
    def line() -> str:
        return str(find(page, CHART + "[data-method='0'] path").get_attribute("d"))

    def bands() -> int:
        return len(find_all(page, CHART + "path[fill-opacity]"))

    seen = {line()}
    for label in ("Log time", "Log value"):
        button = press(page, label, CHART)
        assert button.get_attribute("aria-pressed") == "false"
        seen.add(line())
    click(page, find(page, CHART + "select option[value='median']"))
    seen.add(line())
    assert len(seen) == 4
    assert "median true test regret" in find(page, CHART + "svg.chart").text
    assert bands() == 4
    press(page, "95 % band", CHART)
    assert bands() == 0


def ticks_in_view(page: Any) -> list[float]:
    """The numbers at the time axis."""
    texts = page.execute_script(
        f'return [...document.querySelectorAll("{CHART}svg.chart text[text-anchor=middle]")]'
        ".map((text) => Number(text.textContent)).filter((value) => !Number.isNaN(value))"
    )
    return [float(value) for value in texts]


def test_zoom_by_button_drag_wheel_and_keys(page: Any) -> None:
    from selenium.webdriver import ActionChains

    chart = find(page, CHART + "svg.chart")
    whole = ticks_in_view(page)

    def zoomed() -> bool:
        now = ticks_in_view(page)
        page.execute_script("document.activeElement.blur()")
        press(page, "See all", CHART)
        assert ticks_in_view(page) == whole
        return now != whole

    press(page, "Zoom in", CHART)
    press(page, "Zoom in", CHART)
    assert zoomed()
    drag = ActionChains(page).move_to_element_with_offset(chart, -120, -60).click_and_hold()
    drag.move_by_offset(200, 120).release().perform()
    assert zoomed()
    scroll = (
        "arguments[0].dispatchEvent(new WheelEvent('wheel', "
        "{deltaY: -100, cancelable: true, clientX: 500, clientY: 300}))"
    )
    for _ in range(3):  # without focus the wheel is the page's
        page.execute_script(scroll, chart)
    assert ticks_in_view(page) == whole
    page.execute_script("arguments[0].focus()", chart)
    for _ in range(3):
        page.execute_script(scroll, chart)
    assert zoomed()
    keys(page, chart, "+", "+", "+")
    assert ticks_in_view(page) != whole
    keys(page, chart, "0")
    assert ticks_in_view(page) == whole


def test_the_cursor_reads_values_by_pointer_and_by_keys(page: Any) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    chart = find(page, CHART + "svg.chart")
    at_end = find(page, CHART + ".legend").text
    ActionChains(page).move_to_element(chart).perform()
    in_the_middle = find(page, CHART + ".legend").text
    assert in_the_middle != at_end
    keys(page, chart, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    said = find(page, CHART + "[aria-live]").get_attribute("textContent")
    assert said.startswith("At ")
    assert "re+power_law" in said
    keys(page, chart, Keys.ESCAPE)
    assert find(page, CHART + ".legend").text == at_end


def test_tables_are_sorted_by_number_and_by_name(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    def column(place: int) -> list[str]:
        return [cell.text for cell in find_all(page, f"#task-1-summary tbody td:nth-child({place + 1})")]

    heads = find_all(page, "#task-1-summary thead th")
    names = [head.text.split("\n")[0] for head in heads]
    final = names.index("Final regret (pp)")
    click(page, heads[final].find_element("css selector", "button"))
    assert column(final) == sorted(column(final), key=float)
    assert heads[final].get_attribute("aria-sort") == "ascending"
    click(page, heads[final].find_element("css selector", "button"))
    assert column(final) == sorted(column(final), key=float, reverse=True)
    keys(page, heads[0].find_element("css selector", "button"), Keys.ENTER)
    assert column(0) == [HOSTILE, HOSTILE, "re", "re"]
    assert heads[final].get_attribute("aria-sort") == "none"
    speed_up = names.index("Speed-up")  # `-` where there is no value: last, whatever the direction
    for _ in range(2):
        click(page, heads[speed_up].find_element("css selector", "button"))
        assert column(speed_up)[-2:] == ["-", "-"]


def test_everything_can_be_reached_by_tab_and_shows_its_focus(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    describe = (
        "const a = document.activeElement; const s = getComputedStyle(a);"
        "return [a.tagName, a.getAttribute('role') || a.type || '', s.outlineStyle,"
        " a.className.baseVal ?? a.className]"
    )
    page.execute_script("document.body.focus()")
    reached = []
    for _ in range(400):
        find(page, "body").send_keys(Keys.TAB) if not reached else page.switch_to.active_element.send_keys(
            Keys.TAB
        )
        now = page.execute_script(describe)
        if now[0] == "BODY":
            break
        reached.append(now)
    else:
        pytest.fail("the focus never came to the end of the page")
    assert all(outline != "none" for _, _, outline, _ in reached)
    kinds = {(name, kind) for name, kind, _, _ in reached}
    assert {("svg", "application"), ("INPUT", "checkbox"), ("INPUT", "range"), ("INPUT", "search")} <= kinds
    assert {("SELECT", "select-one"), ("A", ""), ("SUMMARY", "")} <= kinds
    # One stop in the list of trainings, however many there are.
    assert sum(name == "pick" for *_, name in reached) == 1


def test_the_replay_plays_is_moved_and_stops_at_the_end(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    def told() -> str:
        return str(find(page, ".status").text)

    n = page.execute_script(VISIBLE_POINTS)
    assert n > 20
    press(page, "Back to the start", ".replay")
    assert page.execute_script(VISIBLE_POINTS) == 0
    assert f"0 of {n}" in told()
    assert "none yet" in told()
    press(page, "Next evaluation", ".replay")
    assert page.execute_script(VISIBLE_POINTS) == 1
    slider = find(page, ".clock")
    keys(page, slider, *[Keys.ARROW_RIGHT] * 5)
    keys(page, slider, Keys.END)
    assert page.execute_script(VISIBLE_POINTS) == n
    click(page, find(page, ".replay select option[value='20']"))
    play = find(page, ".play")
    keys(page, play, Keys.SPACE)
    wait_for(lambda: 0 < page.execute_script(VISIBLE_POINTS) < n)
    assert play.text == "Pause"
    wait_for(lambda: page.execute_script(VISIBLE_POINTS) == n and play.text == "Play")
    assert f"{n} of {n}" in told()
    assert "true test accuracy" in told()


def test_with_reduced_motion_it_steps_from_evaluation_to_evaluation(page: Any) -> None:
    set_media(page, prefers_reduced_motion="reduce")
    press(page, "Back to the start", ".replay")
    press(page, "Play", ".replay")
    seen = []
    wait_for(lambda: seen.append(page.execute_script(VISIBLE_POINTS)) or seen[-1] >= 3)  # type: ignore[func-returns-value]
    press(page, "Pause", ".replay")
    assert seen == sorted(seen)


def test_a_training_is_filtered_chosen_and_described(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    def rows() -> int:
        return len(find_all(page, ".trainings tbody tr"))

    all_of_them = rows()
    click(page, find(page, ".trainings-box select option[value='stopped']"))
    stopped = rows()
    assert 0 < stopped < all_of_them
    click(page, find(page, ".trainings tbody tr"))
    details = find(page, ".details").text
    for said in ("stopped early", "Predicted for epoch 32", "90 % interval", "never trained"):
        assert said in details
    (chosen,) = find_all(page, ".trainings [aria-current]")
    chosen.send_keys(Keys.ARROW_DOWN)
    assert find(page, ".details").text != details
    page.switch_to.active_element.send_keys(Keys.ARROW_UP)
    assert find(page, ".details").text == details
    arch = find(page, ".details code").text
    find(page, ".trainings-box input").send_keys(arch)
    assert 1 <= rows() < stopped
    assert {cell.text for cell in find_all(page, ".trainings .arch")} == {arch}
    find(page, ".trainings-box input").send_keys("no such thing")
    assert rows() == 0
    assert f"0 of {all_of_them} trainings." in find(page, ".trainings-box").text


def test_another_method_and_a_point_of_the_replay_lead_to_its_trainings(page: Any) -> None:
    before = find(page, ".status").text
    click(page, find(page, "[data-search] > .controls select option[value='0']"))
    wait_for(lambda: find(page, ".status").text != before)
    point = find_all(page, ".point")[2]
    page.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", point)
    arch = point.find_element("css selector", "title").get_attribute("textContent").split(":")[0]
    assert find(page, ".details code").text == arch
    assert "to the last bit" in find(page, "[data-search] > .note").text


def test_the_view_and_the_figures_are_saved(page: Any, tmp_path: Path) -> None:
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    click(page, find(page, CHART + ".entry input"))
    press(page, "Save view as SVG", CHART)
    wait_for((tmp_path / "task-1-anytime.svg").is_file)
    drawn = ElementTree.fromstring((tmp_path / "task-1-anytime.svg").read_text(encoding="utf-8"))
    texts = {"".join(node.itertext()) for node in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"re", "re+power_law", "simulated time (s)"} <= texts
    assert HOSTILE not in texts  # it was switched off
    link = find(page, "a[download='task-1-anytime.pdf']")
    page.execute_script("arguments[0].click()", link)
    wait_for((tmp_path / "task-1-anytime.pdf").is_file)
    assert (tmp_path / "task-1-anytime.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("width", [400, 800])
def test_narrow_pages_scroll_down_only(page: Any, width: int) -> None:
    set_width(page, width)
    wait_for(lambda: page.execute_script("return document.documentElement.scrollWidth") <= width)
    chart = find(page, CHART + "svg.chart")
    assert 250 < chart.size["width"] <= width


def test_on_paper_there_are_figures_and_tables_and_no_controls(page: Any) -> None:
    set_media(page, media="print")
    for selector in ("nav", ".controls", ".clock", ".downloads", ".list"):
        assert not any(one.is_displayed() for one in find_all(page, selector)), selector
    for selector in (CHART + "svg.chart", CHART + ".entry", "#task-1-summary td", ".curve svg"):
        assert find(page, selector).is_displayed()
    cut_off = page.execute_script(
        "return [...document.querySelectorAll('.wide, .scroll, pre, .legend')]"
        ".filter((box) => getComputedStyle(box).overflow !== 'visible').length"
    )
    assert cut_off == 0
    printed = page.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")


CONTRAST = """
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => {
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const [x, y, z] = [r, g, b].map((v) => linear(v / 255));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const behind = (node) => {
  for (let one = node; one; one = one.parentElement) {
    const colour = parse(getComputedStyle(one).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const found = [];
for (const node of document.querySelectorAll("body *")) {
  const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  if (!own || !node.checkVisibility() || node.closest("script, noscript, svg")) continue;
  const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) found.push([node.tagName, node.className, node.textContent.slice(0, 40), ratio]);
}
return found;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(page: Any, scheme: str) -> None:
    set_media(page, prefers_color_scheme=scheme)
    assert page.execute_script(CONTRAST) == []


def test_the_page_can_be_read_by_machines(page: Any) -> None:
    assert page.execute_script("return document.documentElement.lang") == "en"
    for landmark in ("header", "nav[aria-label]", "main", "footer"):
        assert len(find_all(page, landmark)) == 1
    unnamed = page.execute_script(
        "return [...document.querySelectorAll('input, select, button, a, "
        "[role=application], [role=img], [role=region]')]"
        ".filter((one) => !(one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim()))"
        ".map((one) => one.outerHTML.slice(0, 100))"
    )
    assert unnamed == []
    levels = [int(node.tag_name[1]) for node in find_all(page, "h1, h2, h3, h4")]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = page.execute_script("return [...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    assert all(image.get_attribute("alt") for image in find_all(page, "img"))
