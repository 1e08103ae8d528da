"""The live source against the real kube-apiserver: what the printed roles allow, and what x509 errors leave."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
import yaml

from k8srun.kinds import (
    CONFIG_MAP,
    CUSTOM_RESOURCE_DEFINITION,
    NAMESPACE,
    POD,
    RESOURCES,
    SECRET,
    SERVICE_ACCOUNT,
    Kind,
    Resource,
)
from k8srun.permissions import Tier, needs_of, role_for, role_of
from k8srun.snapshot import Area, GapReason, Need, Snapshot
from k8srun.sources import pages
from k8srun.sources.failure import ReadError
from k8srun.sources.live import read_live
from k8srun.sources.transport import ReadOnlyClient
from k8srun.tls import HandshakeOutcome
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.pki import Authority
from tests.live.definitions import serve

CANARY = "canary-4f1d0e-0123456789abcdef"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
# What every authenticated user may do by default: without these only the printed role is left.
DEFAULT_BINDINGS = ("system:basic-user", "system:discovery", "system:public-info-viewer")


def read(kubeconfig: Path, **options: object) -> Snapshot:
    return read_live(kubeconfig=str(kubeconfig), now=dt.datetime.now(dt.UTC), **options)


def pod(name: str) -> dict:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]}}


@pytest.fixture(scope="module")
def hardened(control_plane_binaries, tmp_path_factory):
    """A control plane of its own whose users may do nothing that a role does not grant, and that forgets in seconds."""
    forgetful = ["--etcd-compaction-interval=1s"]
    with ControlPlane(tmp_path_factory.mktemp("hardened"), apiserver_args=forgetful) as running:
        for name in DEFAULT_BINDINGS:
            status, _ = running.request("DELETE", f"{RBAC}/clusterrolebindings/{name}")
            assert status == 200
        # Of a kind that a server does not serve nothing is missing, whatever a role says.
        known = (resource for kind, resource in RESOURCES.items() if kind.group)
        serve(running, *(one for one in known if running.request("GET", one.path(one.versions[0]))[0] == 404))
        yield running


def grant(control_plane: ControlPlane, role: dict, user: str) -> None:
    """Create a role and bind it to a user, and wait until the authorizer has seen both."""
    name = f"{role['metadata']['name']}-{user}"
    control_plane.create(f"{RBAC}/clusterroles", {**role, "metadata": {"name": name}})
    control_plane.create(
        f"{RBAC}/clusterrolebindings",
        {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        },
    )
    # Every role of these tests has the rule of a marker, which is looked for until it holds.
    control_plane.wait_until("the role to be seen", lambda: control_plane.request("GET", "/logs", user=user)[0] != 403)


def marked(role: dict) -> dict:
    return {**role, "rules": [*role["rules"], {"nonResourceURLs": ["/logs"], "verbs": ["get"]}]}


class TestPermissions:
    @pytest.mark.parametrize("tier", Tier)
    def test_the_role_of_a_tier_is_enough_for_a_snapshot_without_a_gap(self, hardened, tier):
        user = f"reader-{tier}"
        grant(hardened, marked(role_of(tier)), user)
        snapshot = read(hardened.kubeconfig(user=user), needs=needs_of(tier))
        assert snapshot.gaps == ()
        assert (snapshot.server.username, bool(snapshot.server.uid)) == (user, True)
        assert needs_of(tier) <= snapshot.observed
        assert snapshot.find(SERVICE_ACCOUNT, "default", "kube-system")

    @pytest.mark.parametrize("number", range(len(role_of(Tier.SECRETS)["rules"])))
    def test_every_rule_of_the_role_is_needed(self, hardened, number):
        role = role_of(Tier.SECRETS)
        missing = role["rules"].pop(number)
        user = f"without-{number}"
        grant(hardened, marked(role), user)
        # A kind that the tool does not know is found by discovery, which the role allows, too.
        needs = needs_of(Tier.SECRETS) | {Need.objects(Kind("example.com", "Widget"))}
        snapshot = read(hardened.kubeconfig(user=user), needs=needs)
        assert snapshot.gaps != (), f"this rule is not needed: {missing}"
        assert all(gap.reason is GapReason.FORBIDDEN for gap in snapshot.gaps)
        for resource in missing.get("resources", ()):
            if resource != "selfsubjectreviews":
                kind = next(
                    kind
                    for kind, known in RESOURCES.items()
                    if known.plural == resource and kind.group in missing["apiGroups"]
                )
                assert snapshot.unmet(Need.objects(kind))[0].reason is GapReason.FORBIDDEN

    def test_every_verb_of_the_role_is_needed_for_single_kinds(self, hardened):
        needs = {Need.objects(POD)}
        grant(hardened, marked(role_for(needs, name="pods")), "pods-only")
        snapshot = read(hardened.kubeconfig(user="pods-only"), needs=needs)
        assert snapshot.gaps == ()
        assert snapshot.server.uid != ""

    def test_the_base_role_shows_no_secret_and_no_node(self, hardened):
        grant(hardened, marked({**role_of(Tier.BASE), "metadata": {"name": "again"}}), "base-again")
        for path in ("/api/v1/secrets", "/api/v1/nodes/n/proxy/configz", "/api/v1/namespaces/kube-system/secrets"):
            assert hardened.request("GET", path, user="base-again")[0] == 403
        snapshot = read(hardened.kubeconfig(user="base-again"), needs=needs_of(Tier.SECRETS))
        (gap,) = snapshot.gaps
        assert (gap.what, gap.reason) == ("Secret", GapReason.FORBIDDEN)
        assert 'User "base-again" cannot list resource "secrets"' in gap.detail
        assert "--namespace" in gap.detail

    def test_who_may_read_one_namespace_reads_that_and_the_rest_is_said(self, control_plane):
        namespace = control_plane.create_namespace()
        control_plane.create(f"/api/v1/namespaces/{namespace}/pods", pod("web"))
        control_plane.create(
            f"{RBAC}/namespaces/{namespace}/rolebindings",
            {
                "metadata": {"name": "viewer"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"dev-{namespace}"}],
            },
        )
        user = {"user": f"dev-{namespace}"}
        pods = f"/api/v1/namespaces/{namespace}/pods"
        control_plane.wait_until("the role to be seen", lambda: control_plane.request("GET", pods, **user)[0] == 200)
        kubeconfig = control_plane.kubeconfig(**user)
        needs = [Need.objects(POD), Need.objects(NAMESPACE)]

        limited = read(kubeconfig, needs=needs, namespaces=[namespace])
        assert limited.find(POD, "web", namespace)
        assert limited.namespaces == (namespace,)
        assert {gap.detail for gap in limited.gaps if gap.area is Area.OBJECTS} == {
            f"limited to namespaces {namespace}"
        }

        whole = read(kubeconfig, needs=needs)
        assert {gap.what for gap in whole.gaps if gap.reason is GapReason.FORBIDDEN} >= {"Pod", "Namespace"}
        assert not whole.of(POD)


class TestReading:
    def test_what_is_read_is_what_the_server_says_page_by_page(self, control_plane, monkeypatch):
        namespace = control_plane.create_namespace()
        names = [f"web-{number}" for number in range(7)]
        for name in names:
            control_plane.create(f"/api/v1/namespaces/{namespace}/pods", pod(name))
        monkeypatch.setattr(pages, "PAGE", 3)
        snapshot = read(control_plane.kubeconfig(), needs=[Need.objects(POD)], namespaces=[namespace])
        _, said = control_plane.request("GET", f"/api/v1/namespaces/{namespace}/pods")
        assert [item["metadata"]["name"] for item in snapshot.of(POD)] == names
        for ours, theirs in zip(snapshot.of(POD), said["items"], strict=True):
            assert ours["spec"] == theirs["spec"]
            assert (ours["apiVersion"], ours["kind"]) == ("v1", "Pod")
            for metadata in (ours["metadata"], theirs["metadata"]):
                del metadata["managedFields"]
            assert ours["metadata"] == theirs["metadata"]

    def test_the_administrator_reads_everything_and_learns_who_answered(self, control_plane):
        snapshot = read(control_plane.kubeconfig())
        assert snapshot.gaps == ()
        server = snapshot.server
        assert (server.url, server.username) == (control_plane.server, "kubernetes-super-admin")
        assert "system:masters" in server.groups
        assert server.version.startswith("v1.")
        assert server.uid == snapshot.find(NAMESPACE, "kube-system")["metadata"]["uid"]
        (seen,) = snapshot.endpoints
        assert (seen.outcome, seen.client_certificate != b"") == (HandshakeOutcome.COMPLETED, True)
        assert Need.endpoint() in snapshot.observed

    def test_a_secret_is_reduced_and_its_value_is_nowhere(self, control_plane):
        namespace = control_plane.create_namespace()
        control_plane.create(
            f"/api/v1/namespaces/{namespace}/secrets",
            {"metadata": {"name": "db"}, "stringData": {"password": CANARY}},
        )
        control_plane.create(
            f"/api/v1/namespaces/{namespace}/configmaps",
            {"metadata": {"name": "db"}, "data": {"DB_PASSWORD": CANARY, "host": "db.example"}},
        )
        needs = [Need.objects(SECRET), Need.objects(CONFIG_MAP)]
        snapshot = read(control_plane.kubeconfig(), needs=needs, namespaces=[namespace])
        assert snapshot.find(SECRET, "db", namespace)["data"]["password"]["type"] == "opaque"
        assert snapshot.find(CONFIG_MAP, "db", namespace)["data"]["host"] == "db.example"
        assert CANARY not in repr(snapshot)
        assert base64.b64encode(CANARY.encode()).decode() not in repr(snapshot)

    def test_a_place_in_a_list_that_the_server_has_forgotten_is_gone_on_from(self, hardened, monkeypatch):
        namespace = hardened.create_namespace()
        for number in range(5):
            hardened.create(f"/api/v1/namespaces/{namespace}/pods", pod(f"web-{number}"))
        ask, after, numbers, refused = ReadOnlyClient.begin_get, pages.Listing._after, itertools.count(), []

        def after_a_while(client: ReadOnlyClient, path: str, query: dict | None = None, **more: str) -> object:
            if query and "continue" in query and not refused:

                def is_forgotten() -> bool:  # while the cluster goes on
                    hardened.create(
                        f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": f"c-{next(numbers)}"}}
                    )
                    return hardened.request("GET", f"{path}?{urlencode(query)}")[0] == 410

                hardened.wait_until("the place to be forgotten", is_forgotten)
            return ask(client, path, query, **more)

        def noting(listing: pages.Listing, failure: ReadError, *rest: object) -> object:
            refused.append(failure)
            return after(listing, failure, *rest)

        monkeypatch.setattr(pages, "PAGE", 2)
        monkeypatch.setattr(ReadOnlyClient, "begin_get", after_a_while)
        monkeypatch.setattr(pages.Listing, "_after", noting)
        snapshot = read(hardened.kubeconfig(), needs=[Need.objects(POD)], namespaces=[namespace])

        assert [failure.status for failure in refused] == [410]
        assert refused[0].answer["metadata"]["continue"]
        assert [item["metadata"]["name"] for item in snapshot.of(POD)] == [f"web-{number}" for number in range(5)]
        assert {gap.detail for gap in snapshot.gaps} == {f"limited to namespaces {namespace}"}

    def test_a_custom_resource_is_read_where_its_definition_is_there(self, control_plane):
        widgets = Kind("example.com", "Widget")
        assert read(control_plane.kubeconfig(), needs=[Need.objects(widgets)]).gaps == ()
        serve(control_plane, Resource(Kind("example.com", "Widget"), "widgets", namespaced=True))
        path = "/apis/example.com/v1/namespaces/default/widgets"
        control_plane.wait_until(
            "the kind to be served",
            lambda: control_plane.request("POST", path, {"apiVersion": "example.com/v1", "kind": "Widget",
                                                         "metadata": {"name": "one"}})[0] == 201,
        )  # fmt: skip
        control_plane.wait_until(
            "discovery to list it",
            lambda: read(control_plane.kubeconfig(), needs=[Need.objects(widgets)]).of(widgets),
        )
        snapshot = read(control_plane.kubeconfig(), needs=[Need.objects(CUSTOM_RESOURCE_DEFINITION)])
        assert snapshot.find(CUSTOM_RESOURCE_DEFINITION, "widgets.example.com")

    def test_impersonation_is_what_the_kubeconfig_says(self, control_plane, tmp_path):
        document = yaml.safe_load(control_plane.kubeconfig().read_text())
        document["users"][0]["user"] |= {"as": "jane", "as-groups": ["dev", "ops"]}
        path = tmp_path / "as.conf"
        path.write_text(yaml.safe_dump(document))
        server = read(path, needs=[]).server
        assert (server.username, set(server.groups)) == ("jane", {"dev", "ops", "system:authenticated"})

    @pytest.mark.parametrize("way", ["token", "tokenFile", "exec"])
    def test_a_service_account_authenticates_by_its_token(self, control_plane, tmp_path, way):
        namespace = control_plane.create_namespace()
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
        token = control_plane.create(account, {"spec": {}})["status"]["token"]
        (tmp_path / "token").write_text(token)
        credential = {
            "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token},
        }  # fmt: skip
        (tmp_path / "credential.json").write_text(json.dumps(credential))
        plugin = {"apiVersion": credential["apiVersion"], "command": "cat", "args": [str(tmp_path / "credential.json")]}
        user = {"token": {"token": token}, "tokenFile": {"tokenFile": "token"}, "exec": {"exec": plugin}}[way]
        document = yaml.safe_load(control_plane.kubeconfig().read_text())
        document["users"][0]["user"] = user
        path = tmp_path / "account.conf"
        path.write_text(yaml.safe_dump(document))
        snapshot = read(path, needs=[], allow_exec=True)
        assert snapshot.server.username == f"system:serviceaccount:{namespace}:default"
        assert token not in repr(snapshot)
        if way != "exec":
            claims = snapshot.files[0].kubeconfig.resolve()[1].token_claims
            assert claims["sub"] == f"system:serviceaccount:{namespace}:default"


class TestX509Errors:
    """Nothing can be read, and what is needed for the cause is there: the kubeconfig, the handshake, the reason."""

    def evidence(self, kubeconfig: Path) -> Snapshot:
        snapshot = read(kubeconfig)
        assert snapshot.server is None
        assert snapshot.objects == {}
        assert snapshot.files[0].kubeconfig.resolve()[0].ca[0].is_certificate
        assert len(snapshot.gaps) == 1
        return snapshot

    def test_a_ca_rebuilt_under_the_same_name(self, control_plane):
        snapshot = self.evidence(control_plane.kubeconfig(ca=Authority("kubernetes").pair.certificate))
        assert snapshot.gaps[0].reason is GapReason.TLS
        assert "certificate verify failed" in snapshot.gaps[0].detail
        assert snapshot.endpoints[0].presented

    def test_an_address_that_the_certificate_lacks(self, control_plane):
        with control_plane.at_address("127.0.0.2") as url:
            snapshot = self.evidence(control_plane.kubeconfig(server=url))
            assert "IP address mismatch, certificate is not valid for '127.0.0.2'" in snapshot.gaps[0].detail
            assert snapshot.endpoints[0].host == "127.0.0.2"
            named = control_plane.kubeconfig(server=url, tls_server_name="kubernetes.default.svc")
            assert read(named, needs=[]).gaps == ()

    def test_an_expired_client_certificate(self, control_plane):
        yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        snapshot = self.evidence(control_plane.kubeconfig(user="jane", expires=yesterday))
        assert (snapshot.gaps[0].reason, snapshot.gaps[0].detail) == (GapReason.UNAUTHORIZED, "Unauthorized")
        assert snapshot.endpoints[0].client_certificate

    def test_a_client_certificate_of_another_authority(self, control_plane):
        snapshot = self.evidence(control_plane.kubeconfig(client_ca=Authority("kubernetes")))
        assert snapshot.gaps[0].reason is GapReason.UNAUTHORIZED
        assert snapshot.endpoints[0].client_ca_names
