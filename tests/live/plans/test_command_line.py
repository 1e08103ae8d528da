"""`k8srun plan` against a real API server: its words and its exit codes."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from k8srun import steps
from k8srun.cli.plan import plan as command
from k8srun.errors import ExitCode, RefusedError
from k8srun.plan import Question
from k8srun.planfile import plan_text
from tests.apply.clusters import RBAC, binding, config_map, observed, plan_of, read, role


@pytest.fixture
def run(control_plane, namespace, admin, tmp_path, monkeypatch):
    """The command, in a folder with a plan (`fix.json`) and a kubeconfig (`admin.conf`)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("K8SRUN_JOURNAL", raising=False)
    control_plane.kubeconfig(path=tmp_path / "admin.conf")
    path = config_map(control_plane, namespace, a="1")
    may_read = {"user": "jane", "verb": "get", "resource": "pods", "namespace": namespace}
    plan = plan_of(
        admin,
        steps.patch(observed(control_plane, path), [{"op": "replace", "path": "/data/a", "value": "2"}], "two"),
        steps.create(role(namespace), "jane must read pods"),
        verify=(Question("access", may_read),),
    )
    (tmp_path / "fix.json").write_text(plan_text(plan))

    def invoke(*words, code=ExitCode.CLEAN):
        result = CliRunner().invoke(command, [*words, "--kubeconfig", "admin.conf"], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    return invoke


def test_a_plan_that_does_not_do_what_it_is_for_says_so_and_exits_with_3(control_plane, namespace, run, monkeypatch):
    monkeypatch.setattr("k8srun.cli.plan_options._PATIENCE_SECONDS", 1.0)
    previewed = run("preview", "fix.json")
    assert previewed.count("dry run by the server") == 2
    confirm = previewed.rstrip().split()[-1]
    applied = run("apply", "fix.json", "--confirm", confirm, code=ExitCode.INCOMPLETE)
    # The role alone grants nothing: it is bound to nobody.
    assert f"not fixed: jane may not get pods in namespace {namespace}" in applied
    assert "2. create Role" in applied
    assert read(control_plane, f"/apis/{RBAC}/v1/namespaces/{namespace}/roles/reader")

    with pytest.raises(RefusedError, match="is not as it was shown"):
        run("apply", "fix.json", "--confirm", confirm)
    back = run("undo", "fix.json").rstrip().split()[-1]
    run("undo", "fix.json", "--confirm", back)
    assert read(control_plane, f"/apis/{RBAC}/v1/namespaces/{namespace}/roles/reader") is None


def test_a_role_that_is_widened_after_the_preview_changes_what_its_binding_brings_about(
    control_plane, namespace, run, admin, tmp_path
):
    roles = f"/apis/{RBAC}/v1/namespaces/{namespace}/roles"
    control_plane.create(roles, role(namespace))
    plan = plan_of(admin, steps.create(binding(namespace), "jane must read pods"), impact=("Needed until May.",))
    (tmp_path / "grant.json").write_text(plan_text(plan))
    previewed = run("preview", "grant.json")
    assert f"User jane gains in namespace {namespace}: get pods." in previewed
    assert "Needed until May." in previewed

    wider = [
        {"op": "add", "path": "/rules/-", "value": {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}}
    ]
    status, _answer = control_plane.request(
        "PATCH", f"{roles}/reader", wider, content_type="application/json-patch+json"
    )
    assert status == 200
    with pytest.raises(RefusedError, match="its impact is not what was shown"):
        run("apply", "grant.json", "--confirm", previewed.rstrip().split()[-1])
    assert "User jane can then read Secrets" in run("preview", "grant.json")


def test_a_server_that_does_not_answer_leaves_a_preview_without_a_confirmation(control_plane, run, tmp_path):
    text = (tmp_path / "admin.conf").read_text().replace(str(control_plane.port), "1")
    (tmp_path / "admin.conf").write_text(text)
    previewed = run("preview", "fix.json", code=ExitCode.INCOMPLETE)
    assert "which cluster this is cannot be told" in previewed
    assert "Connection refused" in previewed
    with pytest.raises(RefusedError, match="which cluster this is cannot be told"):
        run("apply", "fix.json", "--confirm", f"20260101T000000Z-0000-0000-0000-0000-{'0' * 32}")
