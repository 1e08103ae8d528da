"""For whom a fault breaks something, since when, and who saw it: what an engineer asks first."""

from __future__ import annotations

from datetime import datetime

from k8srun.certificates.case import Case, View, when
from k8srun.certificates.entry import Party
from k8srun.certificates.fixes.servers import role_of
from k8srun.certificates.judges.clients import pending_requests
from k8srun.certificates.roles import BY_ID, SERVER
from k8srun.certificates.shapes import entries, text
from k8srun.certificates.wrappers import Side
from k8srun.kubeconfig import KubeconfigUser
from k8srun.text import plural, visible

# Faults of what one client trusts: others that trust something else are not hit.
_OF_ONE_BUNDLE = frozenset({"wrong-ca-bundle", "leaf-as-ca", "ca-not-configured", "http-scheme", "proxy-answered"})
_OF_ONE_CLIENT = frozenset(
    {
        "client-certificate-expired",
        "client-certificate-not-yet-valid",
        "client-certificate-of-another-ca",
        "client-certificate-not-sent",
        "client-certificate-usage",
    }
)


def affected(case: Case, cause: str) -> str:
    """The blast radius, as far as it is known; empty if it is not."""
    if cause == "clock-skew":
        return f"what runs on the host that printed the message{_component(case)}; other hosts are not concerned"
    if cause == "kubelet-serving-csr-pending":
        waiting = pending_requests(case)
        return f"kubectl logs, exec and top on {plural(len(waiting), 'node')}" if waiting else ""
    view = case.client if cause in _OF_ONE_CLIENT else case.server or case.client
    if view is None:
        return _by_text(case, role_of(case))
    if view.connection.caller:
        return _of_caller(view)
    if cause in _OF_ONE_CLIENT:
        return _of_client(view)
    return _of_server(case, view, cause)


def since(case: Case, cause: str) -> str:
    """Since when it is broken, as far as that can be told; empty if it cannot."""
    moment = _moment(case, cause)
    if moment is None or moment > case.now:
        return ""
    return f"{when(moment)} ({_ago(case.now, moment)})"


def seen_from(case: Case) -> str:
    """Who printed the message, and from where the evidence was taken: what a laptop sees, the API server may not."""
    wrapper = case.symptom.wrapper
    said = ""
    if case.symptom.spoken and wrapper.side is not Side.UNKNOWN:
        said = f"printed by the {wrapper.side} side{_component(case)}"
    view = case.server or case.client
    seen = view.connection.observation if view else None
    if seen:
        taken = f"the evidence is a handshake with {seen.address} from {seen.seen_from} at {when(seen.at)}"
    elif view and view.leaf:
        taken = f"the evidence was read from {view.connection.place}; no handshake was observed"
    else:
        taken = "no evidence but the text" if case.symptom.spoken else ""
    return "; ".join(part for part in (said, taken) if part)


def _moment(case: Case, cause: str) -> datetime | None:
    server, client = case.server, case.client
    if cause in {"client-certificate-expired", "kubelet-client-certificate-expired"} and client and client.leaf:
        return client.leaf.not_after
    if cause in {"certificate-expired", "process-not-restarted"} and server and server.leaf:
        return server.leaf.not_after
    if cause == "ca-expired":
        ended = [root.not_after for view in (server, client) if view for root in view.chain_roots]
        return min(ended) if ended else case.symptom.bound
    if cause == "ca-rebuilt" and server and server.top:
        made = [held.certificate.not_before for held in case.inventory.issuers_of(server.top)]
        return made[0] if made else None
    if cause.endswith("-expired"):
        return case.symptom.bound
    return None


def _ago(now: datetime, moment: datetime) -> str:
    days = (now - moment).days
    return (
        f"{plural(days, 'day')} ago" if days else f"{plural(int((now - moment).total_seconds() // 3600), 'hour')} ago"
    )


def _component(case: Case) -> str:
    return f" ({case.symptom.wrapper.component})" if case.symptom.wrapper.component else ""


def _of_caller(view: View) -> str:
    caller = view.connection.caller
    if caller is None:
        return ""
    if not caller.name:
        return f"whatever needs {caller.place}"
    webhook = next((item for item in entries(caller.item.get("webhooks")) if item.get("name") == caller.name), {})
    policy = text(webhook.get("failurePolicy")) or "Fail"
    outcome = "they are refused" if policy == "Fail" else "they pass unchecked"
    return f"requests that {caller.place} is called for: {outcome} (failurePolicy {policy})"


def _of_server(case: Case, view: View, cause: str) -> str:
    if cause in _OF_ONE_BUNDLE or cause == "ca-rebuilt":
        return _of_bundle(case, view, cause)
    role = BY_ID.get(view.connection.role)
    return role.affected if role else _by_text(case, "")


def _of_client(view: View) -> str:
    role = BY_ID.get(view.connection.role)
    if role:
        return role.affected
    if view.leaf:
        groups = (
            f" (groups {visible(', '.join(view.leaf.organizations), limit=200)})" if view.leaf.organizations else ""
        )
        return f"the user {visible(view.leaf.common_name, limit=200)}{groups} alone"
    user = view.connection.config.user if view.connection.config else None
    return f"the user {user.name} alone" if isinstance(user, KubeconfigUser) else ""


def _of_bundle(case: Case, view: View, cause: str) -> str:
    """Whoever holds this bundle; and how many others, that were read too, are fine."""
    place = view.trust.place if view.trust else view.connection.verifier
    holders = [place]
    if cause == "ca-rebuilt" and view.trust:
        old = view.trust.certificates
        holders += [other for root in old for other in case.inventory.places(root, besides=place)]
    more = f" and {plural(len(holders) - 1, 'other place')}" if len(holders) > 1 else ""
    fine = {
        other.trust.place
        for other in case.world.views
        if other.trusted and other.trust and other.connection.config and other.connection.usage == SERVER
    }
    rest = f"; the CA in {plural(len(fine), 'other place')} verifies it" if fine else ""
    return f"whoever trusts the CA in {place}{more}{rest}"


def _by_text(case: Case, role: str) -> str:
    if role:
        return BY_ID[role].affected
    wrapper = case.symptom.wrapper
    if wrapper.webhook:
        return f"requests that the webhook {wrapper.webhook} is called for"
    if wrapper.address and wrapper.side is Side.CLIENT and case.party is not Party.CLIENT:
        return f"whoever connects to {wrapper.address}"
    return ""
