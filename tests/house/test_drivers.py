"""The drivers for Firefox and WebKitGTK do what tests ask: click in a frame, press keys, open a window, read the console."""

from urllib.parse import quote

import pytest

from tests.harness.browsers import drivers, other_browsers
from tests.harness.machines import engine

# As an address of the web, it has no spaces.
PAGE = "data:text/html," + quote("""<title>t</title><button onclick='n=(window.n||0)+1;console.log(n,"pressed")'>Press</button><input>
<iframe sandbox='allow-scripts' srcdoc='<button onclick="console.error(`inside`)">In</button>'></iframe>
<script>throw new Error("thrown")</script>""")


@pytest.mark.parametrize("name", other_browsers.NAMES)
def test_a_browser_does_what_it_is_told_and_tells_what_is_said(name):
    with engine.network() as network, drivers.running(name, network, {}) as driver:
        page = other_browsers.Page(driver, driver.open()).go(PAGE)
        page.click("button", "Press", times=2)
        page.click("button", "In", frame=("iframe",))
        page.fill("input", "Hello 1")
        assert page.call("() => document.querySelector('input').value") == "Hello 1"
        assert page.call("async (given) => [given, await new Promise((later) => setTimeout(later, 9, 5))]", {"k": 1}) == [{"k": 1}, 5]
        with pytest.raises(other_browsers.Thrown, match="TypeError: x"):
            page.call("() => { throw new TypeError('x') }")
        with pytest.raises(other_browsers.Thrown, match="SecurityError"):
            page.call("() => frames[0].document.title")
        with pytest.raises(RuntimeError, match=r"no frame|no such element"):
            page.call("() => 1", frame=("iframe.absent",))
        opened = page.opened("() => { window.held = window.open('about:blank') }")
        assert opened.address == "about:blank"
        opened.close()
        page.until("() => held.closed")
        said = "\n".join(driver.said())
        for words in ("2 pressed", "error: inside", "uncaught: Error: thrown"):
            assert words in said
        assert driver.picture(page.window).startswith(b"\x89PNG")
