"""A new certificate into a TLS Secret: its callers trust it first, then it is replaced, then its pods read it.

The private key is never in a plan: the step names the file that it is read from when it is applied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from k8srun.certificates.case import View, World, names, view_of, who
from k8srun.certificates.plans.authorities import Authority
from k8srun.certificates.plans.bundles import Replacement, replace_bundles
from k8srun.certificates.plans.injectors import injector_of, issuer_of
from k8srun.certificates.plans.remedy import Remedy, check_passes, joined
from k8srun.certificates.plans.restarts import restart_remedy
from k8srun.certificates.verification import verify
from k8srun.errors import InputError, RefusedError
from k8srun.kinds import SECRET
from k8srun.plan import Action, Step
from k8srun.snapshot import JsonObject
from k8srun.steps import ref
from k8srun.text import visible
from k8srun.x509 import Certificate

TLS = "kubernetes.io/tls"


@dataclass(frozen=True, slots=True)
class TlsPair:
    """A certificate and its key in local files.

    Attributes:
        certificate_path, key_path: the files; the key's is read by nobody but its owner.
        chain: the certificates in the first file, leaf first.
        key_sha256: the SHA-256 of the public key that belongs to the private one.
        authority: the CA that signed it, if it was given.
    """

    certificate_path: str
    key_path: str
    chain: tuple[Certificate, ...]
    key_sha256: str
    authority: Certificate | None = None

    @property
    def leaf(self) -> Certificate:
        return self.chain[0]


def find_secret(world: World, name: str) -> JsonObject:
    """The TLS Secret that `NAMESPACE/NAME` names. Raises InputError when there is none, or none of that type."""
    namespace, _, rest = name.partition("/")
    secret = world.snapshot.find(SECRET, rest, namespace)
    where = f"Secret {visible(name, limit=200)}"
    if secret is None:
        raise InputError(
            "there is no such Secret in what was read", where=where, do="Write NAMESPACE/NAME, and let Secrets be read."
        )
    if secret.get("type") != TLS:
        raise InputError(f"it is of type {visible(str(secret.get('type')), limit=80)}, not {TLS}", where=where)
    return secret


def callers_of(world: World, secret: JsonObject) -> tuple[View, ...]:
    """The webhooks, conversions and aggregated APIs whose service serves from the Secret."""
    served = f"Secret {secret['metadata']['namespace']}/{secret['metadata']['name']}, tls.crt"
    bundle = world.inventory.at(served)
    leaf = bundle.certificates[0] if bundle and bundle.certificates else None
    return tuple(
        view
        for view in world.views
        if view.connection.caller and (view.connection.place == served or (leaf is not None and view.leaf == leaf))
    )


def secret_remedy(world: World, secret: JsonObject, pair: TlsPair, cause: str = "") -> Remedy:
    """The steps that put a new pair into a TLS Secret.

    Raises:
        InputError: the pair cannot be used: it does not belong together, is not valid now, or lacks a name.
        RefusedError: cert-manager keeps the Secret, and would write its own certificate over it.
    """
    place = f"Secret {secret['metadata']['namespace']}/{secret['metadata']['name']}"
    keeper = issuer_of(secret)
    if keeper:
        raise RefusedError(
            f"cert-manager keeps it for Certificate {visible(keeper, limit=120)}, and would write over it",
            where=visible(place, limit=200),
            do="Have cert-manager issue it again: cmctl renew, or mend the Certificate's dnsNames.",
        )
    callers = callers_of(world, secret)
    _require_usable(pair, callers, world.now)
    parts = [*_trust_first(pair, callers, world, cause), _replaced(secret, place, pair, cause)]
    parts.append(restart_remedy(world.snapshot, secret, pair.leaf, cause))
    return joined(parts)


def _require_usable(pair: TlsPair, callers: tuple[View, ...], now: datetime) -> None:
    leaf, where = pair.leaf, pair.certificate_path
    if leaf.public_key_sha256 != pair.key_sha256:
        raise InputError(f"the certificate of {who(leaf)} belongs to another key", where=pair.key_path)
    if not leaf.not_before <= now <= leaf.not_after:
        dates = f"{leaf.not_before:%Y-%m-%d %H:%M} to {leaf.not_after:%Y-%m-%d %H:%M} UTC"
        raise InputError(f"the certificate of {who(leaf)} is valid from {dates}, not now", where=where)
    for view in callers:
        problems = _problems(view, pair, now)
        if problems:
            raise InputError(
                f"the API server would not accept it as {visible(view.connection.name, limit=200)}: {problems[0]}",
                where=where,
                do=f"It is valid for {names(leaf)}. Have one issued for the service's name, SERVICE.NAMESPACE.svc.",
            )


def _problems(view: View, pair: TlsPair, now: datetime) -> tuple[str, ...]:
    """What the API server would say of the pair as this caller; trusting its CA is a step of its own."""
    roots = (pair.authority or pair.chain[-1],)
    answer = verify(pair.leaf, roots=roots, intermediates=pair.chain[1:], name=view.connection.name, now=now)
    return tuple(problem.message for problem in answer.problems)


def _trust_first(pair: TlsPair, callers: tuple[View, ...], world: World, cause: str) -> Iterator[Remedy]:
    """The CA of the new certificate beside that of the old one, in every caller that does not trust it yet."""
    root = pair.authority or pair.chain[-1]
    wanted = []
    for view in callers:
        caller, trust = view.connection.caller, view.trust
        if caller is None or view_of(replace(view.connection, chain=pair.chain), world.now).trusted:
            continue
        kept = injector_of(caller.item)
        if kept:
            raise RefusedError(
                f"a controller writes the caBundle of {caller.place} ({kept.annotation}), and it does not hold the CA"
                f" of the new certificate, {who(root)}",
                do="Have the certificate issued by the CA that the controller injects.",
            )
        if pair.authority is None and not (root.is_ca or root.self_signed):
            raise InputError(
                f"{caller.place} does not trust who signed it, {visible(root.issuer, limit=120)}",
                where=pair.certificate_path,
                do="Give the CA that signed it too: ca_file.",
            )
        old = tuple(item for item in (trust.certificates if trust else ()) if item.not_after >= world.now)
        why = f"the new certificate of {view.connection.name} is signed by {who(root)}, and pods serve the old one too"
        wanted.append(Replacement(caller, Authority(root, pair.certificate_path), (*old, root), why))
    if wanted:
        yield replace_bundles(wanted, cause)


def _replaced(secret: JsonObject, place: str, pair: TlsPair, cause: str) -> Remedy:
    leaf = pair.leaf
    step = Step(
        Action.PATCH,
        f"{who(leaf)}, SHA-256 {leaf.sha256[:16]}…, valid until {leaf.not_after:%Y-%m-%d}, replaces what is there",
        ref(secret),
        from_files={"/data/tls.crt": pair.certificate_path, "/data/tls.key": pair.key_path},
        answers=cause,
        irreversible=(
            "The key that is replaced is in no plan, snapshot or journal: keep it before, in a file of mode 0600"
            f" (kubectl -n {ref(secret).namespace} get secret {ref(secret).name} -o yaml), to be able to put it back."
        ),
    )
    impact = f"{visible(place, limit=200)} holds another key and certificate from then on."
    return Remedy((step,), (impact,), (check_passes("CERT-IN-CLUSTER-EXPIRED"), check_passes("WEBHOOK-CA")))
