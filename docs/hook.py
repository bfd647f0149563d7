"""Hook of mkdocs: adds the generated pages, expands the markers of pages and turns equations into MathML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from nag_docs.api import api_pages
from nag_docs.layers import picture_of_layers
from nag_docs.markers import expand
from nag_docs.mathml import with_mathml


def on_config(config: Any) -> Any:
    """Adds the pages of the API to the navigation."""
    pages = list(api_pages())
    config.nav.append({"API": [{"Overview": pages[0]}, *({Path(page).stem: page} for page in pages[1:])]})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages of the API and the picture of the code."""
    for path, content in {**api_pages(), "images/layers.svg": picture_of_layers()}.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Expands `{{ table ... }}`, `{{ figure ... }}`, `{{ numbers ... }}` and `{{ example ... }}`."""
    return expand(markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Replaces equations by MathML, which browsers draw without a script."""
    return with_mathml(html)
