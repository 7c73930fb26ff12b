"""What every page has to be: as wide as its window, with names on its fields, readable (WCAG 2.2 AA)."""

from __future__ import annotations

from tests.browser.conftest import Visit


def check(browser: Visit, path: str) -> None:
    browser.open(path)
    page = browser.page
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
    assert page.locator("h1").count() == 1, path
    assert page.title().endswith("Cyoda"), path
    unnamed = page.evaluate(UNNAMED)
    assert unnamed == [], path
    faint = page.evaluate(FAINT)
    assert faint == [], path


UNNAMED = """
[...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a, img')]
  .filter(e => !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label') || e.hasAttribute('alt')))
  .map(e => e.outerHTML)
"""
"""Fields without a label; buttons and links without a text; pictures without an alternative."""

FAINT = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r, g, b].map((c, i) => (c * a + [x, y, z][i] * (255 - a)) / 255);
  const ground = e => {
    const layers = [];
    for (; e; e = e.parentElement) layers.unshift(rgba(getComputedStyle(e).backgroundColor));
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = c => c.map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const faint = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const box = e.getBoundingClientRect();
    if (!own || !box.width || box.right < 0 || ['SCRIPT', 'STYLE'].includes(e.tagName)) continue;
    const below = ground(e), text = over(rgba(getComputedStyle(e).color), below);
    const [a, b] = [light(text), light(below)].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) faint.push(e.outerHTML.slice(0, 120) + ' ' + ((a + .05) / (b + .05)).toFixed(2));
  }
  return faint;
})()
"""
"""Texts whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3)."""
