"""Which kubeconfig and which context are used: as kubectl would, and with an error that helps where it would fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from k8srun.errors import InputError
from k8srun.sources import contexts
from k8srun.sources.connection import server_of
from k8srun.sources.contexts import choose_context

CANARY = "canary-4f1d0e"


def write(path: Path, *names: str, current: str = "", user: dict | None = None, **cluster: str) -> Path:
    """A kubeconfig with a context, a cluster and a user of each name."""
    document = {
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example", **cluster}} for name in names],
        "users": [{"name": name, "user": user or {}} for name in names],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in names],
        "current-context": current,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document))
    return path


def refusal(*args: str, **environ: str) -> str:
    with pytest.raises(InputError) as refused:
        choose_context(*args, environ=environ)
    return str(refused.value)


class TestWhichFile:
    def test_the_file_that_is_given_is_used_alone(self, tmp_path):
        given = write(tmp_path / "given", "a", current="a")
        other = write(tmp_path / "other", "b", current="b")
        chosen = choose_context(str(given), environ={"KUBECONFIG": str(other)})
        assert (chosen.name, chosen.path, chosen.supplied) == ("a", str(given), True)

    def test_a_file_that_is_given_and_is_ones_own_is_not_a_strangers(self, tmp_path):
        own = write(tmp_path / ".kube/config", "a", current="a")
        (tmp_path / "link").symlink_to(own)
        for given in (str(own), str(tmp_path / "link")):
            assert not choose_context(given, environ={"HOME": str(tmp_path)}).supplied

    def test_the_files_of_the_environment_are_merged_and_the_first_wins(self, tmp_path):
        first = write(tmp_path / "1", "a", "b", user={"token": "first"})
        second = write(tmp_path / "2", "b", "c", current="c", user={"token": "second"})
        third = write(tmp_path / "3", "d", current="d")
        listed = os.pathsep.join(map(str, (first, tmp_path / "missing", second, third)))
        chosen = choose_context(environ={"KUBECONFIG": listed})
        assert (chosen.name, chosen.cluster["server"], chosen.path) == ("c", "https://c.example", listed)
        assert choose_context("", "b", environ={"KUBECONFIG": listed}).user == {"token": "first"}
        assert not chosen.supplied

    def test_a_context_may_name_a_cluster_of_another_file(self, tmp_path):
        write(tmp_path / "1", "a")
        (tmp_path / "2").write_text("contexts: [{name: x, context: {cluster: a, user: a, namespace: shop}}]")
        listed = os.pathsep.join((str(tmp_path / "2"), str(tmp_path / "1")))
        chosen = choose_context("", "x", environ={"KUBECONFIG": listed})
        assert (chosen.cluster["server"], chosen.namespace) == ("https://a.example", "shop")

    def test_without_the_variable_the_file_of_the_home_folder_is_used(self, tmp_path):
        write(tmp_path / ".kube/config", "home", current="home")
        assert choose_context(environ={"HOME": str(tmp_path)}).name == "home"

    def test_in_a_pod_the_service_account_is_used(self, tmp_path, monkeypatch):
        monkeypatch.setattr(contexts, "SERVICE_ACCOUNT", tmp_path)
        environ = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
        chosen = choose_context(environ=environ)
        assert chosen.name == "in-cluster"
        assert chosen.cluster == {"server": "https://[fd00::1]:6443", "certificate-authority": f"{tmp_path}/ca.crt"}
        assert chosen.user == {"tokenFile": f"{tmp_path}/token"}
        assert server_of(chosen, {}).host == "fd00::1"

    def test_a_kubeconfig_goes_before_the_service_account(self, tmp_path):
        write(tmp_path / ".kube/config", "home", current="home")
        environ = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.96.0.1"}
        assert choose_context(environ=environ).name == "home"

    def test_relative_paths_are_relative_to_the_file_that_says_them(self, tmp_path, monkeypatch):
        user = {"client-certificate": "a.crt", "client-key": "/etc/a.key", "tokenFile": "t"}
        user["exec"] = {"command": "bin/login"}
        write(tmp_path / "kube/config", "a", current="a", user=user, **{"certificate-authority": "pki/ca.crt"})
        monkeypatch.chdir(tmp_path)
        chosen = choose_context("kube/config", environ={})
        folder = tmp_path / "kube"
        assert chosen.cluster["certificate-authority"] == f"{folder}/pki/ca.crt"
        assert (chosen.user["client-certificate"], chosen.user["tokenFile"]) == (f"{folder}/a.crt", f"{folder}/t")
        assert chosen.user["client-key"] == "/etc/a.key"
        assert chosen.user["exec"]["command"] == f"{folder}/bin/login"

    def test_a_command_without_a_slash_is_left_to_the_path(self, tmp_path):
        path = write(tmp_path / "config", "a", current="a", user={"exec": {"command": "aws"}})
        assert choose_context(str(path), environ={}).user["exec"]["command"] == "aws"


class TestWhatCannotBeUsed:
    def test_a_context_that_does_not_exist_names_those_that_do(self, tmp_path):
        path = write(tmp_path / "config", "staging", "prod", current="prod")
        said = refusal(str(path), "production")
        assert "there is no context 'production'" in said
        assert "prod, staging" in said
        assert str(path) in said

    def test_no_current_context_names_those_to_choose_from(self, tmp_path):
        said = refusal(str(write(tmp_path / "config", "prod")))
        assert "no current context is set" in said
        assert "--context: prod" in said

    @pytest.mark.parametrize("what", ["cluster", "user"])
    def test_a_context_that_leads_nowhere_says_which_name_is_missing(self, tmp_path, what):
        names = {"cluster": "a", "user": "a"} | {what: "gone"}
        path = write(tmp_path / "config", "a", current="x")
        document = yaml.safe_load(path.read_text()) | {"contexts": [{"name": "x", "context": names}]}
        path.write_text(yaml.safe_dump(document))
        assert f"names the {what} 'gone', which does not exist" in refusal(str(path))

    def test_a_context_without_a_user_is_anonymous(self, tmp_path):
        path = write(tmp_path / "config", "a", current="x")
        document = yaml.safe_load(path.read_text()) | {"contexts": [{"name": "x", "context": {"cluster": "a"}}]}
        path.write_text(yaml.safe_dump(document))
        assert choose_context(str(path), environ={}).user == {}

    def test_no_kubeconfig_at_all_says_where_it_was_looked_for(self, tmp_path):
        said = refusal(HOME=str(tmp_path))
        assert "no kubeconfig was found" in said
        assert str(tmp_path / ".kube/config") in said
        assert "--kubeconfig" in said

    def test_a_given_file_that_is_missing_is_an_error_and_not_passed_over(self, tmp_path):
        write(tmp_path / ".kube/config", "home", current="home")
        assert "No such file" in refusal(str(tmp_path / "gone"), HOME=str(tmp_path))

    def test_a_folder_is_no_kubeconfig(self, tmp_path):
        assert "not a regular file" in refusal(str(tmp_path))

    @pytest.mark.parametrize(
        "text", [f"token: {CANARY}: {CANARY}", f"- {CANARY}", f"users: [{CANARY}]", f"a: !!python/object:x {CANARY}"]
    )
    def test_a_malformed_file_is_refused_with_its_name_and_without_its_content(self, tmp_path, text):
        (tmp_path / "config").write_text(text)
        said = refusal(str(tmp_path / "config"))
        assert str(tmp_path / "config") in said
        assert CANARY not in said

    def test_an_empty_file_holds_no_context(self, tmp_path):
        (tmp_path / "config").write_text("")
        assert "none at all" in refusal(str(tmp_path / "config"))

    def test_a_name_that_is_there_twice_is_refused_as_by_kubectl(self, tmp_path):
        path = write(tmp_path / "config", "a", "a", current="a")
        assert "'a' is there twice" in refusal(str(path))

    @pytest.mark.parametrize(
        "server",
        ["", "https://", "ftp://api.example", "https://api.example:99999", f"https://jane:{CANARY}@api.example"],
    )
    def test_a_server_that_is_no_address_is_refused_without_its_password(self, tmp_path, server):
        chosen = choose_context(str(write(tmp_path / "config", "a", current="a", server=server)), environ={})
        with pytest.raises(InputError, match="has no usable server") as refused:
            server_of(chosen, {})
        assert CANARY not in str(refused.value)


class TestTheServer:
    def server(self, tmp_path: Path, environ: dict | None = None, **cluster: object):
        path = write(tmp_path / "config", "a", current="a", **cluster)
        return server_of(choose_context(str(path), environ={}), environ or {})

    def test_port_and_path_are_those_of_the_url(self, tmp_path):
        server = self.server(tmp_path, server="https://rancher.example/k8s/clusters/c-1/")
        assert (server.host, server.port, server.path) == ("rancher.example", 443, "/k8s/clusters/c-1")

    def test_without_a_scheme_it_is_tls_where_a_ca_is_given_and_plain_http_otherwise(self, tmp_path):
        assert self.server(tmp_path, server="api.example:6443").url == "http://api.example:6443"
        secure = self.server(tmp_path, server="api.example:6443", **{"certificate-authority": "ca.crt"})
        assert (secure.url, secure.is_tls) == ("https://api.example:6443", True)

    def test_name_and_verification_are_taken_over(self, tmp_path):
        server = self.server(tmp_path, **{"tls-server-name": "kubernetes", "insecure-skip-tls-verify": True})
        assert (server.server_name, server.verify) == ("kubernetes", False)

    def test_the_proxy_of_the_kubeconfig_goes_before_that_of_the_environment(self, tmp_path):
        environ = {"HTTPS_PROXY": "http://environment.example:3128"}
        assert self.server(tmp_path, environ).proxy == "http://environment.example:3128"
        own = self.server(tmp_path, environ, **{"proxy-url": f"http://jane:{CANARY}@own.example"})
        assert own.proxy == f"http://jane:{CANARY}@own.example"
        assert CANARY not in repr(own)

    def test_a_proxy_of_another_kind_is_refused(self, tmp_path):
        with pytest.raises(InputError, match="only HTTP proxies") as refused:
            self.server(tmp_path, **{"proxy-url": f"socks5://jane:{CANARY}@proxy.example"})
        assert CANARY not in str(refused.value)
