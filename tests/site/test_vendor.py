"""The site's third-party scripts are the ones that npm has, and say which version they are."""

import hashlib

import pytest

from tests.harness.site import vendor


def test_each_file_has_a_recipe_and_says_where_it_is_from():
    assert {path.name for path in vendor.FOLDER.iterdir()} == set(vendor.RECIPES)
    for name in vendor.RECIPES:
        assert vendor.origin(name), name
        assert "Copyright" in (vendor.FOLDER / name).read_text("utf-8"), name


@pytest.mark.parametrize("name", vendor.RECIPES)
def test_a_file_is_what_npm_has_of_that_version(name):
    """Byte for byte, and the sum in its head is that of npm's own file."""
    made, held = vendor.made(name, vendor.origin(name)), (vendor.FOLDER / name).read_text("utf-8")
    heads = [vendor.ORIGIN.search(text)[0] for text in (held, made)]
    assert heads[0] == heads[1]
    assert hashlib.sha256(held.encode()).hexdigest() == hashlib.sha256(made.encode()).hexdigest()
