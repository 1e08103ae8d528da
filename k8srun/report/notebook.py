"""The executed notebook as an HTML fragment: outputs and prose, no code, nothing that acts or loads."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import nh3
from nbconvert.exporters.html import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_notebook

from k8srun.text import visible

_TAGS = (
    "a abbr b blockquote br caption code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i kbd li ol p pre"
    " section span strong sub summary sup table tbody td tfoot th thead tr ul"
)
_ATTRIBUTES = {
    "*": {"class", "title"},
    "a": {"href"},
    "td": {"colspan", "rowspan", "data-sort"},
    "th": {"colspan", "rowspan", "scope"},
    "details": {"open"},
}


def body(path: Path) -> str:
    """The prose and outputs of a notebook, sanitized; images are embedded and keep their alternative text.

    Raises:
        OSError, nbformat.reader.NotJSONError: it cannot be read.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in map(_without_frame, notebook.cells) if cell is not None]
    html, _resources = _exporter().from_notebook_node(notebook)
    # What a library printed itself has not been through `visible`: no override or escape may reach the page.
    return "\n".join(visible(line, limit=len(line)) for line in str(html).split("\n"))


def prepare() -> None:
    """Load and compile what `body` needs, so that the first notebook does not wait for it."""
    _exporter().from_notebook_node(new_notebook(cells=[new_markdown_cell("# Title\n`code`")]))


@cache
def _exporter() -> HTMLExporter:
    return HTMLExporter(
        # `basic` has neither page nor script; unlike the lab template it writes the alternative text of images.
        template_name="basic",
        # nbconvert's own list of tags knows neither headings nor table sections, and escapes them.
        filters={"clean_html": clean},
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        embed_images=True,
        sanitize_html=True,
        mathjax_url="",
        require_js_url="",
        mermaid_js_url="",
        mermaid_layout_elk_js_url="",
    )


def clean(html: str) -> str:
    """HTML with the tags and attributes of prose and tables only; scripts and styles are gone with their content."""
    return nh3.clean(
        html,
        tags=set(_TAGS.split()),
        attributes=_ATTRIBUTES,
        clean_content_tags={"script", "style"},
        url_schemes={"http", "https"},
        link_rel="noreferrer",
    )


def _without_frame(cell: Any) -> Any:
    """The cell without what the report has of its own: the style sheet, the runner's injected parameters."""
    if "injected-parameters" in cell.metadata.get("tags", ()):
        return None
    if cell.cell_type == "code":
        cell.outputs = [output for output in cell.outputs if not _is_style(output)]
    return cell


def _is_style(output: Any) -> bool:
    return "".join(output.get("data", {}).get("text/html", "")).startswith("<style>")
