"""The reduced view of a kubeconfig: what stays of one in a snapshot."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.codec import encode
from k8srun.errors import InputError
from k8srun.sources.kubeconfig import reduce_kubeconfig
from tests.controlplane.pki import Authority

CANARY = "canary-4f1d0e"
AUTHORITY = Authority("kubernetes")
CLIENT = AUTHORITY.issue("jane", ["dev"])


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def jwt(**claims: object) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), CANARY]
    )


def kubeconfig(cluster: dict | None = None, user: dict | None = None, **more: object) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "prod", "cluster": {"server": "https://127.0.0.1:6443", **(cluster or {})}}],
        "users": [{"name": "jane", "user": user or {}}],
        "contexts": [{"name": "jane@prod", "context": {"cluster": "prod", "user": "jane", "namespace": "shop"}}],
        "current-context": "jane@prod",
        **more,
    }


class TestTheReducedView:
    def test_embedded_certificates_are_kept_and_the_key_leaves_only_its_hash(self):
        view = reduce_kubeconfig(
            kubeconfig(
                {"certificate-authority-data": b64(AUTHORITY.pair.certificate)},
                {"client-certificate-data": b64(CLIENT.certificate), "client-key-data": b64(CLIENT.key)},
            )
        )
        cluster, user = view.resolve()
        assert cluster.ca[0].is_certificate
        assert user.credential == "client certificate"
        assert user.key.public_key_sha256 == user.certificate[0].public_key_sha256 != ""
        assert user.key.der == b""
        assert user.error == cluster.ca_error == ""

    def test_contexts_keep_their_cluster_user_and_namespace(self):
        (context,) = reduce_kubeconfig(kubeconfig()).contexts
        assert (context.name, context.cluster, context.user, context.namespace) == ("jane@prod", "prod", "jane", "shop")

    def test_no_secret_of_any_credential_survives(self):
        user = {
            "token": jwt(sub="system:serviceaccount:shop:web"),
            "username": "jane",
            "password": CANARY,
            "client-key-data": b64(CANARY.encode()),
            "exec": {"command": "aws", "args": [CANARY], "env": [{"name": "TOKEN", "value": CANARY}]},
            "auth-provider": {"name": "oidc", "config": {"refresh-token": CANARY}},
        }
        cluster = {
            "server": f"https://jane:{CANARY}@127.0.0.1:6443",
            "proxy-url": f"http://jane:a/b@{CANARY}@127.0.0.1:3128",
        }
        view = reduce_kubeconfig(kubeconfig(cluster, user))
        assert CANARY not in encode(view).decode()
        assert CANARY not in repr(view)
        assert b64(CANARY.encode()) not in encode(view).decode()
        cluster_view, user_view = view.resolve()
        assert (cluster_view.server, cluster_view.proxy_url) == ("https://127.0.0.1:6443", "http://127.0.0.1:3128")
        assert user_view.token_claims == {"sub": "system:serviceaccount:shop:web"}
        assert user_view.exec_command == "aws"
        assert user_view.credential == "token and exec plugin and basic auth and auth provider"

    def test_an_opaque_token_has_no_claims(self):
        _, user = reduce_kubeconfig(kubeconfig(user={"token": "abcdef.0123456789abcdef"})).resolve()
        assert (user.credential, user.token_claims) == ("token", None)

    def test_named_files_are_read_relative_to_the_kubeconfig(self, tmp_path):
        (tmp_path / "pki").mkdir()
        (tmp_path / "pki/ca.crt").write_bytes(AUTHORITY.pair.certificate)
        (tmp_path / "jane.key").write_bytes(CLIENT.key)
        (tmp_path / "token").write_text(jwt(sub="jane"))
        document = kubeconfig(
            {"certificate-authority": "pki/ca.crt"}, {"client-key": str(tmp_path / "jane.key"), "tokenFile": "token"}
        )
        cluster, user = reduce_kubeconfig(document, tmp_path).resolve()
        assert (len(cluster.ca), cluster.ca_path, cluster.ca_error) == (1, "pki/ca.crt", "")
        assert user.key.public_key_sha256
        assert user.token_claims == {"sub": "jane"}
        assert user.credential == "token file"

    def test_a_named_file_that_is_missing_is_said_and_the_rest_is_kept(self, tmp_path):
        document = kubeconfig(
            {"certificate-authority": "ca.crt"},
            {"client-certificate": "gone.crt", "client-key": "gone.key", "client-certificate-data": ""},
        )
        cluster, user = reduce_kubeconfig(document, tmp_path).resolve()
        assert cluster.ca_error == "ca.crt: No such file or directory"
        assert user.error == "gone.crt: No such file or directory; gone.key: No such file or directory"
        assert (cluster.server, user.credential) == ("https://127.0.0.1:6443", "client certificate")

    def test_without_a_folder_named_files_are_not_looked_for_and_that_is_said(self):
        cluster, _ = reduce_kubeconfig(kubeconfig({"certificate-authority": "/etc/hostname"})).resolve()
        assert cluster.ca == ()
        assert cluster.ca_error.startswith("/etc/hostname: not read")

    def test_files_of_another_host_are_read_by_the_given_function(self):
        def read(path: Path) -> bytes:
            assert path == Path("/var/lib/kubelet/pki/current.pem")
            return CLIENT.certificate + CLIENT.key

        named = "/var/lib/kubelet/pki/current.pem"
        document = kubeconfig(user={"client-certificate": named, "client-key": named})
        _, user = reduce_kubeconfig(document, Path("/etc/kubernetes"), read=read).resolve()
        assert user.certificate[0].is_certificate
        assert user.key.is_private_key

    def test_embedded_data_wins_over_a_named_file(self, tmp_path):
        document = kubeconfig(
            {"certificate-authority-data": b64(AUTHORITY.pair.certificate), "certificate-authority": "gone.crt"}
        )
        cluster, _ = reduce_kubeconfig(document, tmp_path).resolve()
        assert (len(cluster.ca), cluster.ca_error) == (1, "")

    def test_a_pipe_named_as_certificate_does_not_hang(self, tmp_path):
        os.mkfifo(tmp_path / "ca.crt")
        cluster, _ = reduce_kubeconfig(kubeconfig({"certificate-authority": "ca.crt"}), tmp_path).resolve()
        assert cluster.ca_error == "ca.crt: not a regular file"

    def test_data_that_is_not_base64_is_said_without_being_shown(self):
        cluster, _ = reduce_kubeconfig(kubeconfig({"certificate-authority-data": f"%{CANARY}"})).resolve()
        assert cluster.ca_error == "certificate-authority-data is not valid base64"

    def test_a_certificate_in_the_place_of_the_key_is_recognised_by_its_label(self):
        _, user = reduce_kubeconfig(kubeconfig(user={"client-key-data": b64(CLIENT.certificate)})).resolve()
        assert user.key.label == "CERTIFICATE"

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"clusters": {"prod": {}}}, "clusters must be a list"),
            ({"clusters": ["prod"]}, "clusters[0] must have a name"),
            ({"users": [{"name": "jane", "user": CANARY}]}, "users[0].user must be a mapping"),
            ({"users": [{"name": "jane", "user": {"token": [CANARY]}}]}, "token must be text, not list"),
            ({"users": [{"name": "jane", "user": {"exec": CANARY}}]}, "exec must be a mapping"),
            ({"current-context": 7}, "current-context must be text"),
        ],
    )
    def test_a_malformed_document_is_refused_with_the_field_and_without_the_value(self, change, field):
        with pytest.raises(InputError) as refused:
            reduce_kubeconfig(kubeconfig() | change)
        assert field in str(refused.value)
        assert CANARY not in str(refused.value)

    def test_an_empty_kubeconfig_is_empty(self):
        assert reduce_kubeconfig({}).resolve() == (None, None)

    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("ab", max_size=8) | st.binary(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=4), inner, max_size=3),
        max_leaves=6,
    )
    fields = st.sampled_from(
        ["name", "cluster", "user", "context", "server", "token", "tokenFile", "exec", "client-key-data", "client-key"]
    )
    entries = st.lists(
        st.dictionaries(fields, values | st.dictionaries(fields, values, max_size=3), max_size=4), max_size=3
    )

    @given(st.dictionaries(st.sampled_from(["clusters", "users", "contexts", "current-context"]), values | entries))
    def test_no_document_raises_anything_but_an_input_error(self, document):
        try:
            reduce_kubeconfig(document, Path("/nonexistent"))
        except InputError:
            return
