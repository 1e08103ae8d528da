"""What a name has to do with a failed connection: whether it exists, and whether DNS may be asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from shlex import quote

from k8srun.diagnosis import CauseStatus, Fix
from k8srun.findings import Evidence
from k8srun.kinds import NAMESPACE, SERVICE
from k8srun.network.cni import Enforcement
from k8srun.network.diagnosis_case import Case, Judged, service_name
from k8srun.network.diagnosis_fixes import commands, dns_service, resolving
from k8srun.network.obstacle import Obstacle
from k8srun.network.symptoms_catalogue import Failure
from k8srun.snapshot import Need
from k8srun.text import plural, visible

TITLES = {
    "no-such-service": "There is no Service of the name that is asked for",
    "dns-egress-closed": "The source may not ask DNS",
    "dns-not-ready": "The cluster's DNS is not ready",
    "service-selector-matches-nothing": "The Service's selector matches no pod",
    "service-without-endpoints": "The Service has no endpoints",
    "service-port-not-found": "The Service has no such port",
    "target-port-not-found": "The Service sends to a port that no container has",
    "pods-not-ready": "No pod behind the Service is ready",
    "port-not-declared": "No container declares the port that is asked for",
    "host-network": "The pod is on its node's network, where its labels do not count",
    "cni-agent-not-ready": "The network plugin's agent is not ready on a node of this connection",
    "cni-does-not-enforce": "The network plugin does not enforce policies",
    "no-policy-forbids": "No policy forbids this connection",
    "another-layer": "Another layer decides too, and is not evaluated",
    "nothing-listens": "Nothing listens on that port of the pod",
    "network-or-firewall": "Packets are dropped by something that is no policy: a firewall, a route, the MTU, a node",
    "no-kubeconfig": "kubectl uses no kubeconfig, and so asks a server on its own machine",
    "api-server-unreachable": "The API server is down, or cannot be reached from this machine",
    "overloaded": "The server accepts connections and answers too late, or not at all",
}
OF_NAMES = frozenset({Failure.DNS_TIMEOUT, Failure.DNS_FAILURE, Failure.NAME_NOT_FOUND})
NO_ANSWER = frozenset({Failure.TIMEOUT, Failure.PROXY_TIMEOUT, Failure.NO_ROUTE})


def judged_as(
    cause: str, status: CauseStatus, *facts: Evidence, fix: Fix | None = None, look_at: tuple[str, ...] = ()
) -> Judged:
    return Judged(cause, TITLES[cause], status, facts, fix, look_at)


def obstacle(case: Case, cause: str) -> Obstacle | None:
    found = case.answer.obstacles if case.answer else (case.end.obstacles if case.end else ())
    return next((one for one in found if one.id == cause), None)


def _exists(case: Case) -> bool:
    """Whether a name that was not found is a Service's: then the name server was not reached, or was asked wrongly."""
    source = case.ends.source.split("/")
    host = case.places.unresolved if case.failure is Failure.NAME_NOT_FOUND else ""
    meant = service_name(case.world, host, source[-2] if len(source) > 1 else "") if host else None
    return meant in case.world.services if meant else False


def enforced(case: Case) -> bool:
    return case.world.cni.enforcement is not Enforcement.INERT


def judge_names(case: Case) -> Iterator[Judged]:
    """Whether the name exists, and whether it could be asked for."""
    yield from _name(case)
    yield from _dns(case)


def _name(case: Case) -> Iterator[Judged]:
    host = case.places.unresolved
    source = case.ends.source.split("/")
    meant = service_name(case.world, host, source[-2] if len(source) > 1 else "") if host else None
    seen = Need.objects(SERVICE) in case.world.snapshot.observed
    if meant is None or not seen:
        if case.failure is Failure.NAME_NOT_FOUND:
            check = f"kubectl exec -n NAMESPACE POD -- nslookup {quote(visible(host or 'NAME', limit=200))}"
            yield judged_as("no-such-service", CauseStatus.OPEN, look_at=(check, "kubectl get services -A"))
        return
    if meant in case.world.services:
        yield judged_as(
            "no-such-service", CauseStatus.RULED_OUT, Evidence("it exists", f"Service {meant[0]}/{meant[1]}")
        )
        return
    namespace, name = (visible(part, limit=100) for part in meant)
    if namespace not in case.world.network.namespaces and Need.objects(NAMESPACE) in case.world.snapshot.observed:
        fact = Evidence(f"there is no namespace {namespace}", "the Namespace objects")
    else:
        fact = Evidence(f"there is no Service {name} in {namespace}", "the Service objects")
    status = CauseStatus.CONFIRMED if case.failure is Failure.NAME_NOT_FOUND else CauseStatus.OPEN
    yield judged_as("no-such-service", status, fact, fix=_other_name(case, meant))


def _other_name(case: Case, meant: tuple[str, str]) -> Fix:
    """The Services that are likeliest meant: with that port, then by the name's resemblance."""
    namespace, name = meant
    port = case.places.port

    def likeliness(service: tuple[str, str]) -> tuple[bool, bool, float]:
        ports = {one.number for one in case.world.services[service].ports}
        return service[0] == namespace, port in ports, SequenceMatcher(None, name, service[1]).ratio()

    ranked = sorted(case.world.services, key=likeliness, reverse=True)[:3]
    if not ranked:
        return Fix("Make the Service, or ask for one that exists")
    names = [f"{other}.{space}.svc" for space, other in ranked]
    return Fix(
        f"Ask for a Service that exists, likeliest {names[0]}" + (f"; else {', '.join(names[1:])}" if names[1:] else "")
    )


def _dns(case: Case) -> Iterator[Judged]:
    if case.failure and case.failure not in OF_NAMES and case.places.address:
        return  # the text names the address: DNS has answered
    found = obstacle(case, "dns-egress-closed")
    unanswered = case.failure is Failure.DNS_TIMEOUT or _exists(case)
    open_to = unanswered or case.failure is None or (found and found.blocks and case.failure in NO_ANSWER)
    if found:
        steps = resolving(case)
        summary = f"{found.do} " + "; ".join(step.reason for step in steps) if steps else found.do
        status = CauseStatus.CONFIRMED if open_to and enforced(case) else CauseStatus.OPEN
        fix = Fix(visible(f"{summary} (kube-dns: port 53)", limit=900), tuple(commands(steps)))
        yield judged_as("dns-egress-closed", status, Evidence(found.message, found.where), fix=fix)
    elif unanswered and case.start:
        fact = Evidence(f"{case.start.name} may ask the cluster's DNS, as far as policies go")
        yield judged_as("dns-egress-closed", CauseStatus.RULED_OUT if dns_service(case) else CauseStatus.OPEN, fact)
    elif unanswered:
        check = "k8srun run blocked-traffic -p source=NAMESPACE/POD"
        yield judged_as("dns-egress-closed", CauseStatus.OPEN, look_at=(check,))
    service = dns_service(case)
    if case.failure in OF_NAMES and service:
        down = [pod for pod in service.pods if pod.ready is False]
        if len(down) == len(service.pods):
            fact = Evidence(f"none of its {plural(len(down), 'pod')} is ready", service.resource)
            look = f"kubectl -n {quote(service.namespace)} describe pod {quote(down[0].name)}"
            yield judged_as("dns-not-ready", CauseStatus.CONFIRMED, fact, fix=Fix("Mend the cluster's DNS", (look,)))
        else:
            ready = Evidence(
                f"{len(service.pods) - len(down)} of {plural(len(service.pods), 'pod')} ready", service.resource
            )
            yield judged_as("dns-not-ready", CauseStatus.RULED_OUT, ready)
