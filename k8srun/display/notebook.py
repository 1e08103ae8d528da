"""Showing things in a notebook: HTML for people, plain text where there is no HTML."""

from __future__ import annotations

from html.parser import HTMLParser

from IPython.display import display

from k8srun.display.html import fragment, style


def show(value: object, view: str = "") -> None:
    """Display a value of the vocabulary (or a tuple of them) below the cell."""
    show_html(fragment(value, view))


def show_style() -> None:
    """Put the style sheet into the page; once, at the start of a notebook."""
    display({"text/html": f"<style>{style()}</style>", "text/plain": ""}, raw=True)


def show_html(html: str) -> None:
    """Display a fragment made by this package (its strings are escaped)."""
    display({"text/html": html, "text/plain": as_text(html)}, raw=True)


class _Text(HTMLParser):
    """Our own fragments without their tags: what `jupyter console` or a log shows."""

    _BLOCKS = frozenset({"p", "h3", "tr", "li", "pre", "dd", "summary"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = [""]

    def handle_data(self, data: str) -> None:
        self.lines[-1] += data if data.strip() else " "

    def handle_endtag(self, tag: str) -> None:
        if tag in self._BLOCKS:
            self.lines.append("")
        elif tag in {"td", "th", "dt"}:
            self.lines[-1] += "  "


def as_text(html: str) -> str:
    """The text of one of our fragments, a line for each paragraph, row or entry."""
    parser = _Text()
    parser.feed(html)
    lines = (" ".join(line.split()) for block in parser.lines for line in block.splitlines())
    return "\n".join(line for line in lines if line)
