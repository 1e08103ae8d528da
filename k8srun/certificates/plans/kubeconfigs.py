"""Local kubeconfigs: the right CA, and https where http stands.

The file is rewritten by the plan and not by commands: the old one is kept beside it, what it was is tested first, and
it is taken back like every other step. That holds for a file of whoever plans; another host's is mended by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from k8srun import steps
from k8srun.certificates.case import Case, View, who
from k8srun.certificates.connection import KubeconfigUse
from k8srun.certificates.plans.authorities import authority_of, bundle_data
from k8srun.certificates.plans.remedy import Remedy, check_passes
from k8srun.certificates.shapes import at, mapping, text
from k8srun.jsonpatch import Operation, pointer
from k8srun.text import visible

_BROKEN = frozenset({"pem-missing", "pem-double-encoded", "pem-truncated"})
_CA_DATA = "certificate-authority-data"


def kubeconfig_remedy(case: Case, cause: str) -> Remedy | None:
    """The CA of the cluster into the kubeconfig that trusts another.

    Returns:
        None where no local kubeconfig is at fault, or where that CA is not at hand.
    """
    view = _at_fault(case, cause)
    use = view.connection.config if view else None
    if view is None or use is None:
        return None
    entry = _entry(case, use)
    authority = authority_of(view, case.world)
    if entry is None or authority is None:
        return None
    trusted = view.trust.certificates if view.trust and cause == "ca-rebuilt" else ()
    kept = (item for item in trusted if item.not_after >= case.now)  # other servers may still show what it signed
    operations = [_written(use, entry, bundle_data((*kept, authority.certificate)))]
    if "certificate-authority" in entry:
        # Embedded data wins over a file; one that is named as well would only mislead.
        operations.append({"op": "remove", "path": _path(use, "certificate-authority")})
    reason = (
        f"{who(authority.certificate)} (SHA-256 {authority.fingerprint}…, from {authority.place}) signed what"
        f" {visible(use.cluster.server, limit=200)} presents"
    )
    return _remedy(case, use, operations, reason, cause)


def https_remedy(case: Case, cause: str) -> Remedy | None:
    """https:// in place of http:// in a local kubeconfig; None where there is none."""
    view = case.server or case.client
    use = view.connection.config if view else None
    entry = _entry(case, use) if use else None
    if use is None or entry is None or not use.cluster.server.startswith("http://"):
        return None
    server = f"https://{use.cluster.server.removeprefix('http://')}"
    change: Operation = {"op": "replace", "path": _path(use, "server"), "value": server}
    return _remedy(case, use, [change], "the API server speaks TLS on this port", cause)


def _at_fault(case: Case, cause: str) -> View | None:
    """The connection whose kubeconfig trusts the wrong thing; of an unreadable CA, the first that has one."""
    own = case.server
    if cause in _BROKEN:
        return next(
            (
                view
                for view in (*((own,) if own else ()), *case.world.views)
                if view.connection.config and view.trust and not view.trust.readable
            ),
            None,
        )
    return own if own and own.connection.config and not own.trusted else None


def _entry(case: Case, use: KubeconfigUse) -> Mapping[str, Any] | None:
    """The cluster's entry as it stands in the file; None for a file that is not at hand here."""
    if use.file.host:
        return None
    entry = mapping(at(case.world.kubeconfigs.get(use.file.path), "clusters", use.cluster.name))
    # A snapshot of another machine may name a path that leads to another cluster here.
    return entry if text(entry.get("server")) == use.cluster.server else None


def _written(use: KubeconfigUse, entry: Mapping[str, Any], value: str) -> Operation:
    return {"op": "replace" if _CA_DATA in entry else "add", "path": _path(use, _CA_DATA), "value": value}


def _path(use: KubeconfigUse, field: str) -> str:
    return pointer("clusters", use.cluster.name, field)


def _remedy(case: Case, use: KubeconfigUse, operations: list[Operation], reason: str, cause: str) -> Remedy | None:
    path = use.file.path
    try:
        step = steps.kubeconfig(path, case.world.kubeconfigs[path], operations, reason, answers=cause)
    except ValueError:
        return None  # what stands there now looks secret: that is for a person to see
    return Remedy((step,), (), (check_passes("KUBECONFIG-CA"),))
