# ruff: noqa: E501 - the texts are as they are printed
"""Reading 403s and 401s from whatever a person pastes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.denials.denial import DenialKind
from k8srun.authorization.denials.elsewhere import cause_of
from k8srun.authorization.denials.gostrings import unquoted
from k8srun.authorization.denials.reading import read, read_all
from k8srun.diagnosis import CauseStatus
from k8srun.x509.gotext import quote

LIST_PODS = Attributes("list", "", "pods", namespace="shop")
CORE = 'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "shop"'
STATUS = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": CORE, "reason": "Forbidden",
          "details": {"kind": "pods"}, "code": 403}  # fmt: skip

WRAPPED = {
    "kubectl": f"Error from server (Forbidden): {CORE}",
    "kubectl create": f'Error from server (Forbidden): error when creating "pod.yaml": {CORE}',
    "a Status": json.dumps(STATUS, indent=2),
    "the Python client": "kubernetes.client.exceptions.ApiException: (403)\nReason: Forbidden\n"
    f"HTTP response headers: HTTPHeaderDict({{'Audit-Id': 'x'}})\nHTTP response body: {json.dumps(STATUS)}\n",
    "a reflector's log line": 'W1122 18:00:00.000001       1 reflector.go:561] failed to list *v1.Pod: ' + CORE,
    "a structured log line": f'E1122 18:00:00.1       1 reflector.go:166] "Unhandled Error" err="{CORE}" logger="x"'.replace(
        '"jane"', '\\"jane\\"').replace('"pods"', '\\"pods\\"').replace('""', '\\"\\"').replace('"shop"', '\\"shop\\"'),
    "a JSON log line": json.dumps({"level": "error", "msg": "Reconciler error", "error": CORE}),
    "Helm": f"Error: INSTALLATION FAILED: 1 error occurred:\n\t* {CORE}\n\n",
    "Argo CD": f"one or more objects failed to apply, reason: {CORE}",
    "Terraform": "╷\n│ Error: " + CORE.replace(" in API group", "\n│ in API group") + "\n│\n│   with kubernetes_pod.web,\n╵",
    "a colourful terminal": f"\x1b[31mError\x1b[0m: {CORE}",
    "a container's log": json.dumps({"log": json.dumps({"level": "error", "error": CORE}) + "\n", "stream": "stderr"}),
    "Ansible": json.dumps({"msg": f"Failed: b'{json.dumps(STATUS)}'"}),
    "kube-rs": f'ApiError: {CORE}: Forbidden (ErrorResponse {{ status: "Failure", message: {quote(CORE)}, code: 403 }})',
    "fabric8": f"KubernetesClientException: Failure executing: GET at: https://10.96.0.1/api/v1/pods. Message: {CORE}."
    f" Received status: Status(apiVersion=v1, code=403, kind=Status, message={CORE}, reason=Forbidden).",
    "a table": '"x","' + CORE.replace('"', '""') + '"',
    "a web page": CORE.replace('"', "&#34;"),
    "another keyboard": CORE.replace(' "', " „").replace('"', "“"),
    "plain quotation marks": CORE.replace('"', "'"),
    "a chat": f"> Error from server (Forbidden): {CORE}".replace(" in API", "\n> in API"),
    "a text broken inside of a word": CORE.replace("resource", "reso\nurce"),
    "a text wrapped by a terminal": f"Error from server (Forbidden): {CORE}".replace(" resource ", "\nresource "),
}  # fmt: skip


@pytest.mark.parametrize("text", WRAPPED.values(), ids=WRAPPED)
def test_the_same_denial_is_read_out_of_what_every_client_prints(text):
    found = read(text)
    assert (found.kind, found.identity, found.request) == (DenialKind.ACCESS, Identity("jane"), LIST_PODS)
    assert found.reason == ""


def test_the_name_stands_before_the_denial_and_the_subresource_only_in_it():
    found = read(
        'deployments.apps "web" is forbidden: User "jane" cannot patch resource "deployments/scale" in API group "apps"'
        ' in the namespace "shop"'
    )
    assert found.request == Attributes("patch", "apps", "deployments", "scale", "shop", "web")


def test_the_name_is_taken_from_the_details_of_a_status_where_the_message_has_none():
    found = read(json.dumps({**STATUS, "details": {"kind": "pods", "name": "web"}}))
    assert found.request.name == "web"


def test_a_cluster_wide_request_has_no_namespace():
    found = read('nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope')
    assert found.request == Attributes("list", "", "nodes")


def test_a_url_is_no_resource():
    found = read('forbidden: User "system:anonymous" cannot get path "/metrics"')
    assert found.request == Attributes("get", path="/metrics")
    assert found.identity == Identity("system:anonymous")


def test_the_reason_keeps_all_of_its_lines_and_nothing_of_the_log_line_around_it():
    reasons = (
        'RBAC: clusterrole.rbac.authorization.k8s.io "a" not found\nRBAC: role.rbac.authorization.k8s.io "b" not found'
    )
    assert read(f"Error from server (Forbidden): {CORE}: {reasons}\nnext line").reason == reasons
    assert read(f'E1 reflector.go:1] err="{CORE}: no" logger="x"').reason == "no"
    assert (
        read(json.dumps({**STATUS, "message": f"{CORE}: webhook: one\nrbac: two"})).reason == "webhook: one\nrbac: two"
    )


def test_what_the_server_escaped_for_html_is_read_back_and_the_reason_is_left_alone():
    text = CORE.replace("jane", "a&lt;b&gt;&amp;lt;") + ": x &lt; y"
    found = read(text)
    assert found.identity.user == "a<b>&lt;"
    assert found.reason == "x &lt; y"


def test_a_name_with_quotation_marks_is_read_whole():
    assert read(CORE.replace('"jane"', r'"CORP\jane"')).identity.user == r"CORP\jane"
    assert read(CORE.replace('"jane"', r'"ja\"ne\\ \u00e9"')).identity.user == 'ja"ne\\ é'
    named = read(r'pods "a\"b \\" is forbidden: ' + CORE.partition(": ")[2].replace("list", "get"))
    assert named.request.name == 'a"b \\'


KINDS = {
    DenialKind.CREATE_CHECK: 'Error from server (Forbidden): pods "web" is forbidden: ',
    DenialKind.AGGREGATION: 'clusterroles.rbac.authorization.k8s.io "x" is forbidden: must have cluster-admin privileges'
    " to use the aggregationRule",
    DenialKind.MASTERS: "Error from server (Forbidden): impersonating the system:masters group is not allowed",
    DenialKind.SIGNER: 'certificatesigningrequests.certificates.k8s.io "jane" is forbidden: user not permitted to approve'
    ' requests with signerName "kubernetes.io/kube-apiserver-client"',
    DenialKind.OWNER_REFERENCE: 'pods "x" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a'
    " resource you can't set finalizers on: , <nil>",
    DenialKind.NODE_RESTRICTION: 'pods "x" is forbidden: node "n1" can only create pods with spec.nodeName set to itself',
    DenialKind.KUBELET: "Forbidden (user=prometheus, verb=get, resource=nodes, subresource=metrics)",
    DenialKind.POD_SECURITY: 'pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged (…)',
    DenialKind.WEBHOOK: 'admission webhook "image-policy.example" denied the request: image not signed',
    DenialKind.POLICY: "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
    DenialKind.QUOTA: 'pods "x" is forbidden: exceeded quota: compute, requested: cpu=1, used: cpu=2, limited: cpu=2',
    DenialKind.TERMINATING: 'pods "x" is forbidden: unable to create new content in namespace old because it is being'
    " terminated",
    DenialKind.CLOUD: 'Error from server (Forbidden): pods is forbidden: Required one of ["container.pods.list"]'
    " permission(s).",
    DenialKind.ARGO_CD: "permission denied: applications, sync, default/shop, sub: jane, iat: 2026-01-01T00:00:00Z",
    DenialKind.CUT: CORE[:60],
    DenialKind.BARE: "Error from server (Forbidden): unknown",
    DenialKind.OTHER: 'pods "x" is forbidden: error looking up service account shop/nope: serviceaccount "nope" not found',
    DenialKind.UNAUTHENTICATED: "error: You must be logged in to the server (Unauthorized)",
}  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), KINDS.items(), ids=[kind.name for kind in KINDS])
def test_who_refused_is_told_by_the_words(kind, text):
    assert read(text).kind is kind


def test_a_403_without_words_is_no_plugins_and_leaves_its_cause_open():
    found = read("Error from server (Forbidden): the server does not allow access to the requested resource")
    cause = cause_of(found)
    assert (cause.id, cause.status) == ("bare-refusal", CauseStatus.OPEN)


def test_the_bracket_around_unauthorized_belongs_to_the_message():
    said = "error: You must be logged in to the server (Unauthorized)"
    assert read(f"E1122 17:12:30.123456 1 x.go:1] {said}").message == said


def test_the_time_of_a_log_line_is_told_as_people_write_it():
    assert read("E1122 17:12:30.123456 1 x.go:1] Unable to authenticate the request err=x").at == "11-22 17:12:30"


@pytest.mark.parametrize("length", range(len('pods is forbidden: User "j'), len(CORE)))
def test_half_a_message_is_told_to_be_one_and_not_taken_for_another_refusal(length):
    found = read(f"Error from server (Forbidden): {CORE[:length]}")
    assert (found.kind, found.request) == (DenialKind.CUT, None)
    assert found.identity.user in ("", "jane")


def test_every_kind_has_a_text():
    assert set(KINDS) | {DenialKind.ACCESS, DenialKind.ESCALATION} == set(DenialKind)


def test_what_admission_refused_names_who_did():
    assert read(KINDS[DenialKind.WEBHOOK]).about == "image-policy.example"
    assert read(KINDS[DenialKind.QUOTA]).about == "compute"
    assert read(KINDS[DenialKind.POD_SECURITY]).about == "restricted:latest"


def test_an_escalation_says_who_in_which_groups_lacks_which_rules():
    found = read(
        'roles.rbac.authorization.k8s.io "x" is forbidden: user "ana" (groups=["dev" "system:authenticated"]) is'
        ' attempting to grant RBAC permissions not currently held:\n{APIGroups:["apps"], Resources:["deployments"],'
        ' Verbs:["get"]}\n{APIGroups:[""], Resources:["pods"], Verbs:["list"]}'
    )
    assert found.identity == Identity("ana", ("dev", "system:authenticated"))
    assert len(found.rules) == 2


@pytest.mark.parametrize(
    "said",
    [
        "service account token has expired",
        "service account token is not valid yet",
        "service account shop/web has been deleted",
        'token audiences ["vault"] is invalid for the target audiences ["https://kubernetes.default.svc"]',
        "oidc: email not verified",
    ],
)
def test_the_api_servers_log_tells_why_a_token_was_refused(said):
    line = f'E1122 18:00:00.1 1 authentication.go:76] "Unable to authenticate the request" err="[invalid bearer token, {said}]"'
    found = read("error: You must be logged in to the server (Unauthorized)\n" + line)
    assert found.kind is DenialKind.UNAUTHENTICATED
    assert said in found.reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("╷\n│ Error: Unauthorized\n│ \n│   with kubernetes_namespace.x,\n╵", ""),
        ("ApiException: (401)\\nReason: Unauthorized\\nHTTP response headers", ""),
        ('Unable to connect to the server: failed to refresh token: oauth2: "invalid_grant"',
         'failed to refresh token: oauth2: "invalid_grant"'),
    ],
)  # fmt: skip
def test_a_401_is_read_out_of_what_clients_print_of_it(text, said):
    found = read(text)
    assert (found.kind, found.reason) == (DenialKind.UNAUTHENTICATED, said)


def test_an_audit_event_gives_groups_and_request_whole():
    event = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "verb": "list", "requestURI": "/api/v1/namespaces/shop/pods",
        "user": {"username": "jane", "groups": ["dev", "system:authenticated"]},
        "objectRef": {"resource": "pods", "namespace": "shop", "apiVersion": "v1"},
        "responseStatus": {"code": 403, "message": CORE, "reason": "Forbidden"},
        "annotations": {"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""},
        "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
    }  # fmt: skip
    found = read(json.dumps(event))
    assert (found.kind, found.request) == (DenialKind.ACCESS, LIST_PODS)
    assert found.identity == Identity("jane", ("dev", "system:authenticated"))
    assert found.at.startswith("2026-01-01")


def test_of_a_log_every_denial_is_found_once():
    lines = [CORE, CORE.replace("list", "watch"), CORE, "all is well", CORE.replace("jane", "ines")]
    assert [(one.identity.user, one.request.verb) for one in read_all("\n".join(lines))] == [
        ("jane", "list"), ("jane", "watch"), ("ines", "list")]  # fmt: skip


def test_a_log_of_megabytes_is_read():
    text = "\n".join([*(f"I1122 ok {number}" for number in range(50_000)), CORE])
    assert read(text).request == LIST_PODS


@pytest.mark.parametrize(
    "text",
    ["", "nothing here", "x509: certificate signed by unknown authority", "dial tcp 10.0.0.1:443: i/o timeout",
     "Permission denied (publickey).", "which is forbidden: yes", "daemon: Error response: unauthorized: Unauthorized"],
)  # fmt: skip
def test_other_texts_hold_no_denial(text):
    assert read(text) is None


def test_a_token_in_the_text_does_not_stay_in_what_is_shown():
    found = read(f"{CORE}: Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlc2lnbmF0dXJl")
    assert "eyJzdWIi" not in found.message + found.reason


@given(st.text(max_size=300))
def test_what_go_quotes_is_read_back(text):
    assert unquoted(quote(text)) == text


@given(st.text(max_size=400), st.sampled_from(sorted({*WRAPPED.values(), *KINDS.values()})), st.integers(0, 400))
def test_no_text_makes_it_fail(noise, text, cut):
    read(noise)
    read(text[:cut] + noise + text[cut:])


@pytest.mark.parametrize(
    "text",
    ['{"' * 500_000, "is forbidden: User " * 100_000, "x" * 2_000_000 + " forbidden",
     ('"' + '\\"' * 8000 + ' forbidden: User "\n') * 50, ("a" * 300 + " is forbidden ") * 5000, (CORE + "\n") * 10_000],
    ids=["braces", "words", "one line", "quotation marks", "long names", "the same again and again"],
)  # fmt: skip
def test_a_hostile_text_is_read_in_time(text):
    read(text)
