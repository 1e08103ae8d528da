"""How to name pods in a policy so that they are meant and nobody else: by the fewest labels, addresses only at last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from k8srun.network.addresses import Address
from k8srun.network.cluster import Network
from k8srun.network.labels import NAMESPACE_NAME
from k8srun.network.matching import Name, Side
from k8srun.network.pods import Pod

# Written by controllers: other pods of the same workload, or the same pod made anew, have other values.
_VOLATILE = frozenset(
    {
        *("pod-template-hash", "controller-revision-hash", "pod-template-generation", "controller-uid", "job-name"),
        *("statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"),
        *("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"),
        "batch.kubernetes.io/job-completion-index",
    }
)
_PREFERRED = ("app", "app.kubernetes.io/name", "k8s-app", "name", "app.kubernetes.io/instance",
              "app.kubernetes.io/component", "component", "role", "tier")  # fmt: skip
_MOST_TOGETHER = 3


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selector, and whom it means besides those that were wanted.

    Attributes:
        selector: a LabelSelector as the API has it.
        besides: other pods of the namespace that no label tells apart from the wanted ones.
    """

    selector: dict[str, Any]
    besides: tuple[Pod, ...] = ()


def identify(wanted: Sequence[Pod], network: Network) -> Chosen:
    """The simplest selector that means these pods of one namespace and no other pod there.

    One to three labels where that suffices; then all that they share, with `DoesNotExist` for what only others have.
    """
    first, ids = wanted[0], {pod.id for pod in wanted}
    others = [
        pod for pod in network.pods
        if pod.namespace == first.namespace and pod.id not in ids and not pod.host_network
    ]  # fmt: skip
    shared = _shared(wanted)
    for count in range(1, _MOST_TOGETHER + 1):
        for keys in combinations(shared, count):
            labels = {key: shared[key] for key in keys}
            if not any(_has(pod, labels) for pod in others):
                return Chosen({"matchLabels": labels})
    return _exact(wanted, others, shared)


def _shared(wanted: Sequence[Pod]) -> dict[str, str]:
    """The labels that all have alike, the telling ones first; those of controllers only where there are no others."""
    common = set(wanted[0].labels.values.items()).intersection(*(pod.labels.values.items() for pod in wanted[1:]))
    rank = {key: number for number, key in enumerate(_PREFERRED)}
    ordered = sorted(common, key=lambda label: (rank.get(label[0], len(rank)), label[0]))
    lasting = {key: value for key, value in ordered if key not in _VOLATILE}
    return lasting or dict(ordered)


def _exact(wanted: Sequence[Pod], others: Iterable[Pod], labels: dict[str, str]) -> Chosen:
    left = [pod for pod in others if _has(pod, labels)]
    ours = {key for pod in wanted for key in pod.labels.values}
    absent: list[str] = []
    besides = []
    for pod in left:
        if any(key in pod.labels.values for key in absent):
            continue
        key = next((key for key in sorted(pod.labels.values) if key not in ours), "")
        if key:
            absent.append(key)
        else:
            besides.append(pod)
    selector: dict[str, Any] = {"matchLabels": labels} if labels else {}
    if absent:
        selector["matchExpressions"] = [{"key": key, "operator": "DoesNotExist"} for key in absent]
    return Chosen(selector, tuple(besides))


def _has(pod: Pod, labels: dict[str, str]) -> bool:
    return all(pod.labels.values.get(key) == value for key, value in labels.items())


def peers(sides: Sequence[Side], namespace: str, network: Network) -> tuple[list[dict[str, Any]], tuple[Pod, ...]]:
    """The peers of a rule in a namespace's policy that mean these sides, and which pods they mean besides."""
    made: list[dict[str, Any]] = []
    besides: list[Pod] = []
    pods: dict[tuple[str, str], list[Pod]] = {}
    for side in sides:
        if isinstance(side, Pod) and not side.host_network:
            pods.setdefault((side.namespace, side.owner), []).append(side)
    for (of, _owner), members in sorted(pods.items()):
        chosen = identify(members, network)
        besides += chosen.besides
        elsewhere = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: of}}} if of != namespace else {}
        made.append({**elsewhere, "podSelector": chosen.selector})
    blocks = dict.fromkeys(address for side in sides for address in _addresses(side, network))
    made += [{"ipBlock": {"cidr": f"{address}/{32 if address.family == 4 else 128}"}} for address in blocks]
    unique = [peer for number, peer in enumerate(made) if peer not in made[:number]]
    wanted = {side.id for side in sides if isinstance(side, Pod)}
    return unique, tuple({pod.id: pod for pod in besides if pod.id not in wanted}.values())


def _addresses(side: Side, network: Network) -> Iterator[Address]:
    """Of what no label means: an address, and a pod that shares its node's."""
    if isinstance(side, Address):
        yield side
    elif isinstance(side, Pod) and side.host_network:
        node = next((node for node in network.nodes if node.name == side.node), None)
        yield from side.addresses or (node.addresses if node else ())


def unnameable(sides: Iterable[Side]) -> str:
    """The first side that a NetworkPolicy has no way to name; empty if there is none."""
    return next((side.name for side in sides if isinstance(side, Name)), "")
