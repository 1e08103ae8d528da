"""The port and address spaces, cut where any rule cuts them: within an atom all ports, or addresses, are alike."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from k8srun.network.addresses import LAST, METADATA_ADDRESSES, Address, Block, Family, parse_address
from k8srun.network.cluster import Network
from k8srun.network.pods import ContainerPort
from k8srun.network.policy import Addresses, Nodes, Peer, Policy, Rule
from k8srun.network.ports import LAST_PORT, PROTOCOLS, Connections, NamedPort, PortRange, Ranges, merged_ranges


def rules_of(policies: Iterable[Policy]) -> Iterator[Rule]:
    """Every rule of every direction."""
    return (rule for policy in policies for rules in policy.rules.values() for rule in rules)


def peers_of(policies: Iterable[Policy]) -> Iterator[Peer]:
    """Every peer that a rule names."""
    return (peer for rule in rules_of(policies) for peer in rule.peers or ())


class PortAtoms:
    """Sets of ports as the bits of a number, one bit an atom."""

    def __init__(self, network: Network) -> None:
        cuts: dict[str, set[int]] = {protocol: {1} for protocol in PROTOCOLS}
        names = set()
        for port in (port for rule in rules_of(network.policies) for port in rule.ports or ()):
            if isinstance(port, PortRange):
                cuts[port.protocol].update((port.first, port.last + 1))
            elif isinstance(port, NamedPort):
                names.add(port.name)
        self.names = frozenset(names)
        for pod in network.pods:
            for declared in pod.ports:
                if declared.name in names and declared.protocol in cuts:
                    cuts[declared.protocol].update((declared.number, declared.number + 1))
        self._atoms: list[tuple[str, int, int]] = []
        self._starts: dict[str, tuple[int, list[int]]] = {}
        for protocol in PROTOCOLS:
            starts = sorted(cut for cut in cuts[protocol] if 1 <= cut <= LAST_PORT)
            self._starts[protocol] = (len(self._atoms), starts)
            ends = (*(start - 1 for start in starts[1:]), LAST_PORT)
            self._atoms += [(protocol, first, last) for first, last in zip(starts, ends, strict=True)]
        self.all = (1 << len(self._atoms)) - 1
        self._connections: dict[int, Connections] = {}

    def mask(self, protocol: str, first: int, last: int) -> int:
        """The atoms of a range that one of the rules named, or of a single port."""
        if protocol not in self._starts:
            return 0
        offset, starts = self._starts[protocol]
        begin = offset + bisect_right(starts, first) - 1
        end = offset + bisect_right(starts, last)
        return (1 << end) - (1 << begin)

    def named(self, port: NamedPort, declared: Iterable[ContainerPort]) -> int:
        """The ports that a name means to a pod that declares these; none if it does not declare it."""
        mask = 0
        for one in declared:
            if one.name == port.name and port.protocol in {"", one.protocol}:
                mask |= self.mask(one.protocol, one.number, one.number)
        return mask

    def connections(self, mask: int) -> Connections:
        """The ports of a set, by protocol."""
        found = self._connections.get(mask)
        if found is None:
            found = self._connections[mask] = dict(self._ranges(mask))
        return found

    def _ranges(self, mask: int) -> Iterator[tuple[str, Ranges]]:
        chosen: dict[str, list[tuple[int, int]]] = {}
        for index, (protocol, first, last) in enumerate(self._atoms):
            if mask >> index & 1:
                chosen.setdefault(protocol, []).append((first, last))
        return ((protocol, merged_ranges(ranges)) for protocol, ranges in chosen.items())


class AddressAtoms:
    """The ranges of addresses that all rules treat alike, for the families that a network has."""

    def __init__(self, network: Network, beside: Iterable[Policy] = ()) -> None:
        cuts: dict[Family, set[int]] = {family: {0} for family in network.families}
        for block in _blocks(network, beside):
            if block.family in cuts:
                cuts[block.family].update((block.first, block.last + 1))
        self.blocks: list[Block] = []
        self._starts: dict[Family, tuple[int, list[int]]] = {}
        for family, chosen in cuts.items():
            starts = sorted(cut for cut in chosen if cut <= LAST[family])
            self._starts[family] = (len(self.blocks), starts)
            ends = (*(start - 1 for start in starts[1:]), LAST[family])
            self.blocks += [Block(family, first, last) for first, last in zip(starts, ends, strict=True)]

    def index(self, address: Address) -> int:
        """Which range an address falls into; -1 when the network does not have its family."""
        if address.family not in self._starts:
            return -1
        offset, starts = self._starts[address.family]
        return offset + bisect_right(starts, address.number) - 1

    def span(self, block: Block) -> range:
        """The ranges that make up a block that one of the rules named."""
        if block.family not in self._starts:
            return range(0)
        offset, starts = self._starts[block.family]
        return range(offset + bisect_right(starts, block.first) - 1, offset + bisect_right(starts, block.last))


def _blocks(network: Network, beside: Iterable[Policy]) -> Iterator[Block]:
    for text in METADATA_ADDRESSES:
        address = parse_address(text)
        if address:
            yield _single(address)
    by_nodes = False
    for peer in peers_of((*network.policies, *beside)):
        if isinstance(peer, Addresses):
            yield peer.block
            yield from peer.excepted
        by_nodes = by_nodes or isinstance(peer, Nodes)
    if by_nodes:
        yield from (_single(address) for node in network.nodes for address in node.addresses)


def _single(address: Address) -> Block:
    return Block(address.family, address.number, address.number)
