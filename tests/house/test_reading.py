"""The table of reading ease: long sentences and long words make a page harder, and code, tables and headings count for nothing."""

import pytest

from tests.harness.site.reading import ease, main, syllables

PLAIN = "The cat sat on the mat. It slept there all day.\n"
STIFF = "The domesticated feline, having established residence upon the rectangular textile, subsequently hibernated.\n"


def test_what_is_long_is_harder():
    plain, stiff = ease(PLAIN), ease(STIFF)
    assert (plain.words, plain.sentences, plain.longest) == (11, 2, 6)
    assert plain.flesch > 90 > 30 > stiff.flesch


@pytest.mark.parametrize(
    "more",
    [
        "# A heading. It has words\n",
        "```console\n# a command. It is code.\n```\n",
        "| A table. | It is one. |\n|---|---|\n| A cell. | Again. |\n",
    ],
    ids=["heading", "code", "table"],
)
def test_what_is_no_sentence_counts_for_nothing(more):
    assert ease(more) is None
    assert ease(f"{more}\n{PLAIN}") == ease(PLAIN)


def test_code_is_one_word_and_tabs_are_read():
    assert ease("Open `/etc/a/very/long.name` now.\n").words == 3
    assert ease(f"````{{tabs}}\n```{{group-tab}} nginx\n{PLAIN}```\n````\n") == ease(PLAIN)


@pytest.mark.parametrize(
    ("word", "count"), [("the", 1), ("stopped", 1), ("started", 2), ("server", 2), ("release", 2), ("uses", 2), ("JupyterHub", 4)]
)
def test_syllables(word, count):
    assert syllables(word) == count


def test_the_table_has_each_page_once_and_all_of_them(capsys):
    main([])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[0] == "index"
    assert lines[-1].startswith("all pages")
    names = [line.split()[0] for line in lines[1:-1]]
    assert len(names) == len(set(names)) > 90
