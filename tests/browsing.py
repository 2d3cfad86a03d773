"""A real Chromium on a page from disk, with the network off, and all that the page said, asked for or popped up."""

import shutil

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class Visit:
    """One opened page; `asked` begins with the page itself."""

    def __init__(self, browser, path, width=1440, theme="light", **context):
        self.said, self.asked, self.dialogs = [], [], []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, offline=True, **context
        )
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("dialog", self._dialog)
        self.page.goto(path.as_uri())
        if context.get("java_script_enabled", True):
            self.page.wait_for_selector("html[data-plots=drawn]", timeout=60_000)

    def _dialog(self, dialog):
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def settle(self):
        """Waits until the page has answered what was set: two frames."""
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def assert_quiet(self):
        """No message in the console, no dialog, no request but for the page itself."""
        assert self.said == []
        assert self.dialogs == []
        assert len(self.asked) == 1
        assert self.asked[0].startswith("file://")
