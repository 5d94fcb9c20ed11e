# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages as people have them: opened offline in a browser, on a desk and on a phone, read aloud, and printed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pages
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from pypdf import PdfReader

WIDTHS = {"desk": 1280, "phone": 390}
# What leaves the window although nothing may: the insides of a box that scrolls by itself don't count.
OUTSIDE = """() => {
  const wide = document.documentElement.clientWidth;
  const found = [...document.querySelectorAll('main *')].filter(node => {
    if (node.closest('.scroll') !== node && node.closest('.scroll')) return false;
    if (node.closest('svg') && node.tagName !== 'svg') return false;
    const box = node.getBoundingClientRect();
    return box.width && (box.right > wide + 1 || box.left < -1);
  });
  return found.map(node => node.tagName + ' ' + node.className).slice(0, 10);
}"""
# Words of a chart that leave it or lie on top of each other.
CLASHES = """() => [...document.querySelectorAll('svg.chart')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('text')].map(node => [node.textContent, node.getBoundingClientRect()]);
  const leaves = b => b.left < frame.left - 1 || b.right > frame.right + 1 || b.bottom > frame.bottom + 1;
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3;
  const out = boxes.filter(([_, box]) => leaves(box));
  const over = boxes.flatMap(([text, a], i) =>
    boxes.slice(i + 1).filter(([_, b]) => meet(a, b)).map(([other]) => [text + ' / ' + other]));
  return [...out.map(([text]) => [text]), ...over].map(String);
})"""


@dataclass
class Seen:
    """A page that is open, and what the browser complained about or asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pages")
    for name, text in pages.all_pages().items():
        (made / f"{name}.html").write_text(text, encoding="utf-8")
    return made


@pytest.fixture(params=[(name, width) for name in pages.NAMES for width in WIDTHS], ids="-".join)
def seen(request: pytest.FixtureRequest, browser: Browser, folder: Path) -> Iterator[Seen]:
    name, width = request.param
    context = browser.new_context(viewport={"width": WIDTHS[width], "height": 900}, offline=True)
    page = context.new_page()
    found = Seen(page)
    page.on("console", lambda message: found.complaints.append(message.text))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("request", lambda asked: found.requests.append(asked.url))
    page.goto((folder / f"{name}.html").as_uri())
    yield found
    context.close()


def test_it_opens_offline_and_everybody_can_read_it(
    seen: Seen, request: pytest.FixtureRequest, pictures: Path
) -> None:
    page = seen.page
    page.screenshot(path=pictures / f"{request.node.callspec.id}.png", full_page=True)
    assert seen.complaints == []
    assert len(seen.requests) == 1, "the page asks for something beside itself"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, "the page is too wide"
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(CLASHES) == []
    violations = Axe().run(page)
    assert violations.violations_count == 0, violations.generate_report()


@pytest.mark.parametrize("name", pages.NAMES)
def test_it_prints_on_a4(browser: Browser, folder: Path, pictures: Path, name: str) -> None:
    page = browser.new_page()
    page.goto((folder / f"{name}.html").as_uri())
    path = pictures / f"{name}.pdf"
    page.pdf(path=path, prefer_css_page_size=True)
    page.close()
    printed = PdfReader(path)
    first, last = pages.SHEETS[name]
    assert first <= len(printed.pages) <= last
    for sheet in printed.pages:
        assert (round(sheet.mediabox.width), round(sheet.mediabox.height)) == (595, 842)
    text = " ".join(" ".join(sheet.extract_text() for sheet in printed.pages).split())
    for words in pages.WORDS[name]:
        assert words in text, words
    assert all(sheet.extract_text().strip() for sheet in printed.pages), "a sheet is empty"
