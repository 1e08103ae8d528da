"""ServiceAccounts: what runs as each, who mounts a token, which tokens never end, and what each may do.

Source: kubernetes `plugin/pkg/admission/serviceaccount`, `pkg/controller/serviceaccount`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from k8srun.authorization.eks import IRSA
from k8srun.authorization.model import Binding
from k8srun.authorization.rbac import Rbac
from k8srun.authorization.takeovers import ACCOUNT_NAME, TOKEN_TYPE
from k8srun.authorization.whocan import account_of
from k8srun.kinds import SECRET, SERVICE_ACCOUNT
from k8srun.pods import PodTemplate, made_pods, workloads
from k8srun.snapshot import JsonObject, Snapshot, object_key

LAST_USED = "kubernetes.io/legacy-token-last-used"
INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"
_DEFAULT_LIFETIME = 3600  # seconds, of a projected token that names none
_CLOUD = {
    IRSA: "AWS role (IRSA)",
    "iam.gke.io/gcp-service-account": "Google service account",
    "azure.workload.identity/client-id": "Azure identity",
}


@dataclass(frozen=True, slots=True)
class TokenSecret:
    """A Secret with a token that does not end.

    Attributes:
        by_hand: no controller made it: the ServiceAccount does not list it.
        last_used: a date as the server notes it; empty where it never saw a use (or does not track them).
        invalid_since: since when the server refuses it; empty = it does not.
    """

    name: str
    by_hand: bool
    last_used: str = ""
    invalid_since: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """A workload or pod that runs as a ServiceAccount.

    Attributes:
        workload: `Deployment.apps shop/web`.
        automount: whether its pods get a token without asking: its own setting, else the account's, else yes.
        explicit: which of them set it: `pod`, `ServiceAccount` or `` (the default).
        projected: lifetimes in seconds of the tokens that it mounts by itself, each with its audience.
    """

    workload: str
    automount: bool
    explicit: str = ""
    projected: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """One ServiceAccount. `exists` is False where something runs as it or a binding names it, and it is not there."""

    namespace: str
    name: str
    exists: bool
    usages: tuple[Usage, ...] = ()
    bindings: tuple[Binding, ...] = ()
    tokens: tuple[TokenSecret, ...] = ()
    cloud: tuple[str, ...] = ()

    @property
    def from_elsewhere(self) -> tuple[Binding, ...]:
        """RoleBindings of other namespaces that name it."""
        return tuple(item for item in self.bindings if item.namespace not in ("", self.namespace))

    @property
    def idle_mounts(self) -> tuple[Usage, ...]:
        """Who gets a token that no binding makes good for anything beyond what everybody may."""
        return () if self.bindings else tuple(usage for usage in self.usages if usage.automount)

    def __str__(self) -> str:
        return f"ServiceAccount {self.namespace}/{self.name}"


Key = tuple[str, str]


def service_accounts(snapshot: Snapshot, rbac: Rbac) -> tuple[Account, ...]:
    """Every ServiceAccount that exists, is run as, or is named by a binding, in the order of namespace and name.

    What runs as it is told by the workloads and pods of the snapshot; tokens by its Secrets, if they were read.
    """
    items = {object_key(item): item for item in snapshot.of(SERVICE_ACCOUNT)}
    used: dict[Key, list[PodTemplate]] = {}
    named: set[tuple[str, Key]] = set()
    for template in workloads(snapshot):
        used.setdefault(account_of(template), []).append(template)
        named.add((template.ref, account_of(template)))
    # Pods run on as what an older template said, or say of their owner what is not so.
    for ref, pod in made_pods(snapshot):
        if (ref, account_of(pod)) not in named:
            used.setdefault(account_of(pod), []).append(pod)
    bound: dict[Key, dict[Binding, None]] = {}
    for binding in rbac.bindings:
        for subject in binding.subjects:
            if subject.kind == "ServiceAccount" and subject.namespace:
                bound.setdefault((subject.namespace, subject.name), {})[binding] = None
    tokens = _tokens(snapshot, items)
    return tuple(
        Account(
            *key,
            exists=key in items,
            usages=tuple(_usage(template, items.get(key)) for template in used.get(key, ())),
            bindings=tuple(bound.get(key, ())),
            tokens=tuple(tokens.get(key, ())),
            cloud=_cloud(items.get(key)),
        )
        for key in sorted({*items, *used, *bound})
    )


def _usage(template: PodTemplate, account: JsonObject | None) -> Usage:
    own = template.spec.get("automountServiceAccountToken")
    general = (account or {}).get("automountServiceAccountToken")
    automount, explicit = True, ""
    if isinstance(own, bool):
        automount, explicit = own, "pod"
    elif isinstance(general, bool):
        automount, explicit = general, "ServiceAccount"
    return Usage(template.ref, automount, explicit, tuple(_projected(template.spec)))


def _projected(spec: Mapping[str, Any]) -> list[tuple[int, str]]:
    found = []
    for volume in _mappings(spec.get("volumes")):
        projected = volume.get("projected")
        for source in _mappings(projected.get("sources") if isinstance(projected, Mapping) else None):
            token = source.get("serviceAccountToken")
            # The volume that admission adds to every pod is the automounted one.
            if isinstance(token, Mapping) and not str(volume.get("name")).startswith("kube-api-access-"):
                seconds = token.get("expirationSeconds")
                lifetime = seconds if isinstance(seconds, int) else _DEFAULT_LIFETIME
                found.append((lifetime, str(token.get("audience") or "")))
    return found


def _tokens(snapshot: Snapshot, accounts: Mapping[Key, JsonObject]) -> dict[Key, list[TokenSecret]]:
    found: dict[Key, list[TokenSecret]] = {}
    for item in snapshot.of(SECRET):
        metadata = item.get("metadata") or {}
        account = (metadata.get("annotations") or {}).get(ACCOUNT_NAME)
        if item.get("type") != TOKEN_TYPE or not isinstance(account, str):
            continue
        namespace, name = object_key(item)
        listed = [entry.get("name") for entry in _mappings((accounts.get((namespace, account)) or {}).get("secrets"))]
        labels = metadata.get("labels") or {}
        token = TokenSecret(name, name not in listed, labels.get(LAST_USED) or "", labels.get(INVALID_SINCE) or "")
        found.setdefault((namespace, account), []).append(token)
    return found


def _cloud(account: JsonObject | None) -> tuple[str, ...]:
    annotations = ((account or {}).get("metadata") or {}).get("annotations") or {}
    return tuple(f"{what} {annotations[name]}" for name, what in _CLOUD.items() if name in annotations)


def _mappings(value: object) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
