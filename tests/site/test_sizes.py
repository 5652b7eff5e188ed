"""The memory calculator of deploy/class.md: it computes what the table below it says, explains errors, and is hidden without JavaScript."""

PAGE = "deploy/class.html"
# By column of the table, the open notebooks of each user, and the megabytes that each holds.
COLUMNS = {1: (1, 0), 2: (2, 100), 3: (4, 250)}


def test_the_calculator_counts_as_the_table_does_and_tells_what_is_wrong(reader):
    page = reader.context().new_page()
    page.goto(reader.address + PAGE)
    said = page.locator("form.sizes output")
    for row in page.locator("table").nth(1).locator("tbody tr").all():
        cells = row.locator("td").all_text_contents()
        for column, (notebooks, data) in COLUMNS.items():
            for name, value in {"memory": cells[0].split()[0], "kernels": notebooks, "data": data}.items():
                page.fill(f"#sizes-{name}", str(value))
            assert f" MB: {cells[column]} user" in said.text_content(), cells
    for name, value in (("kernels", "51"), ("memory", ""), ("memory", "0.5")):
        page.reload()
        page.fill(f"#sizes-{name}", value)
        assert said.text_content().startswith("Whole numbers, please")
    page.reload()
    page.focus("#sizes-memory")
    page.keyboard.press("Enter")
    assert page.url.endswith(PAGE)
    assert "users fit" in said.text_content()
    page.context.close()


def test_without_javascript_the_table_is_there_and_no_form_that_does_nothing(reader):
    page = reader.context(java_script_enabled=False).new_page()
    page.goto(reader.address + PAGE)
    assert not page.locator("form.sizes").is_visible()
    assert page.locator("table").nth(1).is_visible()
    page.context.close()
