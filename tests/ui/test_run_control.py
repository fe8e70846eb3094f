"""Start and Stop in a real browser, with a job that does nothing but say how far it is."""

import re
import time

import pytest

pytest.importorskip("gradio")
import gradio as gr

from facegen.ui import run_control

PATIENCE = 90_000  # milliseconds, on a machine that is busy with other things


@pytest.fixture
def page(browser):
    """A page with two triggers, as "From a photo" has: the button and the examples."""
    numbers = iter(range(1, 10))

    def job(asked):
        number = next(numbers)
        for step in range(1, 10_000):
            yield {status: f"run {number} step {step}"}
            time.sleep(0.1)

    with gr.Blocks(analytics_enabled=False) as demo:
        go, stop = gr.Button("Go", elem_id="go"), gr.Button("Stop", elem_id="stop")
        example = gr.Button("Example", elem_id="example")
        status, turn = gr.HTML(), gr.State()
        chosen = example.click(lambda: None)
        runs = [
            run_control.start(trigger, job, set(), [status], go, stop, status, turn)
            for trigger in (go.click, chosen.then)
        ]
        run_control.cancel(example.click, runs)
        run_control.stop_with(stop, runs, run_control.said_stopped, [], [go, stop, status], turn)
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    yield page
    page.close()
    demo.close()


def shows(page, text: str) -> None:
    page.get_by_text(re.compile(text)).wait_for()


def goes_on(page) -> bool:
    """What the buttons say; they say the same."""
    go, stop = (page.locator(name).is_enabled() for name in ("#go", "#stop"))
    assert go is not stop
    return stop


def the_second_goes_on_until_stop(page) -> None:
    shows(page, r"run 2 step \d+")
    page.wait_for_timeout(3000)
    assert goes_on(page)
    shows(page, r"run 2 step \d\d")
    page.locator("#stop").click()
    shows(page, "Stopped")
    page.wait_for_timeout(1000)
    assert not goes_on(page)
    shows(page, "Stopped")


def test_a_run_that_is_begun_right_after_stop_is_let_be(page):
    page.locator("#go").click()
    shows(page, r"run 1 step \d+")
    assert goes_on(page)
    page.locator("#stop").click()
    page.locator("#go").click()  # as soon as it can be clicked
    the_second_goes_on_until_stop(page)


@pytest.mark.parametrize("first", ["#go", "#example"])
def test_an_example_takes_over(page, first):
    page.locator(first).click()
    shows(page, r"run 1 step \d+")
    page.locator("#example").click()
    the_second_goes_on_until_stop(page)
