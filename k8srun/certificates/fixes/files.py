"""Fixes of what lies in files, Secrets and fields: pairs that do not fit, PEM that cannot be read, missing files."""

from __future__ import annotations

from k8srun.certificates.case import Case
from k8srun.certificates.fixes.commands import (
    BACKUP,
    CONTROL_PLANE,
    make_missing,
    quote,
    reissue,
    restart,
)
from k8srun.certificates.inventory import Holder
from k8srun.certificates.judges.files import key_pairs, missing_files
from k8srun.certificates.roles import BY_ID
from k8srun.diagnosis import Fix
from k8srun.text import visible


def mend_pair(case: Case) -> Fix:
    """Find the key that fits, or make the pair again."""
    wrong = next((pair for pair in key_pairs(case.inventory) if pair.matches is False), None)
    certificate = wrong.certificate.path if wrong and wrong.certificate.path else "SERVER.crt"
    key = wrong.key.path if wrong and wrong.key.path else "SERVER.key"
    role = wrong.certificate.role if wrong else ""
    return Fix(
        "Put the key back that belongs to the certificate (both public keys hash alike), or make both again",
        (
            f"openssl x509 -in {quote(certificate)} -noout -pubkey | openssl sha256",
            f"openssl pkey -in {quote(key)} -pubout | openssl sha256",
            *(reissue(role, case.world.distribution) if _is_issued(role) else ()),
        ),
        CONTROL_PLANE if _is_issued(role) else "where the pair is kept",
    )


def mend_swapped(case: Case) -> Fix:
    """Certificate and key change places."""
    pairs = (pair for pair in key_pairs(case.inventory) if pair.certificate.keys and not pair.certificate.certificates)
    pair = next(pairs, None)
    if pair is None or not pair.certificate.path or not pair.key.path:
        return mend_content(case)
    certificate, key = quote(pair.certificate.path), quote(pair.key.path)
    away = quote(f"{pair.certificate.path}.swapped")
    role = pair.certificate.role
    return Fix(
        f"Put the PEM of certificate and key in each other's place: {visible(pair.certificate.place, limit=200)}",
        (
            BACKUP,
            f"sudo mv {certificate} {away} && sudo mv {key} {certificate} && sudo mv {away} {key}",
            f"sudo chmod 600 {key} && sudo openssl x509 -in {certificate} -noout -subject -dates",
            *(restart(BY_ID[role].program, case.world.distribution) if role in BY_ID else ()),
        ),
        f"on {visible(pair.certificate.host, limit=120)}" if pair.certificate.host else "where the pair is kept",
    )


def mend_content(case: Case) -> Fix:
    """Write the PEM itself where it belongs; what a kubeadm-like cluster issues itself is issued again."""
    broken = next((bundle for bundle in case.inventory.bundles if bundle.broken), None)
    place = visible(broken.place, limit=200) if broken else "the file, Secret or kubeconfig field"
    summary = f"Write the PEM itself to {place}: base64 once in data fields, whole blocks, each in its place"
    if broken is not None and broken.holder is Holder.FILE and _is_issued(broken.role):
        look = f"sudo openssl x509 -in {quote(broken.path)} -noout -subject -dates"
        return Fix(
            f"{summary}; from a backup, or issued again",
            (look, *reissue(broken.role, case.world.distribution)),
            CONTROL_PLANE,
        )
    secret = broken is not None and broken.holder is Holder.SECRET
    write = (
        "kubectl -n NAMESPACE create secret tls NAME --cert tls.crt --key tls.key --dry-run=client -o yaml"
        " | kubectl apply -f -"
        if secret
        else "openssl x509 -in FILE.crt -noout -subject -dates && openssl pkey -in FILE.key -noout"
    )
    return Fix(summary, (write,), "where it is kept")


def reissue_refused(case: Case) -> Fix:
    """Nothing can be mended in a certificate: it is issued again, without what Go does not accept."""
    refused = next((item for item in case.inventory.held if item.certificate.refused), None)
    reason = visible(refused.certificate.refused, limit=200) if refused else "what the message names"
    where = visible(refused.place, limit=200) if refused else "the certificate"
    role = refused.role if refused else ""
    path = quote(refused.bundle.path) if refused and refused.bundle.path else "FILE.crt"
    return Fix(
        f"Issue {where} again without what Go refuses ({reason}): kubectl, kubelets and the API server are Go programs;"
        " a key of RSA 2048 or on the curve P-256, a positive serial number, names in ASCII",
        (
            f"openssl x509 -in {path} -noout -text",
            *(reissue(role, case.world.distribution) if _is_issued(role) else ()),
        ),
        "where the certificate is issued",
    )


def restore_file(case: Case) -> Fix:
    """Put the file back, or mend the flag."""
    missing = next(iter(missing_files(case.world.snapshot, case.inventory)), None)
    path = missing[2] if missing else case.symptom.file or "FILE"
    return Fix(
        f"Put {visible(path, limit=200)} back from a backup, make it again, or mend the flag that names it",
        (f"sudo ls -l {quote(path)}", *make_missing(case.world.distribution)),
        CONTROL_PLANE,
    )


def _is_issued(role: str) -> bool:
    return role in BY_ID and BY_ID[role].path.endswith(".crt") and not BY_ID[role].is_authority
