"""Which authorizers an API server asks, in which order: from its flags or from its AuthorizationConfiguration.

Source: kubernetes `pkg/kubeapiserver/options/authorization.go`, `apiserver.config.k8s.io/v1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from k8srun.apiservers import ApiServer, api_servers
from k8srun.authorization.abac import Policy, read_policies
from k8srun.errors import InputError
from k8srun.snapshot import Snapshot

KNOWN = frozenset({"AlwaysAllow", "AlwaysDeny", "ABAC", "Node", "RBAC", "Webhook"})


@dataclass(frozen=True, slots=True)
class Authorizer:
    """One of the chain.

    Attributes:
        type: `Node`, `RBAC`, `ABAC`, `Webhook`, `AlwaysAllow`, `AlwaysDeny`.
        name: of a webhook of an AuthorizationConfiguration.
        policies: of ABAC; None where its file was not read.
        problem: why it cannot be evaluated although its kind could.
    """

    type: str
    name: str = ""
    policies: tuple[Policy, ...] | None = None
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.type} {self.name}" if self.name else self.type


@dataclass(frozen=True, slots=True)
class Modes:
    """The chain of an API server, and where that is written.

    Attributes:
        assumed: nothing told which modes there are, and RBAC alone is taken for them.
        problem: what was found and could not be read; the chain is unknown then.
        anonymous: whether requests without credentials are served as `system:anonymous`; None if unknown.
        flags: of the API server that told, without their dashes.
    """

    authorizers: tuple[Authorizer, ...]
    where: str = ""
    assumed: bool = False
    problem: str = ""
    anonymous: bool | None = None
    flags: Mapping[str, str] | None = None


_ASSUMED = Modes((Authorizer("RBAC"),), assumed=True)


def modes(snapshot: Snapshot) -> Modes:
    """The chain of the first API server whose flags the snapshot shows; RBAC is assumed where none does."""
    for server in api_servers(snapshot):
        flags = server.flags
        anonymous = flags.get("anonymous-auth", "true") != "false"
        if flags.get("authorization-config"):
            return _configured(snapshot, server, anonymous)
        # Without the flag the server allows everything.
        names = [name for name in flags.get("authorization-mode", "AlwaysAllow").split(",") if name]
        unknown = [name for name in names if name not in KNOWN]
        problem = f"--authorization-mode names {', '.join(unknown)}, which is no mode" if unknown else ""
        abac = _abac(snapshot, server)
        chain = tuple(abac if name == "ABAC" else Authorizer(name) for name in names)
        return Modes(chain, server.place, problem=problem, anonymous=anonymous, flags=flags)
    return _ASSUMED


def _configured(snapshot: Snapshot, server: ApiServer, anonymous: bool) -> Modes:
    file = server.file(snapshot, "authorization-config")
    path, flags = server.flags["authorization-config"], server.flags
    if file is None or file.document is None:
        why = file.error if file and file.error else "was not read"
        return Modes(
            (), path, problem=f"{path}, which --authorization-config names, {why}", anonymous=anonymous, flags=flags
        )
    found = file.document.get("authorizers")
    chain = []
    for item in found if isinstance(found, list) else ():
        kind = item.get("type") if isinstance(item, Mapping) else None
        if kind not in KNOWN:
            return Modes(
                (), file.place, problem=f"{file.place} has an authorizer that is none", anonymous=anonymous, flags=flags
            )
        name = str(item.get("name") or "")
        chain.append(Authorizer(kind, "" if kind == name else name.lower() if kind == "Webhook" else ""))
    problem = "" if chain else f"{file.place} names no authorizers"
    return Modes(tuple(chain), file.place, problem=problem, anonymous=anonymous, flags=flags)


def _abac(snapshot: Snapshot, server: ApiServer) -> Authorizer:
    path = server.flags.get("authorization-policy-file", "")
    file = server.file(snapshot, "authorization-policy-file") if path else None
    if file is None or file.text is None:
        return Authorizer("ABAC", problem=f"its policy file {path} was not read" if path else "it has no policy file")
    try:
        return Authorizer("ABAC", policies=read_policies(file.text, where=file.place))
    except InputError as error:
        return Authorizer("ABAC", problem=f"{error.where}: {error.what}")
