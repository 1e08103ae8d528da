"""Refusals of a real kube-apiserver parse back to the request that caused them."""

from __future__ import annotations

import json
from base64 import b64decode
from urllib.parse import quote, urlencode

import pytest
import urllib3
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.denials.denial import DenialKind
from k8srun.authorization.denials.reading import read

# Few, since each is a certificate of its own; what Go quotes and what the server escapes for HTML are among them.
USERS = (
    "jane",
    "jane@example.com",
    'ja"ne',
    "a<b>&c",
    "back\\slash",
    "&lt;",
    "Zoë 李",
    "system:serviceaccount:shop:web",
    "tab\there",
)
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
ODD_NAMES = NAMES | st.sampled_from(["system:x", "a b", 'q"q', "<x>", "ü"])
GROUPS = {"": ("pods", "secrets", "services", "nope"), "apps": ("deployments",), "example.com": ("widgets",)}
SUBRESOURCES = ("", "log", "exec", "status", "scale")
CLUSTER = {"": ("nodes", "persistentvolumes"), "rbac.authorization.k8s.io": ("clusterroles",)}
BY_METHOD = {"POST": "create", "PUT": "update", "DELETE": "delete", "GET": "get", "PATCH": "patch"}


@st.composite
def requests(draw):
    """A method, a path and what the server makes of them."""
    namespaced = draw(st.booleans())
    table = GROUPS if namespaced else CLUSTER
    group = draw(st.sampled_from(sorted(table)))
    resource = draw(st.sampled_from(table[group]))
    namespace = draw(NAMES) if namespaced else ""
    name = draw(st.just("") | ODD_NAMES)
    subresource = draw(st.sampled_from(SUBRESOURCES)) if name else ""
    method = draw(st.sampled_from(sorted(BY_METHOD)))
    parts = [f"/apis/{group}/v1" if group else "/api/v1", *(["namespaces", namespace] if namespace else []), resource]
    path = "/".join((*parts, *(quote(part, safe="") for part in (name, subresource) if part)))
    verb, query = BY_METHOD[method], {}
    if not name and method == "GET":
        verb = draw(st.sampled_from(["list", "watch"]))
        query = {"watch": "true"} if verb == "watch" else {}
    if not name and method == "DELETE":
        verb = "deletecollection"
    return (
        method,
        path + (f"?{urlencode(query)}" if query else ""),
        Attributes(verb, group, resource, subresource, namespace, name),
    )


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=st.sampled_from(USERS), request=requests())
def test_a_denial_parses_back_to_who_asked_for_what(control_plane, user, request):
    method, path, expected = request
    status, answer = control_plane.request(
        method, path, {} if method in {"POST", "PUT", "PATCH"} else None, user=user,
        content_type="application/merge-patch+json" if method == "PATCH" else "application/json",
    )  # fmt: skip
    assert status == 403, answer
    for text in (json.dumps(answer), f"Error from server (Forbidden): {answer['message']}"):
        found = read(text)
        assert (found.kind, found.identity, found.request) == (DenialKind.ACCESS, Identity(user), expected)


@pytest.mark.parametrize("path", ["/metrics", "/logs/", "/debug/pprof/heap?seconds=1", "/metrics/<x>&y"])
@pytest.mark.parametrize("user", USERS[:5])
def test_a_refused_url_parses_back(control_plane, path, user):
    _status, answer = control_plane.request("GET", path, user=user)
    found = read(json.dumps(answer))
    assert (found.identity.user, found.request) == (user, Attributes("get", path=path.partition("?")[0]))


def test_a_namespace_is_in_itself(control_plane):
    _status, answer = control_plane.request("GET", "/api/v1/namespaces/kube-system", user="jane")
    assert read(json.dumps(answer)).request == Attributes("get", "", "namespaces", "", "kube-system", "kube-system")


def test_a_list_of_one_name_carries_it(control_plane):
    path = "/api/v1/namespaces/shop/pods?fieldSelector=metadata.name%3Dweb"
    _status, answer = control_plane.request("GET", path, user="jane")
    assert read(json.dumps(answer)).request == Attributes("list", "", "pods", "", "shop", "web")


@pytest.fixture
def role_writer(control_plane):
    """A user who may write roles in a namespace of their own and holds next to nothing else, and the namespace."""
    namespace = control_plane.create_namespace()
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rules = [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["create"]}]
    control_plane.create(f"{rbac}/roles", {"metadata": {"name": "writer"}, "rules": rules})
    control_plane.create(
        f"{rbac}/rolebindings",
        {"metadata": {"name": "writer"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role",
          "name": "writer"},
         "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "ana"}]},
    )  # fmt: skip
    yield namespace, rbac
    control_plane.request("DELETE", f"/api/v1/namespaces/{namespace}")


def test_an_escalation_names_the_rules_that_are_not_held(control_plane, role_writer):
    _namespace, rbac = role_writer
    rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]},
             {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"], "verbs": ["get"]}]  # fmt: skip
    body = {"metadata": {"name": "more"}, "rules": rules}
    answer = control_plane.wait_until(
        "the binding to hold",
        lambda: _refused(control_plane.request("POST", f"{rbac}/roles", body, user="ana", groups=("dev",))),
    )
    found = read(json.dumps(answer))
    assert found.kind is DenialKind.ESCALATION
    assert found.identity == Identity("ana", ("dev", "system:authenticated"))
    assert len(found.rules) == 2
    assert 'ResourceNames:["a"]' in "".join(found.rules)


def _refused(answered):
    status, answer = answered
    return answer if status == 403 and "attempting to grant" in answer["message"] else None


def test_a_pod_that_pod_security_refuses_is_no_matter_of_rbac(control_plane):
    namespace = control_plane.create_namespace({"pod-security.kubernetes.io/enforce": "restricted"})
    pod = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}}
    status, answer = control_plane.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod)
    control_plane.request("DELETE", f"/api/v1/namespaces/{namespace}")
    found = read(json.dumps(answer))
    assert (status, found.kind, found.about) == (403, DenialKind.POD_SECURITY, "restricted:latest")


@pytest.mark.parametrize(("whom", "mode"), [("ana", "user-info"), ("system:serviceaccount:shop:web", "serviceaccount")])
def test_a_refused_impersonation_says_in_which_mode_and_for_what(control_plane, tmp_path, whom, mode):
    user = yaml.safe_load(control_plane.kubeconfig(user="jane").read_text())["users"][0]["user"]
    pair = tmp_path / "jane.pem"
    pair.write_bytes(b"".join(b64decode(user[part]) for part in ("client-certificate-data", "client-key-data")))
    with urllib3.PoolManager(cert_file=str(pair), ca_cert_data=control_plane.ca_pem.decode(), retries=False) as pool:
        url = f"{control_plane.server}/api/v1/pods"
        answer = pool.request("GET", url, headers={"Impersonate-User": whom}).json()
    found = read(json.dumps(answer))
    assert (found.kind, found.identity.user) == (DenialKind.ACCESS, "jane")
    assert found.request == Attributes(f"impersonate-on:{mode}:list", "", "pods")
