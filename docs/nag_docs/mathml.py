"""Equations, `$...$` and `$$...$$` in a page, as MathML."""

from __future__ import annotations

import re
from html import unescape

from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def with_mathml(html: str) -> str:
    """A page's HTML with each equation as MathML."""
    html = _BLOCK.sub(lambda found: f'<div class="equation">{convert(unescape(found[1]), display="block")}</div>', html)
    return _INLINE.sub(lambda found: convert(unescape(found[1])), html)
