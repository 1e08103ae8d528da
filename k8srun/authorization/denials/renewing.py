"""How each cause of a 401 is mended. A credential is never shown, and never passes through this tool's hands."""

from __future__ import annotations

from k8srun.authorization.attributes import Identity
from k8srun.authorization.denials.case import Case
from k8srun.authorization.fixes.commands import ADMIN, CLIENT, quote
from k8srun.diagnosis import Fix


def _account(case: Case) -> tuple[str, str]:
    user = case.world.client[1] if case.world.client else None
    subject = str((user.token_claims or {}).get("sub") or "") if user else ""
    return Identity(subject).service_account or ("NAMESPACE", "NAME")


def _create_token(case: Case) -> str:
    namespace, name = _account(case)
    return f"(umask 077; kubectl -n {quote(namespace)} create token {quote(name)} --duration=1h > token)"


def _use(case: Case) -> str:
    user = case.world.client[1] if case.world.client else None
    return f'kubectl config set-credentials {quote(user.name) if user else "USER"} --token="$(cat token)"'


def token(case: Case) -> Fix:
    return Fix(
        "Have a new token issued. Where it is to last, let a pod mount it (the kubelet renews it), or let the"
        " client ask"
        " for a new one by itself: a longer life is not the answer",
        (_create_token(case), _use(case)),
        f"{ADMIN}; then {CLIENT}",
    )


def clock(case: Case) -> Fix:
    return Fix("Set the clock right (NTP) where the token is made and on the control-plane nodes",
               ("timedatectl status  # synchronised?", "sudo systemctl restart chrony"),
               "on the node whose clock is wrong")  # fmt: skip


def account(case: Case) -> Fix:
    namespace, name = _account(case)
    return Fix(
        "If it is still wanted, create the ServiceAccount again and have a new token issued: old tokens stay"
        " invalid, and"
        " bindings that name it count again at once",
        (f"kubectl -n {quote(namespace)} create serviceaccount {quote(name)}", _create_token(case), _use(case)),
        ADMIN,
    )


def bound(case: Case) -> Fix:
    return Fix(
        "The token ended with the pod or Secret that it was bound to. Take the token from a running pod's own mount, or"
        " have one issued that is bound to nothing",
        (_create_token(case), _use(case)),
        ADMIN,
    )


def audience(case: Case) -> Fix:
    return Fix(
        "Use a token for the API server's audience: leave out --audience, or of a projected volume its audience. A"
        " token"
        " for another service is for that service",
        (_create_token(case), _use(case)),
        f"{ADMIN}; then {CLIENT}",
    )


def cluster(case: Case) -> Fix:
    return Fix(
        "Compare the cluster of the context with the one that issued the token, and have a token issued here. After a"
        " change of the signing key (sa.key) all tokens have to be issued anew: restart what mounts them",
        ("kubectl config view --minify", _create_token(case), _use(case)),
        CLIENT,
    )


def oidc(case: Case) -> Fix:
    return Fix(
        "Log in again, and compare issuer, client id and the claims for name and groups with the API server's settings"
        " (--oidc-issuer-url, --oidc-client-id, --oidc-username-claim, --oidc-groups-claim, or its"
        " AuthenticationConfiguration)",
        ("sudo grep oidc /etc/kubernetes/manifests/kube-apiserver.yaml", "kubectl auth whoami"),
        f"{CLIENT}; the settings on a control-plane node",
    )


def plugin(case: Case) -> Fix:
    user = case.world.client[1] if case.world.client else None
    command = quote(user.exec_command) if user and user.exec_command else "PLUGIN"
    return Fix(
        "Run the plugin by hand and log in again with the provider's tool",
        (
            f"command -v {command}",
            "aws sts get-caller-identity || gcloud auth list || az account show",
            "kubectl auth whoami",
        ),
        CLIENT,
    )  # fmt: skip


def static(case: Case) -> Fix:
    return Fix(
        "Use a client certificate, a ServiceAccount's token or the identity provider instead. Static tokens and"
        " passwords"
        " lie readable in a file, and change only with a restart of the API server",
        (_create_token(case), _use(case)),
        CLIENT,
    )


def credential(case: Case) -> Fix:
    commands = ("kubectl config view --minify", "kubectl config set-context --current --user=USER")
    return Fix("Give the context a user with a credential", commands, CLIENT)


def certificate(case: Case) -> Fix:
    command = "k8srun run x509-error -p error='error: You must be logged in to the server (Unauthorized)'"
    return Fix("Let the x509 runbook look at the certificate: its end, its CA, its usages", (command,), CLIENT)
