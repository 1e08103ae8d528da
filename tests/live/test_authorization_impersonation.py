"""What the engine asks for before an impersonation, against what a real kube-apiserver asks for."""

from __future__ import annotations

import ssl
from base64 import b64decode

import pytest
import urllib3
import yaml

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.escalation import constrained_impersonation_requests, impersonation_requests
from k8srun.authorization.reviews import review_of

RBAC = "/apis/rbac.authorization.k8s.io/v1"
LIST = Attributes("list", "", "configmaps", namespace="default")
PATH = "/api/v1/namespaces/default/configmaps"
JANE = Identity("authz-imp-jane", ("authz-imp-dev",))
ACCOUNT = Identity("system:serviceaccount:default:authz-imp")
NODE = Identity("system:node:authz-imp-node")
BOSS = Identity("authz-imp-jane", ("system:masters",))
MORE = {"Impersonate-Uid": "7", "Impersonate-Extra-Scopes": "view"}

# Whom, with which headers besides, and everything that the impersonator must be allowed.
CASES = {
    "user": (JANE, {}, impersonation_requests(JANE)),
    "extra": (JANE, MORE, impersonation_requests(JANE, uid="7", extra=("scopes",))),
    "account": (ACCOUNT, {}, impersonation_requests(ACCOUNT)),
    "masters": (BOSS, {}, impersonation_requests(BOSS)),
    "constrained-user": (JANE, {}, constrained_impersonation_requests(JANE, LIST)),
    "constrained-account": (ACCOUNT, {}, constrained_impersonation_requests(ACCOUNT, LIST)),
    "constrained-node": (NODE, {}, constrained_impersonation_requests(NODE, LIST)),
}
REFUSED = {
    "account-as-user": (ACCOUNT, {}, (Attributes("impersonate", "", "users", name=ACCOUNT.user),)),
    "groups-alone": (Identity("", JANE.groups), {}, impersonation_requests(JANE)[1:]),
    "constrained-masters": (BOSS, {}, constrained_impersonation_requests(BOSS, LIST)),
}


def grant(control_plane, name: str, user: str, asked: tuple[Attributes, ...]) -> None:
    rules = [
        {"verbs": [one.verb], "apiGroups": [one.group], "resources": [one.combined],
         **({"resourceNames": [one.name]} if one.name else {})}
        for one in asked
    ]  # fmt: skip
    control_plane.create(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    subjects = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}]
    body = {"metadata": {"name": name}, "roleRef": reference, "subjects": subjects}
    control_plane.create(f"{RBAC}/clusterrolebindings", body)


@pytest.fixture(scope="module")
def asking(control_plane, tmp_path_factory):
    """Everything granted to impersonators of their own; a function that lists ConfigMaps as one of them for another."""
    granted = [("authz-imp-held-user", JANE.user, (LIST,))]
    granted += [("authz-imp-held-account", ACCOUNT.user, (LIST,)), ("authz-imp-held-node", NODE.user, (LIST,))]
    for name, (_, _, asked) in (CASES | REFUSED).items():
        granted.append((f"authz-imp-{name}", f"authz-imp-{name}", asked))
        for without in range(len(asked) if name in CASES else 0):
            rest = (*asked[:without], *asked[without + 1 :])
            granted.append((f"authz-imp-{name}-{without}", f"authz-imp-{name}-{without}", rest))
    folder = tmp_path_factory.mktemp("impersonators")

    def ask(user: str, target: Identity, headers: dict[str, str]) -> tuple[int, str]:
        config = yaml.safe_load(control_plane.kubeconfig(user=user).read_text())
        entry, paths = config["users"][0]["user"], []
        for field in ("client-certificate-data", "client-key-data"):
            paths.append(folder / f"{user}-{field}")
            paths[-1].write_bytes(b64decode(entry[field]))
        context = ssl.create_default_context(cadata=control_plane.ca_pem.decode())
        context.load_cert_chain(*paths)
        sent = urllib3.HTTPHeaderDict(headers)
        for group in target.groups:
            sent.add("Impersonate-Group", group)
        if target.user:
            sent.add("Impersonate-User", target.user)
        with urllib3.PoolManager(ssl_context=context, retries=False) as pool:
            answer = pool.request("GET", control_plane.server + PATH, headers=sent)
            return answer.status, answer.data.decode()

    try:
        for name, user, asked in granted:
            grant(control_plane, name, user, asked)
        review = review_of(Identity(granted[-1][1]), granted[-1][2][0])
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        control_plane.wait_until("the authorizer", lambda: control_plane.create(path, review)["status"]["allowed"])
        yield ask
    finally:
        for name, _, _ in granted:
            for kind in ("clusterrolebindings", "clusterroles"):
                control_plane.request("DELETE", f"{RBAC}/{kind}/{name}")


@pytest.mark.parametrize("name", CASES)
def test_all_that_is_asked_for_lets_an_impersonation_pass_and_nothing_of_it_can_be_left_out(asking, name):
    target, headers, asked = CASES[name]

    assert asking(f"authz-imp-{name}", target, headers)[0] == 200
    for without in range(len(asked)):
        status, said = asking(f"authz-imp-{name}-{without}", target, headers)
        assert status == 403, (asked[without], said)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_way_to_impersonate_is_refused(asking, name):
    target, headers, _ = REFUSED[name]
    assert asking(f"authz-imp-{name}", target, headers)[0] in {400, 403, 500}
