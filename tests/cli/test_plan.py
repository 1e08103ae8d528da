"""`k8srun plan` and `k8srun journal` as a person uses them, on a lab."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest
import yaml
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from k8srun import steps
from k8srun.apply.lab import LabTarget
from k8srun.cli.journal import journal
from k8srun.cli.plan import plan
from k8srun.errors import ExitCode, InputError, RefusedError
from k8srun.lab import build, build_all
from k8srun.plan import ObjectRef, Plan, Question
from k8srun.planfile import plan_text
from k8srun.sources.reduce import reduce_object
from tests.apply.clusters import role

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
POSTGRES = ObjectRef("apps/v1", "StatefulSet", "postgres", "data")
ROLE = ObjectRef("rbac.authorization.k8s.io/v1", "Role", "reader", "data")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "K8SRUN_JOURNAL", "K8SRUN_SIGN_KEY", "K8SRUN_SECOND_PERSON", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def lab(folder):
    return build(folder / "lab", None, NOW)


@pytest.fixture
def target(lab):
    return LabTarget(lab)


@pytest.fixture
def file(target, folder):
    """A plan in a file: a seccomp profile for a workload, and a role."""
    item = reduce_object(target.read(POSTGRES))
    profile = {
        "op": "add",
        "path": "/spec/template/spec/securityContext/seccompProfile",
        "value": {"type": "RuntimeDefault"},
    }
    described = {"apiVersion": ROLE.api_version, "kind": ROLE.kind, "namespace": ROLE.namespace, "name": ROLE.name}
    made = Plan(
        "Tighten the database",
        target.identity().uid,
        (
            steps.patch(item, [profile], "restricted wants one", answers="W05"),
            steps.create(role("data"), "jane reads pods"),
        ),
        impact=("Nobody loses anything.",),
        verify=(Question("object-exists", {"object": described}),),
        planned_by="somebody",
    )
    (folder / "fix.json").write_text(plan_text(made))
    return "fix.json"


def run(command, *words, code=ExitCode.CLEAN, stdin=None):
    result = CliRunner().invoke(command, list(words), catch_exceptions=False, input=stdin)
    assert result.exit_code == code, result.output
    return result.output


def confirmation(*words):
    return msgspec.json.decode(run(plan, *words, "-o", "json"))["preview"]["confirm"]


def test_a_plan_is_shown_previewed_applied_and_taken_back(file, target, lab):
    shown = run(plan, "show", file)
    for said in ("Tighten the database", "Planned by somebody", "[W05]", "taken back by: ", "Nobody loses anything."):
        assert said in shown

    previewed = run(plan, "preview", file, "--lab-dir", "lab")
    assert "LAB: simulated" in previewed
    assert "+          type: RuntimeDefault" in previewed
    assert "Restarts 2 pods of StatefulSet.apps data/postgres" in previewed
    last = previewed.rstrip().splitlines()[-1]
    assert last.startswith("  k8srun plan apply fix.json --lab-dir lab --confirm ")
    assert target.read(ROLE) is None

    words = last.split()[2:]
    applied = run(plan, *words, "--ticket", "OPS-7")
    assert "1. patch StatefulSet.apps data/postgres: done" in applied
    assert "fixed: Role.rbac.authorization.k8s.io data/reader exists" in applied
    assert target.read(ROLE) is not None

    listed = run(journal, "list")
    run_id = listed.splitlines()[1].split()[0]
    assert "complete" in listed
    detailed = run(journal, "show", run_id[:6])
    assert "Ticket OPS-7" in detailed
    assert "intent 2. create Role.rbac.authorization.k8s.io data/reader" in detailed
    assert "as they were written" in run(journal, "verify")

    taking_back = run(plan, "undo", file, "--lab-dir", "lab").rstrip().splitlines()[-1].split()[1:]
    assert taking_back[:4] == ["plan", "undo", "--run", run_id]
    run(plan, *taking_back[1:])
    assert target.read(ROLE) is None
    assert "undone" in run(journal, "list")
    with pytest.raises(RefusedError, match="was taken back already"):
        run(plan, "undo", "--run", run_id, "--lab-dir", "lab")
    with pytest.raises(InputError, match="the journal knows no run of this plan"):
        run(plan, "undo", file, "--lab-dir", "lab")


def test_apply_without_a_confirmation_is_a_preview_and_with_another_is_refused(file, target):
    assert "Nothing was changed. To apply exactly this" in run(plan, "apply", file, "--lab-dir", "lab")
    for confirm in ("yes", "true", confirmation("preview", file, "--lab-dir", "lab")[:-1] + "g"):
        with pytest.raises(RefusedError, match="nothing was changed"):
            run(plan, "apply", file, "--lab-dir", "lab", "--confirm", confirm)
    assert target.read(ROLE) is None


def test_a_plan_that_cannot_be_applied_says_why_and_exits_with_3(file, target, folder):
    run(plan, "apply", file, "--lab-dir", "lab", "--confirm", confirmation("preview", file, "--lab-dir", "lab"))
    (folder / "fix.json").write_text((folder / "fix.json").read_text().replace("Tighten", "Tighten again"))
    text = run(plan, "preview", file, "--lab-dir", "lab", code=ExitCode.INCOMPLETE)
    assert "Cannot be applied: step 1: the object was changed" in text
    assert "Cannot be applied: step 2: the object exists already" in text
    assert "--confirm" not in text


def test_an_applied_plan_says_that_it_was_applied(file):
    run(plan, "apply", file, "--lab-dir", "lab", "--confirm", confirmation("preview", file, "--lab-dir", "lab"))
    text = run(plan, "preview", file, "--lab-dir", "lab", code=ExitCode.INCOMPLETE)
    assert "This plan was applied already: run " in text
    assert "by mara.lindt" in text


def test_options_that_change_what_is_done_are_part_of_the_confirmation_and_of_the_command(file):
    text = run(plan, "preview", file, "--lab-dir", "lab", "--direct", "--ticket", "OPS 7", "--journal", "j.jsonl")
    last = text.rstrip().splitlines()[-1]
    assert "--lab-dir lab --direct --ticket 'OPS 7' --journal j.jsonl --confirm" in last
    with pytest.raises(RefusedError, match="another plan, or with other options"):
        run(plan, "apply", file, "--lab-dir", "lab", "--confirm", last.split()[-1])


def test_a_plan_is_read_from_standard_input(file, folder):
    assert "Tighten the database" in run(plan, "show", "-", stdin=(folder / "fix.json").read_text())


def test_a_plan_names_one_cluster(file):
    with pytest.raises(InputError, match="no cluster was named"):
        run(plan, "preview", file)
    with pytest.raises(InputError, match="name one cluster"):
        run(plan, "preview", file, "--lab-dir", "lab", "--context", "prod")
    with pytest.raises(InputError, match="no kubeconfig was found"):
        run(plan, "preview", file, "--context")
    with pytest.raises(InputError, match="is not a lab"):
        run(plan, "preview", file, "--lab-dir", ".")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        run(plan, "show", "none.json")


def test_a_folder_of_several_labs_is_refused(file, folder):
    build_all(folder / "labs", NOW)
    with pytest.raises(InputError, match="holds several labs"):
        run(plan, "preview", file, "--lab-dir", "labs")


def test_exporting_takes_one_form(file, folder):
    assert "- op: add" in run(plan, "export", file, "--patch")
    assert "seccompProfile" in run(plan, "export", file, "--yaml", "--lab-dir", "lab")
    assert run(plan, "export", file, "--kustomize", "--out", "fix").splitlines()[-1] == "fix/kustomization.yaml"
    assert yaml.safe_load((folder / "fix/kustomization.yaml").read_text())["kind"] == "Component"
    for words in ((), ("--kustomize",), ("--patch", "--out", "x")):
        with pytest.raises(InputError, match="say how"):
            run(plan, "export", file, *words)


def test_a_signed_journal_is_verified_with_its_key_and_tampering_exits_with_1(file, folder):
    key = Ed25519PrivateKey.generate()
    (folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    words = (file, "--lab-dir", "lab", "--sign-key", "key", "--journal", "j.jsonl")
    run(plan, "apply", *words, "--confirm", confirmation("preview", *words))
    verified = run(journal, "verify", "--journal", "j.jsonl", "--public-key", "pub")
    assert "signed by this key" in verified
    head = verified.rstrip().splitlines()[-1].removeprefix("head ")
    assert "as they were written" in run(journal, "verify", "--journal", "j.jsonl", "--head", head)

    lines = (folder / "j.jsonl").read_text().splitlines(keepends=True)
    (folder / "j.jsonl").write_text("".join(lines[:-1]))
    cut = run(journal, "verify", "--journal", "j.jsonl", "--public-key", "pub", code=ExitCode.FINDINGS)
    assert "the journal was shortened or rewritten" in cut
    found = run(journal, "verify", "--journal", "j.jsonl", "--head", head, "-o", "json", code=ExitCode.FINDINGS)
    assert msgspec.json.decode(found)["problems"]


def test_an_empty_journal_says_so():
    assert run(journal, "list").strip() == "No run is in the journal yet."
    with pytest.raises(InputError, match="no run begins with 'x'"):
        run(journal, "show", "x")


def test_the_contract_of_the_machine_output(file):
    shown = msgspec.json.decode(run(plan, "show", file, "-o", "json"))
    assert shown["schema"] == "k8srun.dev/plan/v1"
    assert len(shown["digest"]) == 64

    previewed = msgspec.json.decode(run(plan, "preview", file, "--lab-dir", "lab", "-o", "json"))
    assert (previewed["schema"], previewed["status"]) == ("k8srun.dev/plan-preview/v1", "previewed")
    assert set(previewed["preview"]) == {
        "plan", "cluster", "taken_at", "steps", "impact", "permissions", "confirm", "expires", "blockers", "resumes",
        "applied",
    }  # fmt: skip
    applied = msgspec.json.decode(
        run(plan, "apply", file, "--lab-dir", "lab", "--confirm", previewed["preview"]["confirm"], "-o", "json")
    )
    assert (applied["schema"], applied["status"]) == ("k8srun.dev/plan-apply/v1", "applied")
    assert set(applied) == {"schema", "status", "preview", "run", "steps", "answers", "next"}
    assert [(step["number"], step["state"]) for step in applied["steps"]] == [(1, "done"), (2, "done")]
    assert applied["answers"][0]["state"] == "fixed"

    (listed,) = msgspec.json.decode(run(journal, "list", "-o", "json"))["runs"]
    assert (listed["run"], listed["state"], listed["by"]) == (applied["run"], "complete", ["mara.lindt"])
    entries = msgspec.json.decode(run(journal, "show", applied["run"], "-o", "json"))["entries"]
    assert [entry["event"] for entry in entries] == [
        "begun", "intent", "done", "intent", "done", "verified", "ended",
    ]  # fmt: skip
    assert json.loads(run(journal, "verify", "-o", "json"))["lines"] == 7
