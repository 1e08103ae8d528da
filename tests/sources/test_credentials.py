"""Credentials: every way in which a kubeconfig names them, and none of them ever shown."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys

import pytest

from k8srun.errors import InputError, RefusedError
from k8srun.snapshot import GapReason
from k8srun.sources.contexts import ChosenContext
from k8srun.sources.credentials import Credentials, credentials_of
from k8srun.sources.failure import ReadError
from tests.controlplane.pki import Authority
from tests.controlplane.processes import wait_until

CANARY = "canary-4f1d0e-0123456789abcdef"
PAIR = Authority("kubernetes").issue("jane")
V1 = "client.authentication.k8s.io/v1"


def credentials(
    user: dict, *, supplied: bool = False, allow_exec: bool = False, timeout: float = 10, info: dict | None = None
) -> Credentials:
    chosen = ChosenContext("ctx", "cluster", "user", {}, user, path="/home/jane/config", supplied=supplied)
    return credentials_of(chosen, info or {}, allow_exec=allow_exec, timeout=timeout)


def failure(user: dict, **options: object) -> ReadError:
    with pytest.raises(ReadError) as failed:
        credentials(user, **options)
    assert CANARY not in f"{failed.value} {failed.value!r} {failed.value.detail}"
    return failed.value


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


class TestWithoutAPlugin:
    def test_embedded_certificate_and_key(self):
        user = {"client-certificate-data": b64(PAIR.certificate), "client-key-data": b64(PAIR.key)}
        found = credentials(user)
        assert (found.certificate, found.key, found.headers) == (PAIR.certificate, PAIR.key, ())
        assert "PRIVATE KEY" not in repr(found)

    def test_certificate_and_key_in_files(self, tmp_path):
        (tmp_path / "crt").write_bytes(PAIR.certificate)
        (tmp_path / "key").write_bytes(PAIR.key)
        found = credentials({"client-certificate": str(tmp_path / "crt"), "client-key": str(tmp_path / "key")})
        assert (found.certificate, found.key) == (PAIR.certificate, PAIR.key)

    def test_a_missing_file_is_named(self, tmp_path):
        failed = failure({"client-certificate": str(tmp_path / "crt")})
        assert failed.reason is GapReason.UNAUTHORIZED
        assert failed.detail == "client-certificate cannot be read: No such file or directory"
        assert failed.where == str(tmp_path / "crt")

    def test_a_certificate_without_its_key_is_said(self):
        assert failure({"client-certificate-data": b64(PAIR.certificate)}).detail == "the client certificate has no key"

    def test_data_that_is_not_base64_is_said(self):
        assert failure({"client-key-data": f"%{CANARY}"}).detail == "client-key-data is not valid base64"

    def test_a_token(self):
        found = credentials({"token": f"{CANARY}\n"})
        assert found.headers == (("Authorization", f"Bearer {CANARY}"),)
        assert CANARY not in repr(found)

    def test_the_file_of_a_token_goes_before_the_token_since_it_is_renewed(self, tmp_path):
        (tmp_path / "token").write_text("renewed\n")
        user = {"token": "old", "tokenFile": str(tmp_path / "token")}
        assert credentials(user).headers == (("Authorization", "Bearer renewed"),)
        (tmp_path / "token").unlink()
        assert credentials(user).headers == (("Authorization", "Bearer old"),)
        del user["token"]
        assert failure(user).detail == "tokenFile cannot be read: No such file or directory"

    @pytest.mark.parametrize("token", [f"{CANARY}\nX-Evil: 1", f"{CANARY}\x00", f"{CANARY}é"])
    def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(self, token):
        with pytest.raises(InputError) as refused:
            credentials({"token": token})
        assert CANARY not in str(refused.value)

    def test_user_name_and_password(self):
        found = credentials({"username": "jane", "password": "pässword"})
        assert found.headers == (("Authorization", f"Basic {b64('jane:pässword'.encode())}"),)

    def test_nobody(self):
        assert credentials({}) == Credentials()

    def test_impersonation(self):
        user = {
            "token": "t",
            "as": "system:serviceaccount:shop:web",
            "as-uid": "7",
            "as-groups": ["a", "b"],
            "as-user-extra": {"example.com/scope": ["x", "y"]},
        }
        assert credentials(user).headers[1:] == (
            ("Impersonate-User", "system:serviceaccount:shop:web"),
            ("Impersonate-Uid", "7"),
            ("Impersonate-Group", "a"),
            ("Impersonate-Group", "b"),
            ("Impersonate-Extra-example.com%2Fscope", "x"),
            ("Impersonate-Extra-example.com%2Fscope", "y"),
        )

    @pytest.mark.parametrize(
        "wrong", [{"as-groups": "a"}, {"as-groups": [1]}, {"as-user-extra": {"a": "b"}}, {"as": 1}]
    )
    def test_malformed_impersonation_is_refused_and_not_left_out(self, wrong):
        with pytest.raises(InputError):
            credentials(wrong)

    def test_an_auth_provider_is_said_to_be_gone_from_kubernetes(self):
        failed = failure({"auth-provider": {"name": "gcp", "config": {"access-token": CANARY}}})
        assert "auth-provider, which Kubernetes 1.26 removed" in failed.detail


@pytest.fixture
def plugin(tmp_path):
    """Makes the `exec` entry of a program that is Python code."""

    def make(code: str, **fields: object) -> dict:
        program = tmp_path / "plugin"
        program.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{code}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return {"exec": {"apiVersion": V1, "interactiveMode": "IfAvailable", "command": str(program), **fields}}

    return make


def printing(status: object, version: str = V1) -> str:
    document = {"apiVersion": version, "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(json.dumps(document))})"


def has_ended(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.strip() or state.startswith("Z")  # in a container nobody may collect it


class TestPlugins:
    @pytest.mark.parametrize("version", [V1, "client.authentication.k8s.io/v1beta1"])
    def test_a_plugins_token_is_used(self, plugin, version):
        found = credentials(plugin(printing({"token": CANARY}, version), apiVersion=version))
        assert found.headers == (("Authorization", f"Bearer {CANARY}"),)

    def test_a_plugins_certificate_is_used(self, plugin):
        status = {"clientCertificateData": PAIR.certificate.decode(), "clientKeyData": PAIR.key.decode()}
        found = credentials(plugin(printing(status)))
        assert (found.certificate, found.key) == (PAIR.certificate, PAIR.key)

    def test_it_gets_its_arguments_its_variables_and_what_kubectl_tells_it(self, plugin, tmp_path):
        code = (
            f"json.dump([sys.argv[1:], os.environ['REGION'], os.environ['HOME'], "
            f"json.loads(os.environ['KUBERNETES_EXEC_INFO']), sys.stdin.read()], open('{tmp_path}/said', 'w'))\n"
        )
        entry = plugin(
            code + printing({"token": "t"}),
            args=["get-token", "--cluster", "prod"],
            env=[{"name": "REGION", "value": "eu"}],
            provideClusterInfo=True,
        )
        credentials(entry, info={"server": "https://api.example"})
        arguments, region, home, told, typed = json.loads((tmp_path / "said").read_text())
        assert (arguments, region, home, typed) == (["get-token", "--cluster", "prod"], "eu", os.environ["HOME"], "")
        assert told == {
            "apiVersion": V1,
            "kind": "ExecCredential",
            "spec": {"interactive": False, "cluster": {"server": "https://api.example"}},
        }

    def test_it_is_told_of_the_cluster_only_where_the_kubeconfig_says_so(self, plugin, tmp_path):
        code = f"open('{tmp_path}/said', 'w').write(os.environ['KUBERNETES_EXEC_INFO'])\n"
        credentials(plugin(code + printing({"token": "t"})), info={"server": "https://api.example"})
        assert "cluster" not in json.loads((tmp_path / "said").read_text())["spec"]

    def test_it_is_not_run_where_there_is_a_token_already(self, plugin):
        found = credentials({"token": "own", **plugin("sys.exit(1)")})
        assert found.headers == (("Authorization", "Bearer own"),)

    def test_that_of_a_supplied_kubeconfig_is_not_run_and_its_command_is_shown_without_secrets(self, plugin, tmp_path):
        entry = plugin(
            f"open('{tmp_path}/ran', 'w')\n{printing({'token': 't'})}", args=["--role=admin", f"--password={CANARY}"]
        )
        with pytest.raises(RefusedError) as refused:
            credentials(entry, supplied=True)
        assert f"{tmp_path}/plugin --role=admin --password=" in str(refused.value)
        assert "--allow-exec" in str(refused.value)
        assert CANARY not in str(refused.value)
        assert not (tmp_path / "ran").exists()
        assert credentials(entry, supplied=True, allow_exec=True).headers == (("Authorization", "Bearer t"),)
        assert (tmp_path / "ran").exists()

    def test_one_that_is_not_installed_says_so_with_its_hint(self):
        entry = {"exec": {"apiVersion": V1, "command": "no-such-plugin", "installHint": "Get it from\x1b[2J the shop."}}
        failed = failure(entry)
        assert failed.reason is GapReason.UNAUTHORIZED
        assert failed.detail.startswith("exec plugin no-such-plugin: it is not installed: Get it from")
        assert "\x1b" not in failed.detail

    def test_one_that_fails_says_why_without_its_secrets(self, plugin):
        failed = failure(
            plugin(
                f"print('{CANARY}'); print('Bearer {CANARY} has expired, log in again', file=sys.stderr); sys.exit(3)"
            )
        )
        assert "it ended with status 3" in failed.detail
        assert "has expired, log in again" in failed.detail

    def test_one_that_hangs_is_ended_with_everything_that_it_started(self, tmp_path):
        program = tmp_path / "plugin"
        program.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {tmp_path}/child\nwait\n")
        program.chmod(0o700)
        failed = failure({"exec": {"apiVersion": V1, "command": str(program)}}, timeout=2)
        assert failed.reason is GapReason.TIMEOUT
        assert "no credentials after 2 s" in failed.detail
        child = int((tmp_path / "child").read_text())
        wait_until("the child to end", lambda: has_ended(child), [], seconds=10)

    @pytest.mark.parametrize(
        ("output", "said"),
        [
            (f"print('{CANARY}')", "is not JSON"),
            ("pass", "is not JSON"),
            (f"print(json.dumps(['{CANARY}']))", "is no ExecCredential"),
            (printing({"token": CANARY}, "client.authentication.k8s.io/v1beta1"), "another version"),
            (printing({"token": [CANARY]}), "no usable status"),
            (printing([CANARY]), "no usable status"),
            (printing({}), "holds no credentials"),
            (printing({"clientKeyData": CANARY}), "holds no credentials"),
            ("print('[' * 100000)", "is not JSON"),
        ],
    )
    def test_output_that_is_no_credential_is_said_and_never_shown(self, plugin, output, said):
        assert said in failure(plugin(output)).detail

    def test_one_that_wants_a_terminal_is_not_started(self, plugin, tmp_path):
        failed = failure(plugin(f"open('{tmp_path}/ran', 'w')", interactiveMode="Always"))
        assert "wants a terminal" in failed.detail
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"apiVersion": "client.authentication.k8s.io/v1alpha1"},
            {"apiVersion": None},
            {"command": ""},
            {"args": "one"},
            {"args": [1]},
            {"env": {"A": "b"}},
            {"env": [{"name": 1}]},
        ],
    )
    def test_a_malformed_entry_is_refused(self, plugin, wrong):
        with pytest.raises(InputError):
            credentials(plugin(printing({"token": "t"}), **wrong))

    def test_a_program_that_cannot_be_started_is_said(self, tmp_path):
        program = tmp_path / "broken"
        program.write_bytes(b"\x7fELF nonsense")
        program.chmod(0o700)
        assert "it cannot be started" in failure({"exec": {"apiVersion": V1, "command": str(program)}}).detail
