"""Writing a node's files under a root folder, with the modes and times that they have on a node."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import yaml


class Tree:
    """A root folder and the absolute paths below it. Owners stay the builder's: only root could set others."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, path: str, mode: int = 0o755) -> Path:
        """Make a folder and those above it."""
        folder = self.root / path.lstrip("/")
        missing = [part for part in (folder, *folder.parents) if part.is_relative_to(self.root) and not part.exists()]
        for part in reversed(missing):
            part.mkdir()
            part.chmod(0o755)
        folder.chmod(mode)
        return folder

    def write(self, path: str, content: bytes | str, *, mode: int = 0o644, modified: datetime | None = None) -> None:
        """Write a file that was never readable by more than `mode` says; `modified` is its time of last change."""
        target = self.root / path.lstrip("/")
        if not target.parent.is_dir():
            self.folder(str(Path(path).parent))
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)
        if modified:
            os.utime(target, (modified.timestamp(), modified.timestamp()))

    def link(self, path: str, target: str) -> None:
        """A symbolic link, its target as written on the node."""
        (self.root / path.lstrip("/")).symlink_to(target)


# The same in C, where PyYAML was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def dump(document: object) -> str:
    """YAML as people write it: keys in their order, blocks rather than braces."""
    text: str = yaml.dump(document, Dumper=_DUMPER, sort_keys=False, width=1000)
    return text
