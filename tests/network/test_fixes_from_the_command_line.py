"""From an error message to a plan, its preview and its application, as a person types it on a lab."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from k8srun.cli.diagnose import diagnose
from k8srun.cli.plan import plan
from k8srun.errors import ExitCode, RefusedError
from k8srun.lab import build


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "K8SRUN_JOURNAL", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return build(tmp_path / "lab", "egress-not-allowed")


def printed(command, *words):
    return CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)


def test_a_message_becomes_a_plan_that_opens_exactly_that_and_is_proved(lab):
    told = printed(diagnose, lab.symptom, "--from", lab.manifests, "--plan", "fix.json", "-o", "json")
    assert told.exit_code == ExitCode.CLEAN, told.output
    assert json.loads(told.stdout)["causes"][0]["id"] == "egress-not-allowed"

    shown = printed(plan, "preview", "fix.json", "--lab-dir", lab.directory)
    assert shown.exit_code == ExitCode.CLEAN, shown.output
    said = " ".join(shown.stdout.split())
    assert "Opens shop/catalog[Deployment] to shop/redis[StatefulSet] on TCP 6379." in said
    assert "Closes" not in said
    confirm = re.search(r"--confirm (\S+)", said)[1]

    done = printed(plan, "apply", "fix.json", "--lab-dir", lab.directory, "--confirm", confirm)
    assert done.exit_code == ExitCode.CLEAN, done.output
    assert "is allowed by the policies" in " ".join(done.stdout.split())
    again = printed(diagnose, lab.symptom, "--from", lab.manifests, "-o", "json")
    assert "confirmed" not in {cause["status"] for cause in json.loads(again.stdout)["causes"]}


def test_a_confirmation_is_refused_once_somebody_else_has_changed_the_policy(lab):
    printed(diagnose, lab.symptom, "--from", lab.manifests, "--plan", "fix.json")
    shown = printed(plan, "preview", "fix.json", "--lab-dir", lab.directory)
    confirm = re.search(r"--confirm (\S+)", shown.stdout)[1]
    file = lab.manifests / "shop.json"
    document = json.loads(file.read_text())
    # The other side is closed again, so that the same step would open nothing: not what was confirmed.
    wanted = ("NetworkPolicy", "redis")
    (redis,) = [item for item in document["items"] if (item["kind"], item["metadata"]["name"]) == wanted]
    redis["spec"]["ingress"] = []
    file.write_text(json.dumps(document))

    with pytest.raises(RefusedError, match="confirm"):
        printed(plan, "apply", "fix.json", "--lab-dir", lab.directory, "--confirm", confirm)
    assert file.read_text() == json.dumps(document), "nothing was changed"
