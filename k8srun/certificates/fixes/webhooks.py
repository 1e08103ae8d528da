"""Fixes of what a webhook, a conversion or an aggregated API serves: its certificate's names, dates and pods."""

from __future__ import annotations

from k8srun.certificates.case import Case, View
from k8srun.certificates.fixes.commands import quote
from k8srun.certificates.inventory import Holder
from k8srun.certificates.shapes import at, text
from k8srun.codec import encode
from k8srun.diagnosis import Fix
from k8srun.kinds import SECRET
from k8srun.snapshot import JsonObject

_PREFIX, _SUFFIX = "Secret ", ", tls.crt"


def served_secret(view: View, case: Case) -> tuple[str, str]:
    """Namespace and name of the TLS Secret that a service serves from; the name is empty where it was not read."""
    namespace = text(at(view.connection.caller.config, "service", "namespace")) if view.connection.caller else ""
    held = (
        item for item in case.inventory.held if item.bundle.holder is Holder.SECRET and item.certificate == view.leaf
    )
    places = (view.connection.place, *(item.bundle.place for item in held))
    place = next((place for place in places if place.startswith(_PREFIX) and place.endswith(_SUFFIX)), "")
    own, _, name = place.removeprefix(_PREFIX).removesuffix(_SUFFIX).partition("/")
    return (own, name) if name else (namespace, "")


def webhook_certificate(case: Case, summary: str) -> Fix:
    """The certificate issued again: by cert-manager where that keeps it, else from its CA, for a plan to put in."""
    view = case.server
    caller = view.connection.caller if view else None
    if view is None or caller is None:
        return Fix(summary)
    namespace, name = served_secret(view, case)
    secret = case.world.snapshot.find(SECRET, name, namespace) if name else None
    certificate = text(at(secret, "metadata", "annotations", "cert-manager.io/certificate-name"))
    if certificate:
        return Fix(
            f"{summary} (cert-manager keeps it: add the name to the Certificate's dnsNames if it lacks it, then renew)",
            _by_cert_manager(view, namespace, certificate, secret),
            f"in the namespace that {caller.place} calls",
        )
    return Fix(
        f"{summary} with its CA, and put it into the Secret that the service serves from",
        _by_openssl(view, namespace, name),
        f"where the CA's key is kept; then in the namespace that {caller.place} calls",
    )


def restart_pods(case: Case) -> tuple[str, ...]:
    """A rollout of what serves."""
    view = case.server
    caller = view.connection.caller if view else None
    namespace = text(at(caller.config, "service", "namespace")) if caller else ""
    service = text(at(caller.config, "service", "name")) if caller else ""
    quoted = quote(namespace or "NAMESPACE")
    return (
        (
            f"kubectl -n {quoted} get endpointslices -l kubernetes.io/service-name={quote(service or 'SERVICE')}"
            " -o jsonpath='{.items[*].endpoints[*].targetRef.name}'  # its pods"
        ),
        f"kubectl -n {quoted} rollout restart deployment NAME",
    )


def _by_cert_manager(view: View, namespace: str, certificate: str, secret: JsonObject | None) -> tuple[str, ...]:
    quoted, name = quote(namespace), quote(certificate)
    leaf, wanted = view.leaf, view.connection.name
    lacks = leaf is None or wanted not in leaf.dns_names
    patch = encode([{"op": "add", "path": "/spec/dnsNames/-", "value": wanted}]).decode()
    renew = f"kubectl -n {quoted} patch certificate {name} --type=json -p {quote(patch)}"
    return (
        *((renew,) if lacks else (f"cmctl renew -n {quoted} {name}",)),
        f"kubectl -n {quoted} wait --for=condition=Ready --timeout=120s certificate/{name}",
    )


def _by_openssl(view: View, namespace: str, name: str) -> tuple[str, ...]:
    wanted = view.connection.name
    present = view.leaf.dns_names if view.leaf else ()
    names = ",".join(f"DNS:{one}" for one in dict.fromkeys((wanted, *present)))
    stem = name or "webhook"
    made, extensions = quote(f"{stem}.csr"), f"-addext {quote(f'subjectAltName={names}')}"
    secret = f"secret={namespace or 'NAMESPACE'}/{name or 'NAME'}"
    return (
        (
            f"(umask 077; openssl req -new -newkey rsa:2048 -nodes -keyout {quote(f'{stem}.key')}"
            f" -subj {quote(_subject(wanted))} {extensions} -addext extendedKeyUsage=serverAuth -out {made})"
        ),
        (
            f"openssl x509 -req -in {made} -CA CA.crt -CAkey CA.key -CAcreateserial -copy_extensions copyall -days 365"
            f" -out {quote(f'{stem}.crt')}"
        ),
        (
            f"k8srun run renew-certificates -p {quote(secret)} -p {quote(f'certificate_file={stem}.crt')}"
            f" -p {quote(f'key_file={stem}.key')} -p ca_file=CA.crt --context"
        ),
    )


def _subject(name: str) -> str:
    """The -subj of openssl, which ends a value at a slash that is not escaped."""
    return "/CN=" + name.replace("\\", "\\\\").replace("/", "\\/")
