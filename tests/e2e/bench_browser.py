# SPDX-License-Identifier: MIT
"""How Chromium shows the page that `bench report --html` makes of an imagined result."""
import os
import re
import subprocess
import tempfile

from harness import case, check, equal, main, need_program
from pages import page_of
from png import decode
from reports import path_of

WIDTH, HEIGHT, BAND = 1280, 6000, 500


pictures = {}


def screenshot(name):
    """(width, height, rows of RGB bytes) of the page, and the browser's messages. Taken once."""
    if name not in pictures:
        pictures[name] = take_screenshot(path_of(name + ".html"), path_of(name + ".png"))
    return pictures[name]


def take_screenshot(page, target):
    with tempfile.TemporaryDirectory(prefix="ioloop-chromium-") as profile:
        done = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--hide-scrollbars", "--enable-logging=stderr", "--user-data-dir=" + profile,
             "--window-size=%d,%d" % (WIDTH, HEIGHT), "--screenshot=" + target, "file://" + page],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=150, check=False)
    check(os.path.exists(target), "no screenshot: ...%s" % done.stdout[-500:].decode("utf-8", "replace"))
    with open(target, "rb") as file:
        return decode(file.read()) + (done.stdout.decode("utf-8", "replace"),)


@case("browser: Chromium opens it without a complaint, and each part of it at 1280 px shows something")
def _():
    need_program("chromium", "gnuplot")
    page_of()
    width, height, rows, said = screenshot("imagined")
    equal([line for line in said.splitlines() if "CONSOLE" in line], [], "what the console says")
    equal((width, height), (WIDTH, HEIGHT), "the size of the picture")
    background = rows[0][0]
    for top in range(0, height, BAND):
        band = [pixel for row in rows[top:top + BAND] for pixel in row]
        drawn = sum(pixel != background for pixel in band) / len(band)
        colours = len(set(band))
        check(drawn > 0.02 and colours > 20, "at %d px: %.1f %% drawn in %d colours"
              % (top, 100 * drawn, colours))


@case("browser: on a telephone, 390 px wide, no text is squeezed and nothing is wider than the page")
def _():
    need_program("chromium")
    page_of()
    frame, probe = path_of("frame.html"), path_of("probe.html")
    with open(path_of("imagined.html"), encoding="utf-8") as file:
        text = file.read()
    # The page measures itself: headless Chromium is never narrower than 500 px, but a frame is.
    script = ("<script>addEventListener('load',()=>{const rows=[...document.querySelectorAll('.heat tbody th')];"
              "const tall=Math.max(...rows.map(row=>row.offsetHeight));const root=document.documentElement;"
              "parent.postMessage(`scroll=${root.scrollWidth} client=${root.clientWidth} tall=${tall}`,'*')})</script>")
    with open(probe, "w", encoding="utf-8") as file:
        file.write(text.replace("</body>", script + "</body>"))
    with open(frame, "w", encoding="utf-8") as file:
        file.write("<!DOCTYPE html><body><iframe src='probe.html' width=390 height=800></iframe><script>"
                   "addEventListener('message',event=>console.log('PROBE '+event.data))</script>")
    _, _, _, said = take_screenshot(frame, path_of("frame.png"))
    found = re.search(r"PROBE scroll=(\d+) client=(\d+) tall=(\d+)", said)
    check(found, "the page did not report: %r" % said[-500:])
    scroll, client, tall = map(int, found.groups())
    check(scroll <= client, "the page is %d px wide in %d" % (scroll, client))
    check(tall < 130, "a row of the heat map is %d px high" % tall)


@case("browser: the plots' lines are there, in the colours of the page")
def _():
    need_program("chromium", "gnuplot")
    text, _ = page_of()
    colours = dict(re.findall(r"--(c\d):#([0-9a-f]{6})", text[:text.index("prefers-color-scheme:dark")]))
    equal(len(colours), 8, "colours of series")
    _, _, rows, _ = screenshot("imagined")
    seen = {pixel for row in rows for pixel in row}
    for name, colour in colours.items():
        check(bytes.fromhex(colour) in seen, "--%s (#%s) is nowhere" % (name, colour))


main()
