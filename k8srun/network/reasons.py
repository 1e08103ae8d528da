"""Why a part of the map is unknown: the single question, asked for one of the ports concerned."""

from __future__ import annotations

from k8srun.network.addresses import Address, Block
from k8srun.network.connectivity import Why
from k8srun.network.decision import Policies, Verdict
from k8srun.network.matching import Side, described
from k8srun.network.pods import Pod
from k8srun.network.ports import Connections
from k8srun.network.question import flow

_COMMON = "it cannot be told from the snapshot"


def reasons(policies: Policies) -> Why:
    """The reason for pairs of the map, in the words of the single question."""

    def why(source: Pod | Block, destination: Pod | Block, ports: Connections) -> str:
        network = policies.network
        if network.doubts or network.layers:
            return "; ".join(network.doubts or network.layers)
        for protocol, ranges in ports.items():
            for first, _ in ranges:
                found = flow(policies, _side(source), _side(destination), protocol, first)
                unknowns = (*found.egress.unknowns, *found.ingress.unknowns)
                if found.verdict is Verdict.UNKNOWN and unknowns:
                    return "; ".join(dict.fromkeys(unknowns))
        missing = [described(side) for side in (source, destination) if isinstance(side, Pod) and not side.addresses]
        return f"the addresses of {' and '.join(missing)} are not in the snapshot" if missing else _COMMON

    return why


def _side(side: Pod | Block) -> Side:
    return side if isinstance(side, Pod) else Address(side.family, side.first)
