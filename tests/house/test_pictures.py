"""A picture on a page is noticed to be an old one when a word in it is another."""

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.harness.browsers import pictures


@pytest.mark.parametrize(
    ("name", "word", "alike"),
    [("editor", "Loops", True), ("editor", "Lists", False), ("editor", "Logic", False), ("jupyterlab", "Lists", True)],
)
def test_another_word_in_an_editor_is_noticed(monkeypatch, tmp_path, name, word, alike):
    for kind, text in (("KEPT", "Loops"), ("TAKEN", word)):
        monkeypatch.setattr(pictures, kind, tmp_path / kind)
        image = Image.new("RGB", (1000, 700), "white")
        ImageDraw.Draw(image).text((411, 330), text, "black", ImageFont.load_default(16))
        (tmp_path / kind).mkdir()
        image.save(tmp_path / kind / f"{name}.png")
    assert pictures.alike(name) == alike
