"""The checks that warn of what ends soon: of a CA earlier than of a leaf, since all below it goes with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from k8srun.certificates.case import when, who
from k8srun.certificates.inspections import IN_CLUSTER, by_certificate, dated, of_the_cluster
from k8srun.certificates.inventory import Held, inventory
from k8srun.certificates.managed import managed_certificates
from k8srun.checks import Check
from k8srun.errors import InputError
from k8srun.findings import Finding, Severity
from k8srun.hostfiles import Topic
from k8srun.kinds import (
    API_SERVICE,
    CUSTOM_RESOURCE_DEFINITION,
    MUTATING_WEBHOOK,
    SECRET,
    VALIDATING_WEBHOOK,
)
from k8srun.snapshot import Need, Snapshot

LEAF_DAYS = 30
CA_DAYS = 180
"""To replace a CA, both are trusted until every leaf is issued anew: that takes months, not days."""

_MOST_DAYS = 100 * 366
_KUBEADM = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/"
_CHECKLIST = "https://kubernetes.io/docs/concepts/security/security-checklist/"
_ROTATION = "https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/"
_IN_CLUSTER_KINDS = (SECRET, VALIDATING_WEBHOOK, MUTATING_WEBHOOK, CUSTOM_RESOURCE_DEFINITION, API_SERVICE)
_REPLACE_CA = f"A CA takes longest: trust the new one beside the old, then issue every leaf anew ({_ROTATION})."


@dataclass(frozen=True, slots=True)
class ExpiryWarning:
    """How long before its end a certificate is reported."""

    leaf: timedelta = timedelta(days=LEAF_DAYS)
    ca: timedelta = timedelta(days=CA_DAYS)

    @staticmethod
    def of_days(leaf: int, ca: int) -> ExpiryWarning:
        """The thresholds that a person gives as whole days.

        Raises:
            InputError: one is below zero or beyond a century.
        """
        for days, where in ((leaf, "soon_days"), (ca, "ca_soon_days")):
            if not 0 <= days <= _MOST_DAYS:
                raise InputError(f"{days} days", where=where, do=f"Give a number from 0 to {_MOST_DAYS}.")
        return ExpiryWarning(timedelta(days=leaf), timedelta(days=ca))

    def of(self, held: Held) -> timedelta:
        return self.ca if held.certificate.is_ca else self.leaf


def expiry_checks(warning: ExpiryWarning) -> tuple[Check, ...]:
    """The checks with these thresholds."""
    within = f"within {warning.leaf.days} days, and no CA within {warning.ca.days}"
    return (
        Check(
            "CERT-EXPIRES-SOON",
            f"No certificate of the control plane, its clients and its endpoints expires {within}",
            Severity.MEDIUM,
            (Need.host(Topic.PKI), Need.host(Topic.KUBECONFIG), Need.endpoint()),
            "Renew it before it ends (kubeadm certs renew NAME, or kubeadm upgrade), and restart what serves it."
            f" {_REPLACE_CA}",
            (_KUBEADM, _CHECKLIST, _ROTATION),
            partial(_expires_soon, warning),
        ),
        Check(
            "CERT-IN-CLUSTER-EXPIRES-SOON",
            f"No certificate in a TLS Secret or caBundle that nothing renews by itself expires {within}",
            Severity.MEDIUM,
            tuple(map(Need.objects, _IN_CLUSTER_KINDS)),
            "Have it issued again before it ends, and keep the caBundle of its callers in step; or let cert-manager"
            f" keep it. {_REPLACE_CA}",
            ("https://kubernetes.io/docs/concepts/configuration/secret/#tls-secrets", _ROTATION),
            partial(_in_cluster_soon, warning),
        ),
    )


def warned_by(checks: Iterable[Check], warning: ExpiryWarning) -> tuple[Check, ...]:
    """The same checks, those of what ends soon with these thresholds."""
    own = {check.id: check for check in expiry_checks(warning)}
    return tuple(own.get(check.id, check) for check in checks)


def _expires_soon(warning: ExpiryWarning, check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    return _ending(warning, check, by_certificate(of_the_cluster(snapshot)), now)


def _in_cluster_soon(warning: ExpiryWarning, check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    renewed = {
        one.secret_place
        for one in managed_certificates(snapshot)
        if one.ready and one.renewal is not None and one.renewal >= now
    }
    held = (item for item in inventory(snapshot).held if item.bundle.holder in IN_CLUSTER)
    left = [places for places in by_certificate(held) if not any(item.bundle.place in renewed for item in places)]
    return _ending(warning, check, left, now)


def _ending(
    warning: ExpiryWarning, check: Check, certificates: Iterable[list[Held]], now: datetime
) -> Iterator[Finding]:
    """What ends soon, the CAs first. A CA that leaves no more time than a leaf is worse than that."""
    for places in certificates:
        certificate, within = places[0].certificate, warning.of(places[0])
        if now <= certificate.not_after < now + within:
            days = (certificate.not_after - now).days
            urgent = certificate.is_ca and certificate.not_after < now + warning.leaf
            what = f"the CA {who(certificate)}" if certificate.is_ca else who(certificate)
            yield dated(
                check,
                places,
                f"{what} expires at {when(certificate.not_after)}, in {days} days",
                severity=Severity.HIGH if urgent else None,
            )
