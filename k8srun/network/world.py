"""A snapshot, read once for any number of questions about its network."""

from __future__ import annotations

from k8srun.network.addresses import Address
from k8srun.network.classes import used_labels
from k8srun.network.cluster import IpBlocks, Network, read_network
from k8srun.network.cni import Cni, detect
from k8srun.network.decision import Policies
from k8srun.network.pods import Pod
from k8srun.network.policy import Addresses
from k8srun.network.services import read_services
from k8srun.snapshot import Snapshot


class World:
    """A snapshot, read once for any number of questions."""

    def __init__(self, snapshot: Snapshot, *, ip_blocks: IpBlocks = IpBlocks.PODS) -> None:
        self.snapshot = snapshot
        self.network: Network = read_network(snapshot, ip_blocks=ip_blocks)
        self.policies = Policies(self.network)
        self.services = read_services(snapshot, self.network.pods)
        self.cni: Cni = detect(snapshot)
        self.pods = {(pod.namespace, pod.name): pod for pod in self.network.pods}
        self.pods_at: dict[Address, list[Pod]] = {}
        self.workloads: dict[tuple[str, str], dict[str, list[Pod]]] = {}
        for pod in self.network.pods:
            kind, _, name = pod.owner.partition("/")
            for address in pod.addresses:
                self.pods_at.setdefault(address, []).append(pod)
            self.workloads.setdefault((pod.namespace, name), {}).setdefault(kind, []).append(pod)
        self.told_apart_by = sorted(used_labels(self.network.policies)[False])
        rules = (rule for policy in self.network.policies for rules in policy.rules.values() for rule in rules)
        self.by_address = any(isinstance(peer, Addresses) for rule in rules for peer in rule.peers or ())
