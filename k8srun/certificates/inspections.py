"""What each check of this domain looks at. A function takes the check, a snapshot and the time, and gives findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from k8srun.certificates.case import View, World, names, when, who
from k8srun.certificates.expectations import expected_names
from k8srun.certificates.inventory import Held, Holder, inventory
from k8srun.certificates.judges.files import key_pairs, missing_files
from k8srun.certificates.judges.trust import is_weakly_signed
from k8srun.certificates.judges.usages import is_short
from k8srun.certificates.roles import BY_ID
from k8srun.certificates.verification import ErrorKind
from k8srun.checks import Check, NotApplicable, Undecided
from k8srun.distribution import Distribution
from k8srun.findings import Evidence, Finding, Severity
from k8srun.snapshot import Snapshot

IN_CLUSTER = frozenset({Holder.SECRET, Holder.CA_BUNDLE})
_DATES = frozenset({ErrorKind.EXPIRED, ErrorKind.NOT_YET_VALID})


def expired(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Certificates past their end, each once, with every place that holds it."""
    for places in by_certificate(of_the_cluster(snapshot)):
        ended = places[0].certificate.not_after
        if ended < now:
            yield dated(check, places, f"{who(places[0].certificate)} expired at {when(ended)}")


def not_yet_valid(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    for places in by_certificate(of_the_cluster(snapshot)):
        begins = places[0].certificate.not_before
        if begins > now:
            yield dated(check, places, f"{who(places[0].certificate)} is not valid before {when(begins)}")


def expired_in_cluster(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Secrets and caBundles that hold an expired certificate."""
    held = (item for item in inventory(snapshot).held if item.bundle.holder in IN_CLUSTER)
    for places in by_certificate(held):
        ended = places[0].certificate.not_after
        if ended < now:
            yield dated(check, places, f"{who(places[0].certificate)} expired at {when(ended)}")


def chain(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """What one program of the control plane shows another, and clients the API server; dates have their own check."""
    views = [view for view in views_of(snapshot, now) if not view.connection.caller and not _of_kubeconfig_server(view)]
    judged = [view for view in views if view.verification and view.trust]
    if not judged:
        raise Undecided("no certificate was read together with the CA that it is held against")
    for view in judged:
        yield from _refused(check, view)


def kubeconfig_ca(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """What the API server serves, held against the CA that each kubeconfig trusts for it."""
    judged = [view for view in views_of(snapshot, now) if _of_kubeconfig_server(view) and view.trusted is not None]
    if not judged:
        raise Undecided("no kubeconfig was read together with what its server presents")
    for view in judged:
        use = view.connection.config
        if view.trusted is False and use and view.trust and view.leaf:
            trusted = ", ".join(who(item) for item in view.trust.certificates[:3]) or "nothing that could be read"
            yield check.finding(
                view.trust.place,
                f"its CA did not sign the certificate of {use.cluster.server}",
                view.trusts(f"trusted: {trusted}"),
                view.presents(f"{who(view.leaf)}, issued by {view.leaf.issuer}"),
                key=use.cluster.server,
            )


def webhook_ca(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Callers whose caBundle does not verify what their service serves."""
    views = [view for view in views_of(snapshot, now) if view.connection.caller]
    if not views:
        raise NotApplicable("no webhook, conversion or aggregated API is called over TLS with a service")
    for view in views:
        yield from _refused(check, view)


def apiserver_names(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """The names that clients use, which depend on the cluster's configuration."""
    found = inventory(snapshot)
    serving = found.of_role("apiserver")
    if not serving:
        raise Undecided("the API server's certificate was not read")
    wanted = expected_names(snapshot, found)
    for held in serving:
        own = {*(name.lower() for name in held.certificate.dns_names), *held.certificate.ip_addresses}
        for name, why in wanted.items():
            if name.lower() not in own:
                yield check.finding(
                    held.bundle.place,
                    f"{who(held.certificate)} is not valid for {name}, {why}",
                    Evidence(f"valid for {names(held.certificate)}", held.place),
                    key=name,
                )


def key_mismatch(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    pairs = list(key_pairs(inventory(snapshot)))
    if not any(pair.matches is not None for pair in pairs):
        raise Undecided("no certificate was read together with its private key's hash")
    for pair in pairs:
        if pair.matches is False:
            yield check.finding(
                pair.key.place,
                f"it does not belong to {who(pair.certificate.certificates[0])} beside it",
                Evidence(
                    f"public key of the certificate: {pair.certificate.certificates[0].public_key_sha256[:16]}…",
                    pair.certificate.place,
                ),
                Evidence(f"public key of the private key: {pair.key.keys[0].public_key_sha256[:16]}…", pair.key.place),
            )


def key_mode(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Files of a host that hold a private key and that others than their owner may read or write."""
    holding = {
        (bundle.host, bundle.path, bundle.place.partition(", ")[0]): bundle.mode
        for bundle in inventory(snapshot).bundles
        if bundle.path and bundle.keys
    }
    if not any(mode is not None for mode in holding.values()):
        raise Undecided("no file with a private key was read together with its mode")
    for (_host, _path, place), mode in holding.items():
        if mode is not None and mode & 0o077:
            severity = Severity.HIGH if mode & 0o007 else Severity.MEDIUM
            whom = "everybody" if mode & 0o007 else "its group"
            yield check.finding(
                place,
                f"a private key that {whom} on the host may open",
                Evidence(f"mode {mode:04o}", place),
                severity=severity,
            )


def weak(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    for places in by_certificate(inventory(snapshot).held):
        certificate = places[0].certificate
        reasons = []
        if is_weakly_signed(certificate) and not certificate.self_issued:
            reasons.append(f"is signed with {certificate.signature_algorithm}")
        if is_short(certificate):
            reasons.append(f"has a key of type {certificate.key_type}")
        if reasons:
            yield dated(check, places, f"{who(certificate)} {' and '.join(reasons)}")


def flag_file_missing(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    found = inventory(snapshot)
    if not found.components:
        raise Undecided("no program's flags were read")
    for program, flag, path in missing_files(snapshot, found):
        yield check.finding(
            program.place,
            f"{program.program} is told to use {path}, which is not there",
            Evidence(f"--{flag}={path}", program.place),
            key=flag,
        )


def unreadable(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Blocks that cannot be read, and kubeconfig fields whose content cannot."""
    for bundle in inventory(snapshot).bundles:
        for number, block in enumerate(bundle.broken):
            line = f", line {block.line}" if block.label else ""
            yield check.finding(
                bundle.place,
                f"{block.label or 'content'}{line}: {block.error}",
                Evidence(block.error, bundle.place),
                key=str(number),
            )


def of_the_cluster(snapshot: Snapshot) -> Iterator[Held]:
    return (item for item in inventory(snapshot).held if item.bundle.holder not in IN_CLUSTER)


def by_certificate(held: Iterable[Held]) -> list[list[Held]]:
    """Every certificate once, with all the places that hold it; the CAs first, since all below them goes with them."""
    groups: dict[str, list[Held]] = {}
    for item in held:
        groups.setdefault(item.certificate.sha256, []).append(item)
    return sorted(groups.values(), key=lambda places: not places[0].certificate.is_ca)


def dated(check: Check, places: list[Held], message: str, *, severity: Severity | None = None) -> Finding:
    """A finding on a certificate, at the place where it is at home: its file rather than what was seen of it."""
    home = next((item for item in places if item.role), places[0])
    role = BY_ID.get(home.role)
    facts = [Evidence(f"serial number {home.certificate.serial_hex}", home.place)]
    if role:
        facts.append(Evidence(f"{role.title}; without it: {role.affected}"))
    facts += [Evidence("the same certificate", item.place) for item in places if item is not home][:4]
    return check.finding(home.place, message, *facts, key=home.certificate.subject, severity=severity)


def views_of(snapshot: Snapshot, now: datetime) -> tuple[View, ...]:
    """Every connection of a snapshot with Go's answer to it."""
    return World(snapshot, now, Distribution("unknown")).views


def _of_kubeconfig_server(view: View) -> bool:
    return view.connection.usage == "server" and view.connection.config is not None


def _refused(check: Check, view: View) -> Iterator[Finding]:
    """What is wrong with a connection, dates apart: they have a check of their own."""
    for problem in view.problems:
        if problem.kind not in _DATES:
            yield check.finding(
                view.connection.place or view.connection.name,
                f"{view.connection.verifier or 'a client'} refuses it: {problem.message}",
                view.presents(f"{who(problem.certificate)}, issued by {problem.certificate.issuer}"),
                view.trusts("held against this bundle"),
                key=f"{problem.kind} {view.connection.verifier} {view.connection.name}",
            )
