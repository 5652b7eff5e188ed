"""A small browser around WebKitGTK, which WebKitWebDriver starts instead of its own.

Debian's own has a profile that keeps nothing, and of such a one WebKit writes no console anywhere. This one has a folder, so all that a
page's console holds comes to the driver's output.
"""

import tempfile
from importlib import import_module

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
Gtk, WebKit = import_module("gi.repository.Gtk"), import_module("gi.repository.WebKit2")

folder = tempfile.mkdtemp()
context = WebKit.WebContext.new_with_website_data_manager(
    WebKit.WebsiteDataManager(base_data_directory=f"{folder}/data", base_cache_directory=f"{folder}/cache")
)
context.set_automation_allowed(True)
settings = WebKit.Settings(enable_write_console_messages_to_stdout=True, javascript_can_open_windows_automatically=True)


def shown(view):
    """A view in a window of its own."""
    window = Gtk.Window()
    window.set_default_size(1200, 1000)
    window.add(view)
    window.show_all()
    view.connect("create", lambda opener, action: shown(WebKit.WebView(related_view=opener, settings=settings)))
    view.connect("close", lambda closed: window.destroy())
    return view


def begun(context, session):
    told = WebKit.ApplicationInfo()
    told.set_name("MiniBrowser")
    told.set_version(WebKit.get_major_version(), WebKit.get_minor_version(), WebKit.get_micro_version())
    session.set_application_info(told)
    session.connect(
        "create-web-view", lambda *_: shown(WebKit.WebView(web_context=context, is_controlled_by_automation=True, settings=settings))
    )


context.connect("automation-started", begun)
Gtk.main()
