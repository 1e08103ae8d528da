"""What a runbook must be able to read, derived from the questions that it asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from k8srun.assessment.checks import CHECKS
from k8srun.assessment.remedies import PLAN_NEEDS
from k8srun.assessment.symptoms import DIAGNOSIS_NEEDS
from k8srun.authorization.checks import CHECKS as AUTHORIZATION_CHECKS
from k8srun.authorization.denials.diagnosis import DIAGNOSIS_NEEDS as REFUSAL_NEEDS
from k8srun.certificates.checks import CHECKS as CERTIFICATE_CHECKS
from k8srun.certificates.needs import LIST_NEEDS
from k8srun.certificates.reviews import NEEDS as REVIEW_NEEDS
from k8srun.checks import Check
from k8srun.kinds import (
    API_SERVICE,
    CONFIG_MAP,
    CUSTOM_RESOURCE_DEFINITION,
    MUTATING_WEBHOOK,
    NAMESPACE,
    NODE,
    VALIDATING_WEBHOOK,
    VULNERABILITY_REPORT,
)
from k8srun.network.checks import CHECKS as NETWORK_CHECKS
from k8srun.network.needs import NEEDS as NETWORK_NEEDS
from k8srun.snapshot import Need
from k8srun.workloads.checks import CHECKS as WORKLOAD_CHECKS
from k8srun.workloads.diagnosis import DIAGNOSIS_NEEDS as WORKLOAD_NEEDS

_DISTRIBUTION_NEEDS = tuple(Need.objects(kind) for kind in (NODE, CONFIG_MAP, CUSTOM_RESOURCE_DEFINITION))


def _of_checks(checks: Iterable[Check]) -> tuple[Need, ...]:
    return tuple(dict.fromkeys(need for check in checks for need in check.reads))


# Method of the investigation → what its answer rests on. What is not here needs nothing of its own.
_QUESTIONS: Mapping[str, tuple[Need, ...]] = {
    "diagnose": DIAGNOSIS_NEEDS,
    **dict.fromkeys(
        ("certificates", "chains", "plot_certificates", "keys", "card", "verify", "roles", "connections", "flags"),
        DIAGNOSIS_NEEDS,
    ),
    "managed": LIST_NEEDS,
    **dict.fromkeys(("plan", "webhooks", "break_glass", "renewal", "replace_secret"), PLAN_NEEDS),
    "issue_certificate": (*REVIEW_NEEDS, Need.objects(NAMESPACE)),
    "requests": REVIEW_NEEDS,
    "evaluate_certificates": _of_checks(CERTIFICATE_CHECKS),
    "evaluate_authorization": _of_checks(AUTHORIZATION_CHECKS),
    **dict.fromkeys(
        (
            "can_i",
            "who_can",
            "permissions",
            "access_matrix",
            "plot_access",
            "attack_paths",
            "plot_attack_paths",
            "dangerous_grants",
            "roles_and_bindings",
            "service_accounts",
            "authenticators",
            "authorizers",
            "whoami",
            "unused_grants",
            "permission_changes",
            "diagnose_refusal",
            "access_request",
            "proposal",
            "token",
        ),
        REFUSAL_NEEDS,
    ),
    **dict.fromkeys(
        ("api_resources", "api_groups"), tuple(map(Need.objects, (CUSTOM_RESOURCE_DEFINITION, API_SERVICE)))
    ),
    "evaluate_workloads": _of_checks(WORKLOAD_CHECKS),
    **dict.fromkeys(
        (
            "troubles",
            "security_context",
            "pod_security",
            "plot_pod_security",
            "violations",
            "images",
            "check_images",
            "image_drifts",
            "pull_secrets",
            "ask_registry",
            "harden",
            "attach_pull_secret",
            "relabel",
            "drop_token",
            "resources",
        ),
        WORKLOAD_NEEDS,
    ),
    "vulnerabilities": (*WORKLOAD_NEEDS, Need.objects(VULNERABILITY_REPORT)),
    **dict.fromkeys(
        (
            "blocked",
            "allow",
            "reach",
            "policies",
            "policies_between",
            "connectivity",
            "exposed",
            "coverage",
            "network_plugin",
            "try_policy",
        ),
        NETWORK_NEEDS,
    ),
    **dict.fromkeys(("plot_connectivity", "plot_neighbourhood", "plot_path", "what_if"), NETWORK_NEEDS),
    "default_deny": (*NETWORK_NEEDS, *map(Need.objects, (VALIDATING_WEBHOOK, MUTATING_WEBHOOK, API_SERVICE))),
    "evaluate_network": _of_checks(NETWORK_CHECKS),
    "distribution": _DISTRIBUTION_NEEDS,
    "evaluate": _of_checks(CHECKS),
}


def needs_of(calls: Iterable[str]) -> frozenset[Need]:
    """The needs of the methods that a runbook calls on its investigation."""
    return frozenset(need for call in calls for need in _QUESTIONS.get(call, ()))
