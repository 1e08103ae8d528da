"""Fixes of what is trusted: CA bundles of kubeconfigs, webhooks and programs, and chains that are sent."""

from __future__ import annotations

from k8srun.certificates.callers import Caller
from k8srun.certificates.case import Case, View, who
from k8srun.certificates.fixes.commands import (
    CONTROL_PLANE,
    WORKSTATION,
    embed_authority,
    fetch_ca,
    quote,
    reissue,
    renew_same_key,
    renewal,
    restart,
    rotate_default_authority,
    set_ca,
)
from k8srun.certificates.fixes.webhooks import served_secret
from k8srun.certificates.inventory import Holder
from k8srun.certificates.roles import BY_ID
from k8srun.certificates.shapes import at, text
from k8srun.diagnosis import Fix
from k8srun.kinds import API_SERVICE, CUSTOM_RESOURCE_DEFINITION
from k8srun.snapshot import object_key

_READS_CA = ("kube-apiserver", "kube-controller-manager", "kubelet")
_SAME_KEY = (
    'openssl req -x509 -new -key ca.key -subj "$SUBJECT" -days 3650 -out ca-new.crt'
    " -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign"
)


def give_right_ca(case: Case) -> Fix:
    """The CA that signed the server's certificate, put where the wrong one stands."""
    view = case.server
    if view is None:
        return Fix(
            "Put the CA that signed the server's certificate where the client looks for it (certificate-authority-data,"
            " caBundle, or the file of a --*-ca-file flag)",
            fetch_ca(case.world.distribution),
        )
    if view.connection.caller:
        return _ca_bundle(case, view, view.connection.caller)
    use = view.connection.config
    if use is None:
        return _flag(case, view)
    return Fix(
        f"Put the cluster's ca.crt into the certificate-authority-data of cluster {use.cluster.name}",
        (*fetch_ca(case.world.distribution, _signer(case, view)), set_ca(use.cluster.name, use.file.path)),
        f"{WORKSTATION}: {use.file.place}",
    )


def ca_rebuilt(case: Case) -> Fix:
    """Which side is behind tells which way to mend it: the client's bundle, or the server's certificate."""
    view = case.server
    if view and server_is_behind(case):
        row = BY_ID[view.connection.role]
        return Fix(
            f"The trusted CA is the one on disk: issue {row.title} again from it, and restart {row.program}",
            reissue(view.connection.role, case.world.distribution),
            CONTROL_PLANE,
        )
    right = give_right_ca(case)
    return Fix(
        f"{right.summary}, and into every other kubeconfig that still holds the old CA; then issue the client "
        "certificates again that the old CA signed",
        right.commands,
        right.where,
    )


def server_is_behind(case: Case) -> bool:
    """Whether the client trusts the CA that the control plane keeps, and it is the server that shows another's."""
    view = case.server
    current = [held for held in case.inventory.of_role("ca") if held.bundle.holder is Holder.FILE]
    return bool(
        view and view.trust and view.connection.role and current and current[0].certificate in view.trust.certificates
    )


def send_intermediate(case: Case) -> Fix:
    """The server's file must hold the leaf and, after it, every intermediate."""
    view = case.server
    place = _file(view, case) or "SERVER.crt"
    return Fix(
        "Append the intermediate certificate to the server's certificate file, leaf first, and restart the server",
        (
            f"cat {quote(place)} INTERMEDIATE.crt > chain.crt",
            "openssl verify -CAfile ROOT.crt -untrusted INTERMEDIATE.crt chain.crt",
        ),
        "where the server's certificate is kept",
    )


def self_signed(case: Case) -> Fix:
    """A self-signed certificate has no CA: have one sign it, or, for a service of one's own, trust it itself."""
    view = case.server
    subject = who(view.leaf) if view and view.leaf else "the certificate"
    role = view.connection.role if view else ""
    if role in BY_ID and not BY_ID[role].is_kubeconfig:
        return Fix(
            f"Replace {subject} by one that the cluster's CA signed",
            reissue(role, case.world.distribution),
            CONTROL_PLANE,
        )
    return Fix(
        f"Replace {subject} by one that a trusted CA signed; or, to trust it alone, give it to the client as its CA",
        give_right_ca(case).commands,
        WORKSTATION,
    )


def mend_authority(case: Case) -> Fix:
    """A CA certificate that may not do what it is used for must be made again; with the same key, the leaves stay."""
    view = case.server or case.client
    authority = view.trust.place if view and view.trust else "the CA"
    return Fix(
        "Make the CA certificate again with the same key and with CA:TRUE, keyCertSign and constraints that allow what"
        f" it is used for, and hand it out in place of {authority}",
        (
            "openssl x509 -in ca.crt -noout -text | grep -A1 -E 'Basic Constraints|Key Usage|Name Constraints'",
            "SUBJECT=$(openssl x509 -in ca.crt -noout -subject -nameopt compat | sed 's/^subject=//')",
            _SAME_KEY,
        ),
        "where the CA's key is kept",
    )


def renew_authority(case: Case) -> Fix:
    """A CA that ended takes everything below it along. Made again with its key and its name, it vouches for all of it
    again: no leaf has to be issued anew, and whoever still trusts the old file only has to be given the new one."""
    if case.world.distribution.managed is True:
        summary, commands = renewal("ca", case.world.distribution)
        return Fix(summary, commands, CONTROL_PLANE)
    if case.world.distribution.name in {"k3s", "RKE2"}:
        summary = "Rotate the CA: the new one is signed by the old, so that both are trusted while they overlap"
        return Fix(summary, rotate_default_authority(case.world.distribution), CONTROL_PLANE)
    place = _file_of_authority(case) or BY_ID["ca"].path
    return Fix(
        "Make the CA certificate again with the same key and name, so that what it signed stays valid, and hand it out"
        " to every control-plane node, kubelet and kubeconfig",
        (
            *renew_same_key(place),
            *(command for program in _READS_CA for command in restart(program, case.world.distribution)),
            *embed_authority(place),
        ),
        CONTROL_PLANE,
    )


def _file_of_authority(case: Case) -> str:
    held = (item for item in case.inventory.of_role("ca") if item.bundle.holder is Holder.FILE)
    return next((item.bundle.path for item in held), "")


def mend_damaged(case: Case) -> Fix:
    """The bytes are not what was signed: take the certificate from where it was issued."""
    view = case.server
    role = view.connection.role if view else ""
    return Fix(
        "Put the certificate back from a backup, or issue it again",
        reissue(role, case.world.distribution) if role in BY_ID and not BY_ID[role].is_kubeconfig else (),
        CONTROL_PLANE,
    )


def _ca_bundle(case: Case, view: View, caller: Caller) -> Fix:
    namespace, service = text(at(caller.config, "service", "namespace")), text(at(caller.config, "service", "name"))
    name = object_key(caller.item)[1]
    path = f"/webhooks/{caller.number}/clientConfig/caBundle"
    if caller.kind is CUSTOM_RESOURCE_DEFINITION:
        path = "/spec/conversion/webhook/clientConfig/caBundle"
    elif caller.kind is API_SERVICE:
        path = "/spec/caBundle"
    patch = f'[{{"op":"replace","path":"{path}","value":"\'"$(base64 < ca.crt | tr -d "\\n")"\'"}}]'
    return Fix(
        f"Put the CA that signed the certificate of service {namespace}/{service} into the caBundle of {caller.place}"
        " (where cert-manager or a Helm chart writes it, mend that: it would put the old one back)",
        (
            *_fetched(case, view),
            f"kubectl patch {caller.kind.kind.lower()} {quote(name)} --type=json -p '{patch}'",
        ),
        "from a workstation with the right to change it",
    )


def _fetched(case: Case, view: View) -> tuple[str, ...]:
    """How to come by the CA as `ca.crt`: from the node's file that holds it, else from where issuers write it."""
    found = _signer(case, view)
    if found:
        return fetch_ca(case.world.distribution, found)
    namespace, secret = served_secret(view, case)
    words = f"kubectl -n {quote(namespace or 'NAMESPACE')} get secret {quote(secret or 'SECRET')}"
    return (f"{words} -o jsonpath='{{.data.ca\\.crt}}' | base64 -d > ca.crt",)


def _flag(case: Case, view: View) -> Fix:
    place = view.trust.place if view.trust else "the CA file"
    found = _signer(case, view)
    copy = (f"sudo cp {quote(found)} {quote(view.trust.bundle.path)}",) if found and view.trust else ()
    return Fix(
        f"Put the CA that signed the {view.connection.presenter or 'server'}'s certificate into {place}",
        copy or fetch_ca(case.world.distribution),
        CONTROL_PLANE,
    )


def _signer(case: Case, view: View) -> str:
    """The path of a file that holds the CA which did sign, if one was read."""
    if view.top is None:
        return ""
    files = (held.bundle.path for held in case.inventory.issuers_of(view.top) if held.bundle.holder is Holder.FILE)
    return next(files, "")


def _file(view: View | None, case: Case) -> str:
    if view is None or view.leaf is None:
        return ""
    return next(
        (
            held.bundle.path
            for held in case.inventory.held
            if held.bundle.holder is Holder.FILE and held.certificate == view.leaf
        ),
        "",
    )
