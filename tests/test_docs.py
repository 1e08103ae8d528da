"""What the README, the documents and the notebooks tell people to type can be typed; what they point at is there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from k8srun.cli.main import cli
from k8srun.investigation.facade import Investigation
from k8srun.runner.prepare import prepare
from k8srun.sources.library import find_runbook, find_runbooks
from k8srun.sources.options import SourceOptions
from tests.test_house import NOTEBOOKS, ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```\w*\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
# What may follow a command on its line: a comment, an explanation after spaces, a pipe or a redirection.
REST = re.compile(r"\s+#.*|\s{2,}[a-zA-Z].*|\s(?:\||<|>)(?:\s.*|$)")
# The raw names of the source options in a parsed command, beside those of SourceOptions.
RENAMED = {"snapshot_file": "snapshot"}


def prose(path):
    if path.suffix == ".md":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown") + "\n"


def commands(text):
    """The words of each k8srun command of a text: what a person types, without output and without synopses."""
    for line in "\n".join(BLOCK.findall(text)).replace("\\\n", " ").splitlines():
        typed = re.search(r"^(?:\$ )?(?:[^#]*\| )?k8srun (\S.*)", line)
        if typed and not re.search(r" \[-|\w\|\w| \| \w+ (?:RUN )?\|", typed[1]):
            yield REST.sub("", typed[1])


TYPED = [
    pytest.param(command, id=f"{path.stem}: {command}")
    for path in (*PAGES, *sorted(NOTEBOOKS))
    for command in dict.fromkeys(commands(prose(path)))
]


def parsed(command):
    """The click context of the command's last word, with every option and argument checked but nothing run."""
    words = shlex.split(command)
    context, group = click.Context(cli, info_name="k8srun"), cli
    while True:
        name, found, words = group.resolve_command(context, words)
        context = found.make_context(name, list(words), parent=context)
        if not isinstance(found, click.Group):
            return context
        group, words = found, [*context._protected_args, *context.args]


def accept(command):
    """Raise what k8srun would say of a command that it does not take."""
    try:
        context = parsed(command)
    except click.BadParameter as error:
        assert "does not exist" in error.message  # noqa: PT017 - a file that the reader has, and this test has not
        return
    if context.command.name == "run":
        given = {RENAMED.get(name, name): value for name, value in context.params.items()}
        sources = SourceOptions(**{name: given[name] for name in SourceOptions.__dataclass_fields__})
        texts = dict(pair.partition("=")[::2] for pair in given["pairs"])
        prepare(find_runbook(given["runbook"]), texts=texts, sources=sources)


def test_commands_are_found_in_the_documents():
    assert len(TYPED) > 100


@pytest.mark.parametrize("command", TYPED)
def test_a_command_of_the_documents_is_one_that_k8srun_takes(command):
    accept(command)


def test_the_topics_name_only_what_there_is():
    text = (ROOT / "docs" / "topics.md").read_text()
    typed = re.findall(r"`k8srun ([^`]+)`", text)
    assert len(typed) > 30
    for command in typed:
        accept(command)
    for name, section in re.findall(r"`walkthrough/([a-z-]+)`(?:, section (\d+))?", text):
        taught = prose(Path(find_runbook(f"walkthrough/{name}").path))
        assert not section or re.search(rf"^## {section}\. ", taught, flags=re.MULTILINE), (name, section)
    questions = set(re.findall(r"run\.(\w+)\(", text))
    assert [name for name in questions if not hasattr(Investigation, name)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_link_leads_to_a_file_that_is_there(path):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", BLOCK.sub("", path.read_text()))
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_the_readme_lists_every_runbook_and_every_document():
    text = (ROOT / "README.md").read_text()
    ids = {f"{runbook.kind}/{runbook.id}" for runbook in find_runbooks()}
    assert set(re.findall(r"^\| \[(\w+/[a-z0-9-]+)\]", text, flags=re.MULTILINE)) == ids
    assert {path.name for path in PAGES[1:]} == set(re.findall(r"\(docs/([a-z0-9-]+\.md)\)", text))
