"""`review`, `can-i`, `who-can`, `permissions-of`, `access-matrix`: what they print, return and refuse."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from k8srun.cli.main import cli
from k8srun.errors import InputError
from k8srun.snapshot import ServerInfo
from k8srun.sources.saved import save
from tests.authorization.check_cases import GOOD, OBSERVED
from tests.authorization.cluster import binding, cluster_role, role, rule, snapshot

ITEMS = (
    *GOOD,
    role("shop", "scaler", rule("patch", "deployments/scale", group="apps")),
    binding("shop", "scaler", "Role scaler", "User jane"),
    cluster_role("nodes", rule("get", "nodes")),
    binding("", "nodes", "ClusterRole nodes", "Group ops", "User =cmd()"),
)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "shop.k8srun"
    save(snapshot(*ITEMS, observed=OBSERVED), path)
    return str(path)


def invoke(command: str, *arguments: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, [command, *arguments], input=given)


def asked(user: str, verb: str, resource: str, *groups: str, namespace: str = "shop") -> str:
    attributes = {"verb": verb, "resource": resource, "namespace": namespace}
    spec = {"user": user, "groups": list(groups), "resourceAttributes": attributes}
    return json.dumps({"kind": "SubjectAccessReview", "metadata": {"name": "kept"}, "spec": spec})


def test_reviews_come_back_in_order_with_their_status_and_everything_that_was_in_them(file):
    lines = (asked("jane", "get", "pods"), asked("jane", "delete", "pods"), asked("eve", "get", "x", "system:masters"))
    result = invoke("review", "--snapshot", file, given="\n".join(lines))

    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [answer["status"]["allowed"] for answer in answers] == [True, False, True]
    assert [answer["status"]["denied"] for answer in answers] == [False, False, False]
    for answer, line in zip(answers, lines, strict=True):
        assert answer["schema"] == "k8srun.dev/review/v1"
        assert {name: answer[name] for name in ("kind", "metadata", "spec")} == json.loads(line)
    assert answers[0]["status"]["reason"].startswith('RBAC: allowed by RoleBinding "reader/shop"')
    assert answers[0]["status"]["k8srun.dev/proof"]["binding"] == "RoleBinding shop/reader"
    assert answers[1]["status"]["k8srun.dev/near-misses"][0]["kind"] == "other_verb"


@pytest.mark.parametrize("line", ["{", "null", "[]", "{}", '{"spec": {"user": "x"}}', "\x00", '{"spec": 1e999}'])
def test_a_malformed_line_gets_an_error_in_its_place(file, line):
    result = invoke(
        "review", "--snapshot", file, given=f"{asked('jane', 'get', 'pods')}\n{line}\n{asked('j', 'x', 'y')}\n"
    )

    first, broken, last = [json.loads(text) for text in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert (set(broken), broken["line"]) == ({"schema", "line", "error"}, 2)
    assert "status" in first
    assert "status" in last


def test_a_matrix_leaves_out_whom_only_the_servers_own_bindings_name(tmp_path):
    path = tmp_path / "all.k8srun"
    own = binding("", "system:node", "ClusterRole nodes", "Group system:nodes",
                  labels={"kubernetes.io/bootstrapping": "rbac-defaults"})  # fmt: skip
    save(snapshot(*ITEMS, own, binding("", "mine", "ClusterRole nodes", "Group system:authenticated")), path)

    def subjects(*more: str) -> set[str]:
        rows = json.loads(invoke("access-matrix", "--snapshot", str(path), "-o", "json", *more).stdout)["rows"]
        return {row["subject"]["name"] for row in rows}

    assert "system:authenticated" in subjects()
    assert "system:nodes" in subjects("--system") - subjects()


def test_permissions_of_two_at_once_is_refused(file):
    result = invoke("permissions-of", "jane", "--as", "bob", "--snapshot", file)
    assert isinstance(result.exception, InputError)


def test_a_byte_order_mark_crlf_and_a_schema_of_its_own_are_no_trouble(file):
    line = {**json.loads(asked("jane", "get", "pods")), "schema": "mine"}
    result = invoke("review", "--snapshot", file, given=b"\xef\xbb\xbf" + json.dumps(line).encode() + b"\r\n")

    answer = json.loads(result.stdout)
    assert (answer["schema"], answer["status"]["allowed"]) == ("k8srun.dev/review/v1", True)


def test_a_line_that_never_ends_is_refused_and_the_next_is_answered(file):
    given = b'{"spec": "' + b"x" * 3_000_000 + b'"}\n' + asked("jane", "get", "pods").encode()
    broken, answer = [
        json.loads(line) for line in invoke("review", "--snapshot", file, given=given).stdout.splitlines()
    ]

    assert "longer than" in broken["error"]
    assert answer["status"]["allowed"] is True


def test_as_authenticated_adds_the_groups_that_authentication_adds(tmp_path):
    path = tmp_path / "all.k8srun"
    save(snapshot(*ITEMS, binding("shop", "all", "Role reader", "Group system:authenticated")), path)
    line = asked("bob", "get", "pods")

    def status(*more: str) -> bool:
        return json.loads(invoke("review", "--snapshot", str(path), *more, given=line).stdout)["status"]["allowed"]

    assert (status(), status("--as-authenticated")) == (False, True)


def test_what_is_not_in_the_sources_is_unknown(tmp_path):
    manifest = tmp_path / "role.json"
    manifest.write_text(json.dumps(GOOD[0]))
    result = invoke("review", "--from", str(manifest), given=asked("jane", "get", "pods"))

    status = json.loads(result.stdout)["status"]
    assert (result.exit_code, status["allowed"], status["k8srun.dev/verdict"]) == (0, False, "UNKNOWN")
    assert "not supplied" in status["evaluationError"]
    assert invoke("can-i", "get", "pods", "--as", "jane", "--from", str(manifest)).exit_code == 3


def can_i(file: str, *arguments: str) -> dict:
    result = invoke("can-i", *arguments, "--snapshot", file, "-o", "json")
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_a_yes_to_exec_tells_that_the_server_asks_for_another_verb_too(tmp_path):
    path = tmp_path / "exec.k8srun"
    items = (role("shop", "in", rule("create", "pods/exec")), binding("shop", "in", "Role in", "User jane"))
    save(snapshot(*items), path)

    (warning,) = can_i(str(path), "create", "pods/exec", "-n", "shop", "--as", "jane")["warnings"]
    assert warning.startswith("get pods/exec is not allowed")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("get", "pods", "-n", "shop", "--as", "jane"), "yes"),
        (("get", "po", "-n", "shop", "--as", "jane"), "yes"),
        (("get", "Pod", "-n", "shop", "--as", "shop:web"), "yes"),
        (("get", "pods/log", "-n", "shop", "--as", "system:serviceaccount:shop:web"), "yes"),
        (("get", "pods", "--as", "jane"), "no"),
        (("patch", "deployments/scale", "web", "-n", "shop", "--as", "jane"), "yes"),
        (("patch", "deploy/scale", "web", "-n", "shop", "--as", "jane"), "yes"),
        (("patch", "deployments.apps", "web", "-n", "shop", "--as", "jane"), "no"),
        (("get", "nodes", "-n", "shop", "--as-group", "ops"), "yes"),
        (("get", "/healthz", "--as-group", "system:unauthenticated"), "yes"),
        (("get", "/metrics", "--as", "jane"), "no"),
    ],
)
def test_can_i_understands_names_as_kubectl_does(file, arguments, answer):
    assert can_i(file, *arguments)["answer"] == answer


def test_can_i_in_json_keeps_its_contract(file):
    answer = can_i(file, "get", "pods", "-n", "shop", "--as", "jane")

    assert set(answer) == {
        "schema", "identity", "request", "answer", "allowed", "reason", "authorizer", "proof", "near_misses", "unknown",
        "warnings",
    }  # fmt: skip
    assert answer["identity"] == {"user": "jane", "groups": ["system:authenticated"]}
    assert answer["proof"]["rule"] == {
        "verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["configmaps", "pods", "pods/log"],
    }  # fmt: skip


def test_can_i_without_a_name_is_about_whoever_read_the_cluster(tmp_path, file):
    path = tmp_path / "live.k8srun"
    server = ServerInfo(url="https://api.example", username="jane", groups=("system:authenticated",))
    save(snapshot(*ITEMS, server=server), path)

    assert can_i(str(path), "get", "pods", "-n", "shop")["identity"]["user"] == "jane"
    refused = invoke("can-i", "get", "pods", "--snapshot", file)
    assert isinstance(refused.exception, InputError)
    assert "--as" in str(refused.exception)


def test_an_ambiguous_resource_and_two_namespaces_are_refused(tmp_path, file):
    twice = invoke("can-i", "get", "pods", "-n", "a", "-n", "b", "--as", "jane", "--snapshot", file)
    assert isinstance(twice.exception, InputError)


def test_who_can_lists_holders_and_what_runs_as_them(file):
    result = invoke("who-can", "get", "pods", "-n", "shop", "--snapshot", file, "-o", "json")

    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["schema"], answer["unknown"]) == (0, "k8srun.dev/who-can/v1", [])
    names = [(item["kind"], item["name"]) for item in answer["holders"]]
    assert names == [("Group", "system:masters"), ("ServiceAccount", "web"), ("User", "jane")]
    assert answer["holders"][1]["workloads"] == ["Pod shop/web-0"]


def test_who_can_with_a_name_behind_the_slash_warns_that_it_is_no_subresource(file):
    asked = ("who-can", "get", "pods/web-0", "-n", "shop", "--snapshot", file)
    (warning,) = json.loads(invoke(*asked, "-o", "json").stdout)["warnings"]
    assert "no subresource web-0" in warning
    assert warning in invoke(*asked).stdout


def test_permissions_of_lists_rules_with_their_bindings(file):
    answer = json.loads(invoke("permissions-of", "jane", "--snapshot", file, "-o", "json").stdout)

    assert [item["grants"][0]["binding"] for item in answer["rules"]] == [
        "RoleBinding shop/reader", "RoleBinding shop/scaler",
    ]  # fmt: skip
    assert not answer["everything"]


def test_the_matrix_has_a_row_for_each_subject_and_resource_and_no_formula_for_a_spreadsheet(file):
    result = invoke(
        "access-matrix", "-n", "shop", "--resource", "pods", "--verb", "get", "--snapshot", file, "-o", "csv"
    )
    rows = list(csv.reader(io.StringIO(result.stdout)))

    assert rows[0] == ["subject", "resource", "get"]
    assert ["User jane", "pods", "yes"] in rows
    assert ["Group ops", "pods", "no"] in rows
    named = invoke("who-can", "get", "nodes", "--snapshot", file, "-o", "csv").stdout
    assert "'=cmd()" in named
    bad = invoke("access-matrix", "--subject", "jane", "--snapshot", file)
    assert isinstance(bad.exception, InputError)


@pytest.mark.parametrize(
    "arguments",
    [
        ("can-i", "get", "pods", "-n", "shop", "--as", "jane"),
        ("can-i", "delete", "pods", "-n", "shop", "--as", "jane"),
        ("who-can", "get", "pods", "-n", "shop"),
        ("permissions-of", "jane"),
        ("access-matrix", "-n", "shop"),
    ],
)
@pytest.mark.parametrize("output", ["table", "csv"])
def test_every_question_prints_for_people_and_for_spreadsheets(file, arguments, output):
    result = invoke(*arguments, "--snapshot", file, "-o", output)

    assert (result.exit_code, result.exception) == (0, None)
    assert "jane" in result.stdout
    assert "\x1b" not in result.stdout


def test_access_entries_of_eks_are_read_from_a_file(tmp_path, file):
    entries = tmp_path / "entries.json"
    policy = {"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
              "accessScope": {"type": "cluster"}}  # fmt: skip
    entry = {"principalArn": "arn:aws:iam::1:role/x", "username": "eve", "associatedAccessPolicies": [policy]}
    entries.write_text(json.dumps([entry]))

    assert (
        can_i(file, "delete", "nodes", "--as", "eve", "--eks-access", str(entries))["authorizer"]
        == "EKS access entries"
    )
    missing = invoke("can-i", "get", "pods", "--as", "eve", "--snapshot", file, "--eks-access", str(tmp_path / "none"))
    assert isinstance(missing.exception, InputError)
