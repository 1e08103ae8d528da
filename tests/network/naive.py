# ruff: noqa: C901, PLR0911, PLR0917 - plain rather than elegant, so that it can be read against the API reference
"""A second evaluator of network policies, as slow and plain as the API reference: one connection at a time.

It reads the objects as they are and shares nothing with the package. A direction's outcome is the set of what may
happen, `{"allow"}`, `{"deny"}` or both; what is not known is tried both ways.
"""

from __future__ import annotations

import ipaddress

INVALID_CIDRS = ("10.0.0.0/33", "10.0.0.0", "ten", "fd00::/129")
INVALID_PORTS = (0, 70000, "No_Name", "80")
INVALID_OPERATOR = "Is"
BOTH = {"allow", "deny"}


class Naive:
    def __init__(self, cluster, external_blocks=False):
        self.cluster = cluster
        self.external_blocks = external_blocks
        self.namespaces = {item["metadata"]["name"]: item for item in cluster["namespaces"]}
        families = {ip.version for pod in cluster["pods"] for ip in addresses(pod)}
        self.families = sorted(families or {4})

    def verdict(self, source, destination, protocol, port):
        """`source` and `destination` are pods or addresses."""
        seen = []
        for family in self.families:
            if all(has_family(side, family) for side in (source, destination)):
                egress = self.direction("egress", source, destination, protocol, port, family)
                ingress = self.direction("ingress", source, destination, protocol, port, family)
                seen.append(combined(egress, ingress))
        if len(set(seen)) > 1 and any(isinstance(side, dict) and not addresses(side) for side in (source, destination)):
            return "unknown"  # it may have any of the families
        if "allowed" in seen:
            return "allowed"
        return "unknown" if "unknown" in seen else "denied"

    def direction(self, direction, source, destination, protocol, port, family):
        subject, other = (source, destination) if direction == "egress" else (destination, source)
        if not isinstance(subject, dict):
            return {"allow"}
        call = (direction, subject, other, destination, protocol, port, family)
        result, goes_on = set(), {"next"}
        for stage in (self.admin, self.network_policies, self.baseline):
            if "next" in goes_on:
                outcome = stage(*call)
                result |= outcome - {"next"}
                goes_on = outcome & {"next"}
        result |= {"allow"} if goes_on else set()
        if result != {"allow"} and self.own_node(subject, other):
            # No NetworkPolicy comes between a pod and its node; what the cluster-wide kinds mean for it is undefined.
            return result | {"allow"} if self.some_api_policy_is_about(direction, subject) else {"allow"}
        return result

    def own_node(self, pod, other):
        if isinstance(other, dict) or is_host(pod):
            return False
        nodes = [node for node in self.cluster["nodes"] if node["metadata"]["name"] == pod["spec"]["nodeName"]]
        return any(str(other) == entry["address"] for node in nodes for entry in node["status"]["addresses"])

    def some_api_policy_is_about(self, direction, pod):
        return any(
            item["spec"].get(direction) and self.api_pods(item["spec"]["subject"], pod) is not False
            for kind in ("anps", "banps", "cnps")
            for item in self.cluster[kind]
        )

    # The tiers that are asked in order

    def admin(self, *call):
        policies = [(item["spec"]["priority"], item, "ports") for item in self.cluster["anps"]]
        policies += [
            (item["spec"]["priority"], item, "protocols")
            for item in self.cluster["cnps"]
            if item["spec"]["tier"] == "Admin"
        ]
        return self.ranked(policies, *call)

    def baseline(self, *call):
        policies = [
            (item["spec"]["priority"], item, "protocols")
            for item in self.cluster["cnps"]
            if item["spec"]["tier"] == "Baseline"
        ]
        policies += [(1001, item, "ports") for item in self.cluster["banps"]]
        return self.ranked(policies, *call)

    def ranked(self, policies, *call):
        possible, undecided = set(), True
        for priority in sorted({priority for priority, _, _ in policies}):
            if not undecided:
                break
            same = [self.first_match(item, ports, *call) for rank, item, ports in policies if rank == priority]
            for outcome in same:
                possible |= outcome - {"none"}
            undecided = all("none" in outcome for outcome in same)
        # What was passed, and what no rule matched, goes on to the next tier.
        passed = "pass" in possible or undecided
        return (possible - {"pass"}) | ({"next"} if passed else set())

    def first_match(self, item, ports_field, direction, subject, other, destination, protocol, port, family):
        spec = item["spec"]
        if is_host(subject) or self.api_pods(spec["subject"], subject) is False:
            return {"none"}
        selected = self.api_pods(spec["subject"], subject)
        result = set()
        for rule in spec.get(direction) or []:
            action = {"Allow": "allow", "Accept": "allow", "Deny": "deny", "Pass": "pass"}[rule["action"]]
            peers = rule["from" if direction == "ingress" else "to"]
            if any(set(peer) == {"fromTheFuture"} for peer in peers) and action != "allow":
                matched, action = True, "deny"
            else:
                matched = any3(
                    all3(
                        self.api_peer(peer, other, family),
                        self.api_ports(rule.get(ports_field), peer, direction, destination, protocol, port),
                    )
                    for peer in peers
                )
            matched = all3(matched, selected)
            if matched is not False:
                result.add(action)
            if matched is True:
                return result
        return result | {"none"}

    def network_policies(self, direction, subject, other, destination, protocol, port, family):
        sure_isolated = maybe_isolated = sure = maybe = False
        for item in self.cluster["policies"]:
            spec = item["spec"]
            types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
            if item["metadata"]["namespace"] != subject["metadata"]["namespace"] or direction.title() not in types:
                continue
            selected = selector(spec.get("podSelector") or {}, pod_labels(subject), True)
            if broken_selector(spec.get("podSelector") or {}):
                selected = None
            if selected is False:
                continue
            maybe_isolated = True
            sure_isolated = sure_isolated or selected is True
            for rule in spec.get(direction) or []:
                matched = (
                    None
                    if rule is None
                    else self.np_rule(item, rule, direction, other, destination, protocol, port, family)
                )
                maybe = maybe or matched is not False
                sure = sure or (matched is True and selected is True)
        if not maybe_isolated:
            return {"next"}
        result = set()
        if is_host(subject) or is_host(other):
            maybe = True
        if maybe:
            result.add("allow")
        if not sure:
            result.add("deny")
        if not sure_isolated or is_host(subject):
            result.add("next")
        return result

    # What rules name

    def np_rule(self, item, rule, direction, other, destination, protocol, port, family):
        peers = rule.get("from" if direction == "ingress" else "to") or []
        if not peers:
            return self.np_ports(rule, True, destination, protocol, port)
        return any3(
            all3(
                self.np_peer(item, peer, other, family),
                self.np_ports(rule, direction == "ingress" or "ipBlock" not in peer, destination, protocol, port),
            )
            for peer in peers
        )

    def np_peer(self, item, peer, other, family):
        if any(broken_selector(peer[field]) for field in ("podSelector", "namespaceSelector") if field in peer):
            return None
        if "ipBlock" in peer:
            if peer["ipBlock"]["cidr"] in INVALID_CIDRS:
                return None
            if isinstance(other, dict) and (self.external_blocks or is_host(other)):
                return False
            return self.in_block(peer["ipBlock"]["cidr"], peer["ipBlock"].get("except") or [], other, family)
        if not isinstance(other, dict) or is_host(other):
            return False
        if "namespaceSelector" not in peer:
            same = other["metadata"]["namespace"] == item["metadata"]["namespace"]
            return same and selector(peer["podSelector"], pod_labels(other), True)
        return all3(
            self.namespace(peer["namespaceSelector"], other),
            selector(peer.get("podSelector") or {}, pod_labels(other), True),
        )

    def np_ports(self, rule, names_resolve, destination, protocol, port):
        entries = rule.get("ports") or []
        return (
            any3(np_port(entry, names_resolve, destination, protocol, port) for entry in entries) if entries else True
        )

    def api_pods(self, peer, pod):
        if "namespaces" in peer:
            return self.namespace(peer["namespaces"], pod)
        return all3(
            self.namespace(peer["pods"].get("namespaceSelector") or {}, pod),
            selector(peer["pods"]["podSelector"], pod_labels(pod), True),
        )

    def api_peer(self, peer, other, family):
        if "namespaces" in peer or "pods" in peer:
            return isinstance(other, dict) and not is_host(other) and self.api_pods(peer, other)
        if "networks" in peer:
            return any3(self.in_block(cidr, [], other, family) for cidr in peer["networks"])
        if "nodes" in peer:
            return self.node(peer["nodes"], other, family)
        if "domainNames" in peer:
            return None if not isinstance(other, dict) else False
        return False

    def api_ports(self, entries, peer, direction, destination, protocol, port):
        resolves = direction == "ingress" or bool({"namespaces", "pods"} & set(peer))
        if not entries:
            return True
        return any3(api_port(entry, resolves, destination, protocol, port) for entry in entries)

    def namespace(self, wanted, pod):
        name = pod["metadata"]["namespace"]
        found = self.namespaces.get(name)
        labels = {**((found or {}).get("metadata", {}).get("labels") or {}), "kubernetes.io/metadata.name": name}
        return selector(wanted, labels, found is not None)

    def in_block(self, cidr, excepted, other, family):
        network = ipaddress.ip_network(cidr, strict=False)
        if network.version != family:
            return False
        address = address_in(other, family)
        if address is None:
            return True if network.prefixlen == 0 and not excepted and len(self.families) == 1 else None
        return address in network and all(address not in ipaddress.ip_network(hole, strict=False) for hole in excepted)

    def node(self, wanted, other, family):
        address = address_in(other, family)
        if address is None:
            return None if is_host(other) else False
        return any(
            selector(wanted, node["metadata"]["labels"], True)
            and str(address) in [entry["address"] for entry in node["status"]["addresses"]]
            for node in self.cluster["nodes"]
        )


def combined(egress, ingress):
    if egress == ingress == {"allow"}:
        return "allowed"
    return "denied" if {"deny"} in (egress, ingress) else "unknown"


def all3(*answers):
    if False in answers:
        return False
    return None if None in answers else True


def any3(answers):
    answers = list(answers)
    if True in answers:
        return True
    return None if None in answers else False


def addresses(pod):
    return [ipaddress.ip_address(entry["ip"]) for entry in pod["status"].get("podIPs") or []]


def address_in(side, family):
    if not isinstance(side, dict):
        return side
    return next((ip for ip in addresses(side) if ip.version == family), None)


def has_family(side, family):
    if not isinstance(side, dict):
        return side.version == family
    return not addresses(side) or address_in(side, family) is not None


def is_host(side):
    return isinstance(side, dict) and side["spec"].get("hostNetwork") is True


def pod_labels(pod):
    return pod["metadata"].get("labels") or {}


def broken_selector(wanted):
    return any(entry["operator"] == INVALID_OPERATOR for entry in wanted.get("matchExpressions") or [])


def selector(wanted, labels, complete):
    answers = [True]
    for key, value in (wanted.get("matchLabels") or {}).items():
        answers.append(labels[key] == value if key in labels else (False if complete else None))
    for entry in wanted.get("matchExpressions") or []:
        key, values = entry["key"], entry.get("values") or []
        if key not in labels and not complete:
            answers.append(None)
            continue
        answers.append({
            "In": key in labels and labels[key] in values,
            "NotIn": key not in labels or labels[key] not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }.get(entry["operator"]))  # fmt: skip
    return all3(*answers)


def declared(destination):
    if not isinstance(destination, dict):
        return []
    return [port for container in destination["spec"]["containers"] for port in container.get("ports") or []]


def np_port(entry, names_resolve, destination, protocol, port):
    wanted = entry.get("port")
    if wanted in INVALID_PORTS:
        return None
    if isinstance(wanted, str):
        return names_resolve and any(
            one.get("name") == wanted
            and one.get("protocol", "TCP") == entry.get("protocol", "TCP") == protocol
            and one["containerPort"] == port
            for one in declared(destination)
        )
    if entry.get("protocol", "TCP") != protocol:
        return False
    return wanted is None or wanted <= port <= entry.get("endPort", wanted)


def api_port(entry, resolves, destination, protocol, port):
    name = entry.get("namedPort") or entry.get("destinationNamedPort")
    if name:
        return resolves and any(
            one.get("name") == name and one.get("protocol", "TCP") == protocol and one["containerPort"] == port
            for one in declared(destination)
        )
    if "portNumber" in entry:
        given = entry["portNumber"]
        return (given.get("protocol", "TCP"), given["port"]) == (protocol, port)
    if "portRange" in entry:
        given = entry["portRange"]
        return given.get("protocol", "TCP") == protocol and given["start"] <= port <= given["end"]
    ((name, given),) = entry.items()
    wanted = given["destinationPort"]
    first, last = (wanted["number"],) * 2 if "number" in wanted else (wanted["range"]["start"], wanted["range"]["end"])
    return name.upper() == protocol and first <= port <= last
