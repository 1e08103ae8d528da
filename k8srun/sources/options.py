"""Which sources a snapshot is taken from. The same names serve the command line and the parameters of every runbook."""

from __future__ import annotations

from dataclasses import dataclass

from k8srun.errors import InputError

CURRENT_CONTEXT = "@current"
"""Value of `context` that stands for the kubeconfig's current context."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Everything that can be given; what is empty is not used. They combine into one snapshot.

    Attributes:
        snapshot: a saved snapshot.
        context: a live cluster by context; `CURRENT_CONTEXT` for the current one.
        kubeconfig: the kubeconfig file to use; alone, its current context is used.
        from_paths: manifests: files, folders, `-`.
        host_root: a node's files: a folder or a collected archive.
        endpoint: `HOST:PORT`.
        lab, incident: the embedded lab, and which incident of it.
        namespaces: read only these namespaces of a live cluster.
        allow_exec: let the exec plugin of a file given as `kubeconfig` run.
        secrets: read the Secrets of a live cluster too (reduced on reading); without it they are not asked for.
    """

    snapshot: str = ""
    context: str = ""
    kubeconfig: str = ""
    from_paths: tuple[str, ...] = ()
    host_root: str = ""
    endpoint: str = ""
    lab: bool = False
    incident: str = ""
    namespaces: tuple[str, ...] = ()
    allow_exec: bool = False
    secrets: bool = False

    @property
    def given(self) -> bool:
        """Whether there is anything to read."""
        return any((self.snapshot, self.live, self.from_paths, self.host_root, self.endpoint, self.lab))

    @property
    def live(self) -> bool:
        return bool(self.context or self.kubeconfig)

    def words(self) -> list[str]:
        """The options as they are typed, to be given once more."""
        switches = {"--lab": self.lab, "--allow-exec": self.allow_exec, "--secrets": self.secrets}
        values = [
            ("--incident", self.incident), ("--snapshot", self.snapshot), ("--kubeconfig", self.kubeconfig),
            ("--host-root", self.host_root), ("--endpoint", self.endpoint),
            *(("--from", path) for path in self.from_paths), *(("-n", name) for name in self.namespaces),
        ]  # fmt: skip
        words = [name for name, on in switches.items() if on]
        words += [word for pair in values if pair[1] for word in pair]
        named = [] if self.context == CURRENT_CONTEXT else [self.context]
        return [*words, "--context", *named] if self.context else words

    def require(self) -> None:
        """Raises InputError, naming the options, when no source was given or when they contradict each other."""
        if not self.given:
            raise InputError(
                "no source given",
                do="Say what to look at: --context [NAME], --snapshot FILE, --from PATH, --host-root DIR,"
                " --endpoint HOST:PORT, or --lab for the embedded lab.",
            )
        if self.lab and (self.snapshot or self.live or self.from_paths or self.host_root or self.endpoint):
            raise InputError(
                "--lab cannot be combined with another source",
                do="The lab is a cluster of its own: give one or the other.",
            )
        if self.incident and not self.lab:
            raise InputError("--incident goes with --lab", do="Add --lab, or leave --incident out.")
