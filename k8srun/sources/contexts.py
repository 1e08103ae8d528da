"""Find the kubeconfig that kubectl would use and pick one context of it.

Source of the rules: client-go's `clientcmd` loading rules and `rest.InClusterConfig`. `KubeConfigLoader` of the
`kubernetes` package is not used: it leaves key material in temporary files until the process ends, runs exec plugins of
any file and without a timeout, ignores impersonation, and takes a quarter of a second to import.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from k8srun.errors import InputError
from k8srun.sources.kubeconfig import entries_of, read_regular_file, text_of
from k8srun.sources.yamlreader import read_documents
from k8srun.text import visible

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
IN_CLUSTER = "in-cluster"

# Of a cluster and of a user: what names a file, relative to the kubeconfig that says it.
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")

Entries = dict[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ChosenContext:
    """One context with its cluster and user.

    Attributes:
        name, namespace: of the context.
        cluster, user: the entries as the kubeconfig has them, with absolute paths; they hold secrets.
        path: the file that was read, or several as `$KUBECONFIG` lists them; empty in a pod.
        supplied: the file was named by the caller and is not one that kubectl would use by itself: it may be a
            stranger's.
    """

    name: str
    cluster_name: str
    user_name: str
    cluster: Mapping[str, Any] = field(repr=False)
    user: Mapping[str, Any] = field(repr=False)
    namespace: str = ""
    path: str = ""
    supplied: bool = False

    def document(self) -> dict[str, Any]:
        """A kubeconfig that holds this context alone, with its secrets."""
        context = {"cluster": self.cluster_name, "user": self.user_name, "namespace": self.namespace}
        return {
            "current-context": self.name,
            "clusters": [{"name": self.cluster_name, "cluster": self.cluster}],
            "users": [{"name": self.user_name, "user": self.user}],
            "contexts": [{"name": self.name, "context": context}],
        }


def choose_context(kubeconfig: str = "", context: str = "", *, environ: Mapping[str, str]) -> ChosenContext:
    """The context that kubectl would use.

    Args:
        kubeconfig: the file to use. Empty: those of `$KUBECONFIG`, else `~/.kube/config`, else, in a pod, its service
            account.
        context: its name; empty is the current one.
        environ: the environment: `KUBECONFIG`, `HOME`, `KUBERNETES_SERVICE_HOST` and `_PORT`.

    Raises:
        InputError: a file cannot be read, is no kubeconfig, or does not hold the context; the message names those that
            exist.
    """
    own = _own_files(environ)
    if kubeconfig:
        path = Path(kubeconfig).expanduser()
        supplied = path.resolve() not in {file.resolve() for file in own}
        return _choose((_load(path),), context, str(path), supplied=supplied)
    loaded = [_load(file) for file in own if file.exists()]
    if any(any(part.values()) for part in loaded):
        return _choose(loaded, context, os.pathsep.join(str(file) for file in own))
    if not context and environ.get("KUBERNETES_SERVICE_HOST"):
        return _in_cluster(environ)
    raise InputError(
        "no kubeconfig was found",
        where=", ".join(str(file) for file in own),
        do="Give one with --kubeconfig FILE, or look at something else: --snapshot, --from, --host-root, --lab.",
    )


def _own_files(environ: Mapping[str, str]) -> list[Path]:
    listed = [Path(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return listed or [Path(environ.get("HOME") or Path.home()) / ".kube" / "config"]


def _load(path: Path) -> dict[str, Any]:
    """The parts of one kubeconfig: entries by name with absolute paths, and the current context."""
    try:
        found = next(read_documents(read_regular_file(path), str(path)), None)
    except OSError as error:
        raise InputError(
            f"the kubeconfig cannot be read: {error.strerror}", where=str(path), do="Give another with --kubeconfig."
        ) from None
    if found is not None and found.error:
        raise InputError(f"the kubeconfig is malformed: {found.error}", do="kubectl cannot read it either.")
    document = found.value if found else {}  # kubectl takes an empty file for an empty kubeconfig
    if not isinstance(document, Mapping):
        raise InputError("not a kubeconfig: the document is no mapping", where=str(path))
    try:
        return {
            "clusters": _by_name(entries_of(document, "clusters", "cluster"), path),
            "users": _by_name(entries_of(document, "users", "user"), path),
            "contexts": _by_name(entries_of(document, "contexts", "context"), path),
            "current": text_of(document, "current-context"),
        }
    except InputError as error:
        raise InputError(error.what, where=str(path), do=error.do) from None


def _by_name(entries: Iterable[tuple[str, Mapping[str, Any]]], path: Path) -> Entries:
    found: Entries = {}
    for name, entry in entries:
        if name in found:
            raise InputError(f"the name {visible(name, limit=80)!r} is there twice", do="kubectl refuses that too.")
        found[name] = _with_absolute_paths(entry, path.absolute().parent)
    return found


def _with_absolute_paths(entry: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    paths: dict[str, Any] = {name: str(folder / text_of(entry, name)) for name in _PATHS if text_of(entry, name)}
    plugin = entry.get("exec")
    # A command without a slash is looked up in PATH, as kubectl does.
    if isinstance(plugin, Mapping) and "/" in text_of(plugin, "command"):
        paths["exec"] = {**plugin, "command": str(folder / text_of(plugin, "command"))}
    return {**entry, **paths}


def _choose(parts: Iterable[dict[str, Any]], context: str, path: str, *, supplied: bool = False) -> ChosenContext:
    merged: dict[str, Any] = {"clusters": {}, "users": {}, "contexts": {}, "current": ""}
    for part in parts:
        for name in ("clusters", "users", "contexts"):
            merged[name] = part[name] | merged[name]  # the first file that has a name wins, with its whole entry
        merged["current"] = merged["current"] or part["current"]
    name = context or merged["current"]
    if name not in merged["contexts"]:
        raise _unknown_context(name, merged["contexts"], path)
    found = merged["contexts"][name]
    cluster, user = text_of(found, "cluster"), text_of(found, "user")
    for what, wanted in (("cluster", cluster), ("user", user)):
        if wanted not in merged[f"{what}s"] and (wanted or what == "cluster"):
            raise InputError(
                f"the context {name!r} names the {what} {wanted!r}, which does not exist",
                where=path,
                do=f"It has: {_listed(merged[f'{what}s'])}.",
            )
    return ChosenContext(
        name=name,
        cluster_name=cluster,
        user_name=user,
        cluster=merged["clusters"][cluster],
        user=merged["users"].get(user, {}),
        namespace=text_of(found, "namespace"),
        path=path,
        supplied=supplied,
    )


def _unknown_context(name: str, contexts: Mapping[str, Any], path: str) -> InputError:
    what = f"there is no context {visible(name, limit=80)!r}" if name else "no current context is set"
    return InputError(what, where=path, do=f"Choose one with --context: {_listed(contexts)}.")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(visible(name, limit=80) for name in sorted(names)) or "none at all"


def _in_cluster(environ: Mapping[str, str]) -> ChosenContext:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT") or "443"
    return ChosenContext(
        name=IN_CLUSTER,
        cluster_name=IN_CLUSTER,
        user_name="service account",
        cluster={
            "server": f"https://{f'[{host}]' if ':' in host else host}:{port}",
            "certificate-authority": str(SERVICE_ACCOUNT / "ca.crt"),
        },
        user={"tokenFile": str(SERVICE_ACCOUNT / "token")},
    )
