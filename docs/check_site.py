"""Check the built pages: links, and what a browser shows on a wide and a narrow screen.

``python docs/check_site.py docs/_build/html`` needs Chromium. It serves the pages from
this machine, opens each in a frame of every width, and prints what is wrong: errors of
scripts, pages that scroll sideways, pictures that are missing or without a description,
broken links, and answers that are too many clicks away from the first page.
"""

import argparse
import functools
import html.parser
import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

WIDTHS = (1280, 390)
N_CLICKS = 2
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 600
# What a reader looks for in the first two minutes, and where it is answered.
ANSWERS = {
    "an interval": "user_guide/calibration.html#conformal",
    "tuning": "user_guide/pipelines.html",
    "a GPU": "user_guide/persistence.html",
    "saving a model": "user_guide/persistence.html",
    "categories": "user_guide/data.html",
    "dates": "user_guide/data.html#dates",
    "text": "text.html",
    "how long a fit takes": "user_guide/settings.html",
    "which objective": "user_guide/choosing.html",
    "citing": "index.html#cite",
}
# Runs before all scripts of a page.
LISTEN = b"""<script>
window.faults = [];
const ofTheme = "Got invalid theme mode";  // on a first visit
addEventListener("error", (event) => faults.push(
  event.target.src || event.target.href || event.message), true);
addEventListener("unhandledrejection", (event) => faults.push(String(event.reason)));
console.error = (...words) => {
  if (!String(words[0]).startsWith(ofTheme)) faults.push(words.join(" "));
};
</script>"""
# Opens one page after another, and leaves what it found in the document.
HARNESS = """<!doctype html><title>-</title><pre id="found"></pre><script>
const pages = %s, widths = %s, found = [];
function look(frame, page, width) {
  const root = frame.contentDocument.documentElement, say = (what) =>
    found.push({page, width, what});
  for (const fault of frame.contentWindow.faults ?? ["no script ran"]) say(fault);
  if (root.scrollWidth > width) {
    const wide = [...frame.contentDocument.body.querySelectorAll("*")].filter((one) => {
      if (one.getBoundingClientRect().right <= width + 1) return false;
      for (let up = one; up && up !== root; up = up.parentElement)
        if (getComputedStyle(up).overflowX !== "visible") return false;
      return true;
    });
    say(`scrolls sideways to ${root.scrollWidth}: ` + wide.slice(-1).map((one) =>
      `<${one.tagName.toLowerCase()} class="${one.className}">`));
  }
  for (const picture of frame.contentDocument.images) {
    if (!picture.alt.trim()) say(`no alt: ${picture.src}`);
    if (picture.complete && !picture.naturalWidth) say(`no picture: ${picture.src}`);
  }
}
async function main() {
  for (const width of widths) for (const page of pages) {
    const frame = document.createElement("iframe");
    frame.style = `width: ${width}px; height: 900px; border: 0`;
    frame.src = page;
    document.body.append(frame);
    await new Promise((done) => frame.onload = done);
    await new Promise((done) => setTimeout(done, 50));
    look(frame, page, width);
    frame.remove();
  }
  document.getElementById("found").textContent = JSON.stringify(found);
  await fetch("/found", {method: "POST", body: JSON.stringify(found)});
}
main();
</script>"""


class Page(html.parser.HTMLParser):
    """The links of a page, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the ends and targets of links."""
        given = dict(attrs)
        self.names |= {value for key in ("id", "name") if (value := given.get(key))}
        if link := given.get("href" if tag in ("a", "link") else "src"):
            self.links.append(link)


class Link(NamedTuple):
    """An internal link, both ends relative to the folder of the pages."""

    page: str
    target: str
    anchor: str


def pages_of(folder: Path) -> dict[str, Page]:
    """Return the pages by their paths."""
    return {
        path.relative_to(folder).as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.html"))
        if path.relative_to(folder).parts[0] != "_static"  # the theme's own
    }


def links_of(pages: dict[str, Page]) -> list[Link]:
    """Return the links that stay within the pages."""
    found = []
    for name, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            whole, anchor = urldefrag(urljoin(f"http://site/{name}", link))
            target = unquote(urlsplit(whole).path).removeprefix("/")
            found.append(Link(name, target, unquote(anchor)))
    return found


def broken(folder: Path, pages: dict[str, Page], links: list[Link]) -> list[str]:
    """Return the links to files or places that are not there."""
    wrong = [
        f"{link.page}: broken link to {link.target}#{link.anchor}"
        for link in dict.fromkeys(links)
        if not (folder / link.target).is_file()
        or (
            link.anchor
            and link.target in pages
            and link.anchor not in pages[link.target].names
        )
    ]
    return wrong


def clicks(links: list[Link], start: str = "index.html") -> dict[str, int]:
    """Return how many clicks each page is away from the first."""
    following: dict[str, list[str]] = {}
    for link in links:
        following.setdefault(link.page, []).append(link.target)
    depth, waiting = {start: 0}, deque([start])
    while waiting:
        page = waiting.popleft()
        for target in following.get(page, []):
            if target not in depth:
                depth[target] = depth[page] + 1
                waiting.append(target)
    return depth


def unanswered(pages: dict[str, Page], links: list[Link]) -> list[str]:
    """Return the questions whose answer is missing or too far away."""
    depth, wrong = clicks(links), []
    for question, place in ANSWERS.items():
        page, _, anchor = place.partition("#")
        if page not in pages or (anchor and anchor not in pages[page].names):
            wrong.append(f"{question}: there is no {place}")
        elif depth.get(page, N_CLICKS + 1) > N_CLICKS:
            wrong.append(f"{question}: {page} is more than {N_CLICKS} clicks away")
    return wrong


class Server(http.server.ThreadingHTTPServer):
    """Serves the pages, and waits for what the browser saw."""

    def __init__(self, folder: Path, pages: list[str]) -> None:
        handler = functools.partial(Handler, directory=str(folder))
        super().__init__(("127.0.0.1", 0), handler)
        self.harness = HARNESS % (json.dumps(pages), json.dumps(WIDTHS))
        self.seen: list[dict[str, str]] | None = None
        self.ended = threading.Event()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Adds a listener for errors to each page."""

    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer with a file, or the page that opens all others."""
        path = Path(self.translate_path(self.path))
        if self.path == "/all-pages":
            self.answer(self.server.harness.encode())
        elif path.suffix == ".html" and path.is_file():
            page = path.read_bytes().replace(b"<head>", b"<head>" + LISTEN, 1)
            self.answer(page)
        else:
            super().do_GET()

    def do_POST(self) -> None:
        """Take what the browser saw."""
        length = int(self.headers["Content-Length"])
        self.server.seen = json.loads(self.rfile.read(length))
        self.answer(b"")
        self.server.ended.set()

    def answer(self, body: bytes) -> None:
        """Send a page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def shown(folder: Path, pages: list[str], browser: str) -> list[str]:
    """Return what is wrong in the browser."""
    server = Server(folder, pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = ["--headless", "--disable-gpu", "--no-sandbox", "--hide-scrollbars"]
    url = f"http://127.0.0.1:{server.server_port}/all-pages"
    command = [
        browser,
        *options,
        "--window-size=1300,1000",
        "--remote-debugging-port=0",
    ]
    with subprocess.Popen([*command, url], stderr=subprocess.DEVNULL) as process:
        ended = server.ended.wait(SECONDS)
        process.terminate()
    server.shutdown()
    if not ended or server.seen is None:
        return [f"The browser did not answer within {SECONDS} seconds."]
    lines = [f"{x['page']} at {x['width']} px: {x['what']}" for x in server.seen]
    return list(dict.fromkeys(lines))


def main() -> int:
    """Run the checks and return 1 if anything is wrong."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path, help="the built pages")
    options.add_argument("--browser", help="the program, by default what there is")
    args = options.parse_args()
    pages = pages_of(args.folder)
    if "index.html" not in pages:
        options.error(f"{args.folder} has no index.html; build the pages first")
    links = links_of(pages)
    wrong = broken(args.folder, pages, links) + unanswered(pages, links)
    browser = args.browser or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        options.error("there is no Chromium; name one with --browser")
    wrong += shown(args.folder, list(pages), browser)
    print("\n".join(wrong))
    print(f"{len(pages)} pages, {len(links)} links, {len(wrong)} faults")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
