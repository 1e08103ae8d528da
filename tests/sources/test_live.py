"""The live source against servers that behave as real ones do on bad days; tests/live has the real one."""

from __future__ import annotations

import base64
import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from k8srun.errors import InputError, RefusedError
from k8srun.hostfiles import Topic
from k8srun.kinds import CONFIG_MAP, DEPLOYMENT, NAMESPACE, NODE, POD, SECRET, Kind
from k8srun.permissions import Tier, needs_of
from k8srun.snapshot import Area, Gap, GapReason, Need, Snapshot
from k8srun.sources import contexts, exchange, target, transport
from k8srun.sources.live import observe_server, read_live
from k8srun.tls import HandshakeOutcome
from tests.controlplane.pki import Authority
from tests.sources.scripted import Answer, Script, answer, drop, error, hang, serving

CANARY = "canary-4f1d0e-0123456789abcdef"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VERSION = {"gitVersion": "v1.37.2", "platform": "linux/amd64"}
SELF = {"status": {"userInfo": {"username": "jane", "groups": ["dev", "system:authenticated"]}}}
FORBIDDEN = 'pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope'
PODS = "/api/v1/pods"


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch):
    monkeypatch.setattr(transport, "_FIRST_PAUSE", 0.01)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def api(**more: list[Answer]) -> dict[str, list[Answer]]:
    """The answers of an apiserver of one namespace; `more` are further ones by path."""
    return {
        "/version": [answer(VERSION)],
        "/apis/authentication.k8s.io/v1/selfsubjectreviews": [answer(SELF, 201)],
        "/api/v1/namespaces/kube-system": [answer({"metadata": {"name": "kube-system", "uid": "uid-1"}})],
        **more,
    }


def items(*names: str, following: str = "", **metadata: object) -> Answer:
    listed = [{"metadata": {"name": name, "namespace": "shop", **metadata}} for name in names]
    return answer({"kind": "PodList", "metadata": {"continue": following}, "items": listed})


def discovery(
    *kinds: tuple[str, str, str, str], stale: str = "", verbs: tuple[str, ...] = ("get", "list")
) -> dict[str, list[Answer]]:
    """Aggregated discovery of kinds as (group, version, plural, kind)."""

    def group(name: str, version: str, resources: list[dict]) -> dict:
        freshness = "Stale" if name == stale else "Current"
        return {
            "metadata": {"name": name},
            "versions": [{"version": version, "resources": resources, "freshness": freshness}],
        }

    groups: dict[str, list[dict]] = {"": [], "apps": []}
    for name, version, plural, kind in kinds:
        resource = {"resource": plural, "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": list(verbs)}
        groups.setdefault(name, []).append(group(name, version, [resource]))
    if stale:
        groups.setdefault(stale, []).append(group(stale, "v1", []))
    lists = {
        "/api": groups.pop(""),
        "/apis": [entry for entries in groups.values() for entry in entries],
    }
    return {path: [answer({"kind": "APIGroupDiscoveryList", "items": found})] for path, found in lists.items()}


@pytest.fixture
def read(tmp_path):
    """Reads kinds from a scripted server as a user with a token."""

    def run(script: Script, *kinds: Kind, timeout: float = 5, **options: object) -> Snapshot:
        return read_live(
            kubeconfig=str(write(tmp_path, script.url)),
            needs=[Need.objects(kind) for kind in kinds],
            now=NOW,
            timeout=timeout,
            **options,
        )

    return run


def write(folder: Path, server: str, user: dict | None = None, **cluster: object) -> Path:
    document = {
        "clusters": [
            {"name": "prod", "cluster": {"server": server, **cluster}},
            {"name": "other", "cluster": {"server": "https://other.example"}},
        ],
        "users": [{"name": "jane", "user": user or {"token": CANARY}}, {"name": "other", "user": {"token": "x"}}],
        "contexts": [
            {"name": "jane@prod", "context": {"cluster": "prod", "user": "jane"}},
            {"name": "other", "context": {"cluster": "other", "user": "other"}},
        ],
        "current-context": "jane@prod",
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    path.chmod(0o640)
    return path


def names(snapshot: Snapshot, kind: Kind = POD) -> list[str]:
    return [item["metadata"]["name"] for item in snapshot.of(kind)]


class TestWhatIsRead:
    @pytest.mark.parametrize("groups", [5, {"a": 1}, "dev"])
    def test_a_caller_of_a_wrong_shape_is_not_known(self, read, groups):
        answered = {"status": {"userInfo": {"username": "jane", "groups": groups}}}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        with serving(api(**{path: [answer(answered, 201)]})) as script:
            snapshot = read(script)
        assert snapshot.server.username == ""
        assert [(gap.what, gap.reason) for gap in snapshot.gaps] == [("caller", GapReason.MALFORMED)]

    def test_server_caller_and_objects(self, read):
        with serving(api(**{PODS: [items("web")]})) as script:
            snapshot = read(script, POD)
            assert {seen.path for seen in script.seen if seen.method != "POST"} == {
                "/version",
                f"{PODS}?limit=500",
                "/api/v1/namespaces/kube-system",
            }
        server = snapshot.server
        assert (server.url, server.version, server.platform, server.uid) == (
            script.url,
            "v1.37.2",
            "linux/amd64",
            "uid-1",
        )
        assert (server.username, server.groups) == ("jane", ("dev", "system:authenticated"))
        assert snapshot.of(POD) == (
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}},
        )
        assert Need.objects(POD) in snapshot.observed
        assert snapshot.gaps == ()
        assert (snapshot.taken_at, snapshot.origin) == (NOW, (f"context jane@prod ({script.url})",))
        assert not snapshot.lab

    def test_only_what_is_needed_is_asked_for(self, read):
        with serving(api(**{PODS: [items()], "/api/v1/secrets": [items()]})) as script:
            snapshot = read(script, POD)
            assert script.requests("/api/v1/secrets") == []
        assert snapshot.unmet(Need.objects(SECRET))[0].reason is GapReason.NOT_SUPPLIED

    def test_by_default_every_kind_but_secrets_is_asked_for(self, tmp_path):
        with serving(api()) as script:
            snapshot = read_live(kubeconfig=str(write(tmp_path, script.url)), now=NOW)
            asked = {seen.path.partition("?")[0] for seen in script.seen}
        assert {PODS, "/apis/apps/v1/deployments", "/api/v1/events"} <= asked
        assert "/api/v1/secrets" not in asked
        assert {need for need in snapshot.observed if need.area is Area.OBJECTS} == needs_of(Tier.BASE)

    def test_secrets_are_reduced_on_reading(self, read):
        secret = {"metadata": {"name": "db"}, "type": "Opaque", "data": {"password": "Y2FuYXJ5LTRmMWQwZQ=="}}
        with serving(api(**{"/api/v1/secrets": [answer({"metadata": {}, "items": [secret]})]})) as script:
            snapshot = read(script, SECRET)
        assert snapshot.of(SECRET)[0]["data"] == {"password": {"type": "opaque", "bytes": 13}}
        assert "Y2FuYXJ5" not in repr(snapshot)

    def test_who_changed_an_object_stays_and_which_fields_does_not(self, read):
        managed = [{"manager": "helm", "operation": "Update", "fieldsV1": {"f:spec": {}}}]
        with serving(api(**{PODS: [items("web", managedFields=managed, labels={"app": "web"})]})) as script:
            metadata = read(script, POD).of(POD)[0]["metadata"]
        assert metadata["managedFields"] == [{"manager": "helm", "operation": "Update"}]
        assert metadata["labels"] == {"app": "web"}

    def test_the_uid_of_the_cluster_is_taken_from_the_namespaces_where_they_are_read(self, read):
        listed = {"metadata": {}, "items": [{"metadata": {"name": "kube-system", "uid": "uid-2"}}]}
        with serving(api(**{"/api/v1/namespaces": [answer(listed)]})) as script:
            assert read(script, NAMESPACE).server.uid == "uid-2"
            assert script.requests("/api/v1/namespaces/kube-system") == []

    def test_a_list_without_items_is_empty(self, read):
        with serving(api(**{PODS: [answer({"kind": "PodList", "metadata": {}, "items": None})]})) as script:
            snapshot = read(script, POD)
        assert (snapshot.of(POD), snapshot.gaps) == ((), ())
        assert Need.objects(POD) in snapshot.observed

    def test_one_malformed_object_is_a_gap_and_the_others_are_read(self, read):
        listed = {
            "metadata": {},
            "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": 7}}, {"metadata": {"name": "c"}}],
        }
        with serving(api(**{PODS: [answer(listed)]})) as script:
            snapshot = read(script, POD)
        assert names(snapshot) == ["a", "c"]
        (gap,) = snapshot.gaps
        assert (gap.what, gap.reason, gap.where) == ("Pod", GapReason.MALFORMED, f"{PODS}, item 1 of a page")

    def test_what_is_asked_where_no_apiserver_is_ends_the_reading(self, read):
        with serving({"/version": [answer({"hello": "world"})], PODS: [items("web")]}) as script:
            snapshot = read(script, POD)
        assert snapshot.objects == {}
        assert "no apiserver" in snapshot.gaps[0].detail


class TestPages:
    def test_a_list_is_read_to_its_last_page(self, read):
        with serving(
            api(**{PODS: [items("a", "b", following="t/1"), items("c", following="t2"), items("d")]})
        ) as script:
            snapshot = read(script, POD)
            queries = [seen.path.partition("?")[2] for seen in script.requests(PODS)]
        assert names(snapshot) == ["a", "b", "c", "d"]
        assert queries == ["limit=500", "limit=500&continue=t%2F1", "limit=500&continue=t2"]
        assert snapshot.gaps == ()

    def test_a_forgotten_place_is_gone_on_from_where_the_server_offers(self, read):
        gone = error(410, "too old", details={"metadata": {"continue": "newer"}})
        with serving(api(**{PODS: [items("a", following="t1"), gone, items("b")]})) as script:
            snapshot = read(script, POD)
            assert "continue=newer" in script.seen[-2].path or "continue=newer" in script.seen[-1].path
        assert (names(snapshot), snapshot.gaps) == (["a", "b"], ())

    def test_without_an_offer_the_list_is_read_again_once(self, read):
        gone = error(410, "too old")
        with serving(
            api(**{PODS: [items("a", following="t1"), gone, items("a", "b", following="t2"), items("c")]})
        ) as script:
            snapshot = read(script, POD)
        assert (names(snapshot), snapshot.gaps) == (["a", "b", "c"], ())

    def test_a_server_that_forgets_again_leaves_what_was_read_and_a_gap(self, read):
        gone = error(410, "too old")
        with serving(
            api(**{PODS: [items("a", following="t1"), gone, items("a", "b", following="t2"), gone]})
        ) as script:
            snapshot = read(script, POD)
        assert names(snapshot) == ["a", "b"]
        assert snapshot.gaps == (Gap(Area.OBJECTS, "Pod", GapReason.INTERRUPTED, "410 Gone: too old", PODS),)

    def test_an_offer_that_is_forgotten_as_well_does_not_go_on_for_ever(self, read):
        gone = error(410, "too old", details={"metadata": {"continue": "newer"}})
        with serving(api(**{PODS: [items("a", following="t1"), gone]})) as script:
            snapshot = read(script, POD)
            assert len(script.requests(PODS)) < 8
        assert snapshot.gaps[0].reason is GapReason.INTERRUPTED

    def test_a_list_of_empty_pages_ends(self, read):
        pages = [items(following=f"t{number}") for number in range(9)]
        with serving(api(**{PODS: pages})) as script:
            snapshot = read(script, POD)
            assert len(script.requests(PODS)) < 7
        assert "does not go on" in snapshot.gaps[0].detail

    @pytest.mark.parametrize("item", [
        {"spec": {}}, {"metadata": {}}, {"metadata": {"name": "a", "namespace": 5}},
        {"metadata": {"name": "a"}, "spec": 1},
        {"metadata": {"name": "a", "labels": [1]}}, {"metadata": {"name": "a", "annotations": {"b": {}}}},
    ])  # fmt: skip
    def test_an_item_of_a_shape_that_no_server_keeps_is_a_gap_and_the_others_are_read(self, read, item):
        good = {"metadata": {"name": "good", "namespace": "shop"}}
        with serving(api(**{PODS: [answer({"metadata": {}, "items": [item, good]})]})) as script:
            snapshot = read(script, POD)
        assert (names(snapshot), [gap.reason for gap in snapshot.gaps]) == (["good"], [GapReason.MALFORMED])

    def test_an_item_is_of_the_kind_of_its_list_whatever_it_says(self, read):
        secret = {"kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}, "data": {"greeting": "aHVudGVyMg=="}}
        with serving(api(**{"/api/v1/secrets": [answer({"metadata": {}, "items": [secret]})]})) as script:
            (read_secret,) = read(script, SECRET).of(SECRET)
        assert (read_secret["kind"], read_secret["data"]["greeting"]["type"]) == ("Secret", "opaque")

    def test_a_page_that_says_that_it_is_the_next_one_ends_the_list(self, read):
        with serving(api(**{PODS: [items("a", following="t1"), items("b", following="t1")]})) as script:
            snapshot = read(script, POD)
        assert "does not go on" in snapshot.gaps[0].detail

    @pytest.mark.parametrize(
        ("failing", "reason"),
        [
            (error(403, FORBIDDEN), GapReason.FORBIDDEN),
            (error(500, "etcdserver: leader changed"), GapReason.REFUSED),
            (drop, GapReason.INTERRUPTED),
            (answer(b'{"metadata": {}, "items": [{"meta'), GapReason.MALFORMED),
        ],
    )
    def test_a_page_that_fails_leaves_those_before_it_and_a_gap(self, read, failing, reason):
        with serving(api(**{PODS: [items("a", following="t1"), failing]})) as script:
            snapshot = read(script, POD)
        assert names(snapshot) == ["a"]
        assert [(gap.what, gap.reason) for gap in snapshot.gaps] == [("Pod", reason)]
        assert Need.objects(POD) in snapshot.observed

    def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(self, read, monkeypatch):
        monkeypatch.setattr(exchange, "MAX_BYTES", 10_000)
        large = answer({"metadata": {}, "items": [{"metadata": {"name": "a"}, "data": {"x": "y" * 20_000}}]})
        with serving(api(**{"/api/v1/configmaps": [large, items("a", following="t1"), items("b")]})) as script:
            snapshot = read(script, CONFIG_MAP)
            queries = [seen.path.partition("?")[2] for seen in script.requests("/api/v1/configmaps")]
        assert queries == ["limit=500", "limit=100", "limit=100&continue=t1"]
        assert (names(snapshot, CONFIG_MAP), snapshot.gaps) == (["a", "b"], ())

    def test_what_is_too_large_in_the_smallest_page_is_a_gap(self, read, monkeypatch):
        monkeypatch.setattr(exchange, "MAX_BYTES", 10_000)
        with serving(api(**{PODS: [answer(b" " * 20_000)]})) as script:
            assert read(script, POD).gaps[0].reason is GapReason.TOO_LARGE


class TestWhatTheServerDoesNotServe:
    def test_an_api_that_is_absent_was_looked_at_and_is_empty(self, read):
        with serving(api(**discovery(("", "v1", "pods", "Pod")))) as script:
            snapshot = read(script, DEPLOYMENT)
        assert snapshot.unmet(Need.objects(DEPLOYMENT)) == ()
        assert snapshot.of(DEPLOYMENT) == ()

    def test_an_api_that_is_absent_is_no_gap_although_asking_for_it_is_forbidden(self, read):
        answers = api(**discovery(("", "v1", "pods", "Pod")), **{"/apis/apps/v1/deployments": [error(403, "no")]})
        with serving(answers) as script:
            assert read(script, DEPLOYMENT).unmet(Need.objects(DEPLOYMENT)) == ()

    def test_an_api_that_is_served_in_another_version_is_read_there(self, read):
        answers = api(
            **discovery(("apps", "v1beta9", "deployments", "Deployment")),
            **{"/apis/apps/v1beta9/deployments": [items("web")]},
        )
        with serving(answers) as script:
            snapshot = read(script, DEPLOYMENT)
        assert snapshot.of(DEPLOYMENT)[0]["apiVersion"] == "apps/v1beta9"
        assert snapshot.gaps == ()

    def test_without_discovery_a_404_means_absent_and_a_403_stays_a_gap(self, read):
        answers = api(**{"/api": [error(403, "no")], "/apis/apps/v1/deployments": [error(403, "no deployments")]})
        with serving(answers) as script:
            snapshot = read(script, DEPLOYMENT, NODE)
        assert snapshot.unmet(Need.objects(NODE)) == ()
        assert snapshot.unmet(Need.objects(DEPLOYMENT))[0].detail.startswith("no deployments")

    def test_a_server_without_aggregated_discovery_is_asked_for_the_version_that_is_known(self, read):
        answers = api(**{"/api": [answer({"kind": "APIVersions"})], PODS: [error(403, FORBIDDEN)]})
        with serving(answers) as script:
            assert read(script, POD).gaps[0].reason is GapReason.FORBIDDEN

    def test_a_kind_of_a_custom_resource_is_found_by_discovery(self, read):
        policies = Kind("kyverno.io", "Policy")
        answers = api(
            **discovery(("kyverno.io", "v1", "policies", "Policy")), **{"/apis/kyverno.io/v1/policies": [items("p")]}
        )
        with serving(answers) as script:
            snapshot = read(script, policies)
        assert names(snapshot, policies) == ["p"]

    def test_a_kind_whose_extension_server_does_not_answer_is_a_gap_and_not_absent(self, read):
        metrics = Kind("metrics.k8s.io", "PodMetrics")
        with serving(api(**discovery(stale="metrics.k8s.io"))) as script:
            snapshot = read(script, metrics)
        assert "metrics.k8s.io does not answer" in snapshot.unmet(Need.objects(metrics))[0].detail

    def test_a_kind_that_can_only_be_created_is_none_that_has_objects(self, read):
        reviews = Kind("authentication.k8s.io", "TokenReview")
        groups = discovery(("authentication.k8s.io", "v1", "tokenreviews", "TokenReview"), verbs=("create",))
        with serving(api(**groups)) as script:
            assert read(script, reviews).unmet(Need.objects(reviews)) == ()
            assert script.requests("/apis/authentication.k8s.io/v1/tokenreviews") == []

    def test_discovery_is_asked_once_for_all_kinds(self, read):
        with serving(api(**discovery(("", "v1", "pods", "Pod")))) as script:
            read(script, POD, DEPLOYMENT, NODE, CONFIG_MAP)
            assert len(script.requests("/apis")) == 1

    def test_a_name_that_would_lead_a_request_elsewhere_is_no_discovery(self, read):
        kind = Kind("example.com", "Widget")
        for name, version, plural in (("example.com", "v1", "../pods"), ("example.com", "v1?a=b", "widgets")):
            with serving(api(**discovery((name, version, plural, "Widget")))) as script:
                assert [gap.reason for gap in read(script, kind).gaps] == [GapReason.MALFORMED]

    @pytest.mark.parametrize(
        "broken", [{"kind": "APIGroupDiscoveryList"}, {"kind": "APIGroupDiscoveryList", "items": [7]}]
    )
    def test_malformed_discovery_is_no_discovery(self, read, broken):
        with serving(api(**{"/api": [answer(broken)], PODS: [error(403, FORBIDDEN)]})) as script:
            assert read(script, POD).gaps[0].reason is GapReason.FORBIDDEN


class TestPermissions:
    def test_a_forbidden_kind_is_a_gap_in_the_servers_words_and_the_others_are_read(self, read):
        answers = api(
            **discovery(("", "v1", "pods", "Pod")), **{PODS: [error(403, FORBIDDEN)], "/api/v1/nodes": [items("n")]}
        )
        with serving(answers) as script:
            snapshot = read(script, POD, NODE)
        assert names(snapshot, NODE) == ["n"]
        (gap,) = snapshot.gaps
        assert (gap.reason, gap.where) == (GapReason.FORBIDDEN, PODS)
        assert gap.detail == f"{FORBIDDEN}; where single namespaces are allowed, give --namespace"
        assert Need.objects(POD) not in snapshot.observed

    def test_with_namespaces_only_these_are_read_and_that_is_said(self, read):
        answers = api(
            **{
                "/api/v1/namespaces/shop/pods": [items("web")],
                "/api/v1/namespaces/pay/pods": [error(403, "no pods of pay")],
                "/api/v1/nodes": [items("n")],
                "/api/v1/namespaces/shop": [answer({"kind": "Namespace", "metadata": {"name": "shop"}})],
            },
            **discovery(("", "v1", "pods", "Pod")),
        )
        with serving(answers) as script:
            snapshot = read(script, POD, NODE, NAMESPACE, namespaces=["shop", "pay", "shop"])
            assert len(script.requests("/api/v1/namespaces/shop/pods")) == 1
            assert script.requests(PODS) == script.requests("/api/v1/namespaces") == []
        assert (names(snapshot), names(snapshot, NODE), snapshot.namespaces) == (["web"], ["n"], ("shop",))
        assert [(gap.what, gap.detail) for gap in snapshot.gaps] == [
            ("Pod", "limited to namespaces shop, pay"),
            ("Pod", "no pods of pay"),
            ("Namespace", "limited to namespaces shop, pay"),
            ("Namespace", "404 Not Found: the server could not find the requested resource"),
        ]
        assert [gap.read_in for gap in snapshot.gaps] == [("shop", "pay"), (), ("shop", "pay"), ()]
        assert snapshot.unmet(Need.objects(NODE)) == ()

    @pytest.mark.parametrize("name", ["Shop", "../secrets", "a/b", "", "a" * 64])
    def test_what_is_no_name_of_a_namespace_is_refused(self, read, name):
        with serving(api()) as script:
            with pytest.raises(InputError, match="is not the name of a namespace"):
                read(script, POD, namespaces=[name])
            assert script.seen == []

    def test_a_hidden_version_and_caller_are_gaps_of_the_server_and_nothing_else(self, read):
        answers = api(**{"/version": [error(403, "no version")], PODS: [items("web")]})
        answers["/apis/authentication.k8s.io/v1/selfsubjectreviews"] = [error(403, "no self")]
        answers["/api/v1/namespaces/kube-system"] = [error(403, "no uid")]
        with serving(answers) as script:
            snapshot = read(script, POD)
        assert names(snapshot) == ["web"]
        assert {(gap.area, gap.what, gap.detail) for gap in snapshot.gaps} == {
            (Area.SERVER, "version", "no version"),
            (Area.SERVER, "caller", "no self"),
            (Area.SERVER, "cluster uid", "no uid"),
        }
        assert snapshot.unmet(Need.objects(POD)) == ()


class TestWhenNothingCanBeRead:
    """The kubeconfig and the handshake are the evidence."""

    def evidence(self, snapshot: Snapshot) -> Gap:
        assert snapshot.server is None
        assert snapshot.objects == {}
        assert [file.topic for file in snapshot.files] == [Topic.KUBECONFIG]
        assert len(snapshot.endpoints) == 1
        (gap,) = snapshot.gaps
        assert snapshot.unmet(Need.objects(POD)) == (gap,)
        return gap

    def test_a_401_is_said_once(self, read):
        with serving({"/version": [error(401, "Unauthorized")]}) as script:
            gap = self.evidence(read(script, POD, NODE))
            assert len(script.seen) == 1
        assert (gap.reason, gap.detail, gap.where) == (GapReason.UNAUTHORIZED, "Unauthorized", "/version")

    def test_a_server_that_is_not_there(self, read):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            snapshot = read(Script({}, url=f"https://127.0.0.1:{taken.getsockname()[1]}"), POD)
        assert self.evidence(snapshot).reason is GapReason.UNREACHABLE
        assert snapshot.endpoints[0].outcome is HandshakeOutcome.REFUSED

    def test_a_server_that_hangs(self, read):
        with serving({"/version": [hang]}) as script:
            assert self.evidence(read(script, POD, timeout=0.2)).reason is GapReason.TIMEOUT

    def test_plain_http_where_the_kubeconfig_says_https(self, read):
        with serving(api()) as script:
            snapshot = read(Script({}, url=script.url.replace("http:", "https:")), POD)
        assert self.evidence(snapshot).reason is GapReason.TLS
        assert snapshot.endpoints[0].outcome is HandshakeOutcome.PLAIN_HTTP

    @pytest.mark.parametrize(
        ("user", "detail"),
        [
            ({"client-certificate": "gone.crt"}, "client-certificate cannot be read: No such file or directory"),
            ({"client-key-data": "%"}, "client-key-data is not valid base64"),
            ({"auth-provider": {"name": "gcp"}}, "the kubeconfig uses an auth-provider"),
        ],
    )
    def test_credentials_that_cannot_be_had(self, tmp_path, user, detail):
        with serving(api()) as script:
            path = write(tmp_path, script.url, user)
            gap = self.evidence(read_live(kubeconfig=str(path), needs=[Need.objects(POD)], now=NOW))
            assert [seen for seen in script.seen if seen.path == "/version"] == []
        assert gap.detail.startswith(detail)

    def test_a_key_of_another_certificate_still_lets_the_server_be_seen(self, tmp_path):
        pairs = [Authority("kubernetes").issue("jane") for _ in range(2)]
        user = {
            "client-certificate-data": base64.b64encode(pairs[0].certificate).decode(),
            "client-key-data": base64.b64encode(pairs[1].key).decode(),
        }
        with serving(api()) as script:
            path = write(tmp_path, script.url.replace("http:", "https:"), user)
            snapshot = read_live(kubeconfig=str(path), needs=[Need.objects(POD)], now=NOW)
        gap = self.evidence(snapshot)
        assert (gap.reason, "mismatch" in gap.detail) == (GapReason.TLS, True)
        assert snapshot.endpoints[0].client_certificate == b""
        assert snapshot.endpoints[0].outcome is HandshakeOutcome.PLAIN_HTTP

    def test_a_ca_that_cannot_be_read_is_a_tls_failure(self, tmp_path):
        path = write(tmp_path, "https://127.0.0.1:1", **{"certificate-authority": "gone.crt"})
        gap = self.evidence(read_live(kubeconfig=str(path), needs=[Need.objects(POD)], now=NOW))
        assert (gap.reason, gap.where) == (GapReason.TLS, str(tmp_path / "gone.crt"))

    def test_a_ca_that_holds_no_certificate_is_a_tls_failure(self, tmp_path):
        path = write(tmp_path, "https://127.0.0.1:1", **{"certificate-authority-data": "aGVsbG8="})
        gap = self.evidence(read_live(kubeconfig=str(path), needs=[Need.objects(POD)], now=NOW))
        assert "unable to load root certificates" in gap.detail

    def test_a_server_that_stops_answering_is_not_waited_for_once_a_kind(self, tmp_path):
        with serving({"/version": [answer(VERSION)]}) as script:
            script.answers = _Silent(script.answers)
            snapshot = read_live(kubeconfig=str(write(tmp_path, script.url)), now=NOW, timeout=0.3)
            assert len(script.seen) < 12
        assert all(snapshot.unmet(need) for need in needs_of(Tier.BASE))


class _Silent(dict):
    """Every path that is not answered hangs."""

    def get(self, key: str, default: object = None) -> object:
        return super().get(key, [hang])


class TestTheKubeconfig:
    def test_a_malformed_field_is_refused_with_the_file_that_has_it(self, tmp_path):
        path = write(tmp_path, "https://127.0.0.1:1", **{"insecure-skip-tls-verify": "yes"})
        with pytest.raises(InputError, match="insecure-skip-tls-verify must be true or false") as refused:
            read_live(kubeconfig=str(path), now=NOW)
        assert refused.value.where == str(path)

    def test_in_a_pod_the_service_account_is_the_kubeconfig(self, tmp_path, monkeypatch):
        monkeypatch.setattr(contexts, "SERVICE_ACCOUNT", tmp_path)
        monkeypatch.setattr(target, "SERVICE_ACCOUNT", tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
        monkeypatch.delenv("KUBECONFIG", raising=False)
        (tmp_path / "token").write_text(CANARY)
        (file,) = read_live(needs=[], now=NOW).files
        cluster, user = file.kubeconfig.resolve()
        assert (file.path, cluster.server) == (str(tmp_path), "https://127.0.0.1:1")
        assert (user.credential, cluster.ca_error) == ("token file", f"{tmp_path}/ca.crt: No such file or directory")

    def test_the_view_holds_the_context_in_use_alone_and_no_secret(self, read, tmp_path):
        with serving(api(**{PODS: [items()]})) as script:
            snapshot = read(script, POD)
        (file,) = snapshot.files
        assert (file.path, file.mode, file.host) == (str(tmp_path / "kubeconfig"), 0o640, "")
        assert file.size == (tmp_path / "kubeconfig").stat().st_size
        view = file.kubeconfig
        assert view.current_context == "jane@prod"
        assert [cluster.name for cluster in view.clusters] == ["prod"]
        assert [user.name for user in view.users] == ["jane"]
        text = repr(snapshot)
        assert CANARY not in text
        assert "other.example" not in text

    def test_the_chosen_context_is_the_current_one_of_the_view(self, tmp_path):
        path = write(tmp_path, "https://127.0.0.1:1")
        document = yaml.safe_load(path.read_text())
        document["current-context"] = "other"
        path.write_text(yaml.safe_dump(document))
        snapshot = observe_server(kubeconfig=str(path), context="jane@prod", now=NOW)
        cluster, user = snapshot.files[0].kubeconfig.resolve()
        assert (cluster.name, user.name) == ("prod", "jane")
        assert snapshot.endpoints[0].source == "server of kubeconfig context jane@prod"

    def test_through_a_proxy_no_handshake_is_seen_and_that_is_said(self, tmp_path):
        path = write(tmp_path, "https://127.0.0.1:1", **{"proxy-url": f"http://jane:{CANARY}@127.0.0.1:1"})
        snapshot = read_live(kubeconfig=str(path), needs=[Need.objects(POD)], now=NOW)
        assert snapshot.endpoints == ()
        (gap,) = snapshot.unmet(Need.endpoint())
        assert "through the proxy http://127.0.0.1:1" in gap.detail
        assert CANARY not in repr(snapshot)

    def test_a_strangers_plugin_is_refused_before_anything_is_sent(self, tmp_path):
        with serving(api()) as script:
            user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "rm", "args": ["-rf", "/"]}}
            with pytest.raises(RefusedError, match="rm -rf /"):
                read_live(kubeconfig=str(write(tmp_path, script.url, user)), now=NOW)
            assert script.seen == []

    def test_no_gap_and_no_error_repeats_a_credential(self, read):
        told = json.dumps({"message": f"token {CANARY} is wrong; Authorization: Bearer {CANARY}"}).encode()
        with serving(api(**{PODS: [answer(told, 403)]})) as script:
            snapshot = read(script, POD)
        assert "Bearer" in snapshot.gaps[0].detail
        assert f"Bearer {CANARY}" not in snapshot.gaps[0].detail
