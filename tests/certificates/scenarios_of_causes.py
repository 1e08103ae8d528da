"""For each cause a message and a cluster that show it, and nothing else. Lines are as long as the messages are."""

# ruff: noqa: E501

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST
from k8srun.kubeconfig import KubeconfigUser
from k8srun.pem import PemBlock, read_pem
from k8srun.snapshot import Snapshot
from k8srun.tls import HandshakeOutcome
from tests.certificates import check_cases, der
from tests.certificates.cluster import (
    HOST,
    KUBECONFIG,
    PKI,
    PORT,
    Cluster,
    certificate,
    ip,
    pem,
    serving,
    user,
)
from tests.certificates.model import (
    BASIC_CONSTRAINTS,
    CLIENT_AUTH,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    NOW,
    POLICY_CONSTRAINTS,
    SAN,
    SERVER_AUTH,
    Entry,
    authority,
    key,
    leaf,
)

UNKNOWN = (
    "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority"
)
UNAUTHORIZED = "error: You must be logged in to the server (Unauthorized)"
EXPIRED = "x509: certificate has expired or is not yet valid: current time {now} is after {bound}"
EARLY = "x509: certificate has expired or is not yet valid: current time {now} is before {bound}"


@dataclass(frozen=True)
class Scenario:
    """`cause` is the one that must be confirmed, `others` those that are confirmed with good reason as well."""

    cause: str
    text: str
    snapshot: Snapshot
    others: frozenset[str] = frozenset()


_MAKERS: list[Callable[[], Scenario]] = []


def scenario(make: Callable[[], Scenario]) -> Callable[[], Scenario]:
    _MAKERS.append(make)
    return make


def scenarios() -> Iterator[tuple[str, Scenario]]:
    for make in _MAKERS:
        yield make.__name__, make()


def stamp(moment) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def hint(reason: str, name: str = "kubernetes") -> str:
    return f'{UNKNOWN} (possibly because of "{reason}" while trying to verify candidate authority certificate "{name}")'


@scenario
def the_ca_of_another_cluster() -> Scenario:
    return Scenario("wrong-ca-bundle", UNKNOWN, Cluster(trusted=(authority("staging", key("P-256", 20)),)).snapshot())


@scenario
def the_same_named_ca_of_another_cluster() -> Scenario:
    other = authority("kubernetes", key("P-256", 20))
    cluster = Cluster(trusted=(other,))
    cluster.more_files.append(kubeconfig_of("https://staging.example:6443", other))
    return Scenario("wrong-ca-bundle", hint("x509: ECDSA verification failure"), cluster.snapshot())


@scenario
def a_rebuilt_ca() -> Scenario:
    old = authority("kubernetes", key("P-256", 20))
    return Scenario("ca-rebuilt", hint("x509: ECDSA verification failure"), Cluster(trusted=(old,)).snapshot())


@scenario
def a_rebuilt_ca_as_openssl_says_it() -> Scenario:
    old = authority("kubernetes", key("P-256", 20))
    text = "curl: (60) SSL certificate problem: unable to get local issuer certificate"
    return Scenario("ca-rebuilt", text, Cluster(trusted=(old,)).snapshot())


@scenario
def an_intermediate_that_is_not_sent() -> Scenario:
    cluster = Cluster()
    between = authority("serving-ca", key("P-256", 20), cluster.ca)
    cluster.apiserver = serving(between)
    cluster.more_files.append(HostFile(f"{PKI}/serving-ca.crt", Topic.PKI, "node-1", pem=certificate(between)))
    return Scenario("intermediate-not-sent", UNKNOWN, cluster.snapshot())


@scenario
def a_self_signed_server() -> Scenario:
    return Scenario("self-signed", UNKNOWN, Cluster(presented=(serving(None),)).snapshot())


@scenario
def a_kubeconfig_without_a_ca() -> Scenario:
    return Scenario("ca-not-configured", UNKNOWN, Cluster(trusted=()).snapshot())


@scenario
def a_ca_name_in_another_string_type() -> Scenario:
    cluster = Cluster()
    twin = authority("kubernetes", key("P-256", 10))
    twin.subject = der.name((der.COMMON_NAME, "kubernetes"), tag=der.PRINTABLE)
    cluster.trusted = (twin,)
    return Scenario("ca-name-encoding", UNKNOWN, cluster.snapshot())


@scenario
def a_leaf_in_place_of_the_ca() -> Scenario:
    cluster = Cluster()
    before = serving(cluster.ca, key("P-256", 20))
    cluster.trusted = (before,)
    return Scenario("leaf-as-ca", UNKNOWN, cluster.snapshot())


@scenario
def a_ca_that_may_not_sign() -> Scenario:
    cluster = Cluster()
    cluster.ca.extend(KEY_USAGE, der.key_usage("digitalSignature"), True)
    reason = "x509: invalid signature: parent certificate cannot sign this kind of certificate"
    return Scenario("ca-cannot-sign", hint(reason), cluster.snapshot())


@scenario
def a_ca_without_basic_constraints() -> Scenario:
    cluster = Cluster()
    del cluster.ca.extensions[BASIC_CONSTRAINTS]
    reason = "x509: invalid signature: parent certificate cannot sign this kind of certificate"
    return Scenario("ca-cannot-sign", hint(reason), cluster.snapshot())


@scenario
def a_stranger_in_the_chain() -> Scenario:
    cluster = Cluster()
    cluster.presented = (cluster.apiserver, authority("stranger", key("P-256", 20)))
    return Scenario(
        "issuer-mismatch", "x509: issuer name does not match subject from issuing certificate", cluster.snapshot()
    )


@scenario
def a_damaged_signature() -> Scenario:
    cluster = Cluster()
    cluster.apiserver.damaged = True
    return Scenario("signature-damaged", hint("x509: ECDSA verification failure"), cluster.snapshot())


@scenario
def a_sha1_signature() -> Scenario:
    cluster = Cluster(ca=authority("kubernetes", key("RSA", 0)))
    cluster.apiserver.algorithm = "SHA1-RSA"
    return Scenario(
        "weak-signature", hint("x509: cannot verify signature: insecure algorithm SHA1-RSA"), cluster.snapshot()
    )


@scenario
def a_short_key_as_openssl_says_it() -> Scenario:
    cluster = Cluster()
    cluster.apiserver = serving(cluster.ca, key("RSA1024", 0))
    text = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: EE certificate key too weak (_ssl.c:1006)"
    return Scenario("weak-key", text, cluster.snapshot())


@scenario
def an_expired_serving_certificate() -> Scenario:
    cluster = Cluster()
    cluster.apiserver.not_after = NOW - timedelta(days=2)
    text = EXPIRED.format(now=stamp(NOW), bound=stamp(cluster.apiserver.not_after))
    return Scenario("certificate-expired", f"Unable to connect to the server: {text}", cluster.snapshot())


@scenario
def an_expired_certificate_found_by_the_date_in_a_log() -> Scenario:
    cluster = Cluster(observed=False)
    cluster.etcd_server.not_after = NOW - timedelta(days=2)
    text = EXPIRED.format(now=stamp(NOW), bound=stamp(cluster.etcd_server.not_after))
    return Scenario(
        "certificate-expired",
        f'"transport: authentication handshake failed: tls: failed to verify certificate: {text}"',
        cluster.snapshot(),
    )


@scenario
def an_expired_intermediate() -> Scenario:
    cluster = Cluster()
    between = authority("serving-ca", key("P-256", 20), cluster.ca)
    between.not_after = NOW - timedelta(days=2)
    cluster.presented = (serving(between), between)
    text = EXPIRED.format(now=stamp(NOW), bound=stamp(between.not_after))
    return Scenario("intermediate-expired", f"Unable to connect to the server: {text}", cluster.snapshot())


@scenario
def an_expired_ca() -> Scenario:
    cluster = Cluster()
    cluster.ca.not_after = NOW - timedelta(days=2)
    text = EXPIRED.format(now=stamp(NOW), bound=stamp(cluster.ca.not_after))
    return Scenario("ca-expired", f"Unable to connect to the server: {text}", cluster.snapshot())


@scenario
def a_certificate_from_the_future() -> Scenario:
    cluster = Cluster()
    cluster.apiserver.not_before = NOW + timedelta(hours=5)
    text = EARLY.format(now=stamp(NOW), bound=stamp(cluster.apiserver.not_before))
    return Scenario("certificate-not-yet-valid", f"Unable to connect to the server: {text}", cluster.snapshot())


@scenario
def a_process_that_serves_what_was_renewed() -> Scenario:
    cluster = Cluster()
    old = serving(cluster.ca)
    old.not_after = NOW - timedelta(days=2)
    cluster.presented = (old,)
    text = EXPIRED.format(now=stamp(NOW), bound=stamp(old.not_after))
    return Scenario("process-not-restarted", f"Unable to connect to the server: {text}", cluster.snapshot())


@scenario
def an_apiserver_that_has_run_for_a_year() -> Scenario:
    text = EXPIRED.format(now=stamp(NOW), bound=stamp(NOW - timedelta(hours=3)))
    line = f'E0517 12:00:00.000000 1 reflector.go:147] kube-apiserver: Failed to list: Get "https://[::1]:6443/api": {text}'
    return Scenario("loopback-expired", line, Cluster().snapshot())


@scenario
def a_clock_that_is_behind() -> Scenario:
    cluster = Cluster()
    text = EARLY.format(now=stamp(NOW - timedelta(days=900)), bound=stamp(cluster.ca.not_before))
    return Scenario("clock-skew", f"kubelet: {text}", cluster.snapshot())


@scenario
def a_clock_that_is_ahead() -> Scenario:
    cluster = Cluster()
    text = EXPIRED.format(now=stamp(NOW + timedelta(days=900)), bound=stamp(cluster.apiserver.not_after))
    return Scenario("clock-skew", f"kubelet: {text}", cluster.snapshot())


@scenario
def a_missing_name() -> Scenario:
    cluster = Cluster()
    cluster.apiserver.extend(SAN, der.general_names(der.dns("kubernetes"), ip("192.0.2.10")))
    text = f"x509: certificate is valid for kubernetes, not {HOST}"
    return Scenario(
        "san-missing", f"Unable to connect to the server: tls: failed to verify certificate: {text}", cluster.snapshot()
    )


@scenario
def another_server_behind_the_address() -> Scenario:
    ingress = leaf("shop.example", key("P-256", 20), authority("web", key("P-256", 21)), der.dns("shop.example"))
    text = f"x509: certificate is valid for shop.example, not {HOST}"
    return Scenario(
        "wrong-endpoint",
        f"Unable to connect to the server: tls: failed to verify certificate: {text}",
        Cluster(presented=(ingress,)).snapshot(),
    )


@scenario
def an_address_written_as_a_name() -> Scenario:
    cluster = Cluster()
    cluster.etcd_server.extend(SAN, der.general_names(der.dns("127.0.0.1"), der.dns("localhost")))
    text = "dial https://127.0.0.1:2379: x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs"
    return Scenario("ip-as-dns-name", text, cluster.snapshot())


@scenario
def a_kubelet_that_signed_for_itself() -> Scenario:
    own = authority("node-1-ca@1700000000", key("P-256", 20))
    served = leaf("node-1@1700000000", key("P-256", 21), own, der.dns("node-1"))
    cluster = Cluster()
    path = "/var/lib/kubelet/pki/kubelet.crt"
    cluster.more_files.append(HostFile(path, Topic.KUBELET, "node-1", pem=certificate(served, own)))
    text = (
        'scraper.go:149] "Failed to scrape node" err="Get \\"https://192.0.2.10:10250/metrics/resource\\": tls: failed to '
        "verify certificate: x509: cannot validate certificate for 192.0.2.10 because it doesn't contain any IP SANs\""
    )
    return Scenario("kubelet-serving-self-signed", text, cluster.snapshot())


@scenario
def a_certificate_with_a_common_name_alone() -> Scenario:
    cluster = Cluster()
    cluster.apiserver = leaf(HOST, key("P-256", 11), cluster.ca)
    return Scenario(
        "no-san", "x509: certificate relies on legacy Common Name field, use SANs instead", cluster.snapshot()
    )


@scenario
def an_etcd_peer_at_an_address_it_does_not_name() -> Scenario:
    text = '{"level":"warn","msg":"rejected connection","remote-addr":"10.0.0.9:4711","error":"tls: \\"10.0.0.9\\" does not match any of DNSNames [\\"localhost\\"]"}'
    return Scenario("etcd-peer-san-missing", text, Cluster().snapshot())


@scenario
def a_client_certificate_that_serves() -> Scenario:
    cluster = Cluster()
    cluster.apiserver.extend(EXTENDED_KEY_USAGE, der.extended_key_usage(CLIENT_AUTH))
    return Scenario(
        "key-usage-wrong",
        "Unable to connect to the server: x509: certificate specifies an incompatible key usage",
        cluster.snapshot(),
    )


@scenario
def a_ca_for_clients_only() -> Scenario:
    cluster = Cluster()
    cluster.ca.extend(EXTENDED_KEY_USAGE, der.extended_key_usage(CLIENT_AUTH))
    return Scenario(
        "ca-usage-wrong",
        "Unable to connect to the server: x509: certificate specifies an incompatible key usage",
        cluster.snapshot(),
    )


@scenario
def an_etcd_server_certificate_without_client_use() -> Scenario:
    cluster = Cluster()
    cluster.etcd_server.extend(EXTENDED_KEY_USAGE, der.extended_key_usage(SERVER_AUTH))
    text = '{"caller":"embed/config_logging.go:169","msg":"rejected connection","remote-addr":"127.0.0.1:4711","error":"tls: failed to verify client certificate: x509: certificate specifies an incompatible key usage"}'
    return Scenario("etcd-client-usage-missing", text, cluster.snapshot())


@scenario
def a_ca_that_may_not_sign_for_the_name() -> Scenario:
    cluster = Cluster()
    cluster.ca.extend(NAME_CONSTRAINTS, der.name_constraints(permitted=(der.dns("other.example"),)), True)
    text = f'x509: a root or intermediate certificate is not authorized to sign for this name: DNS name "{HOST}" is not permitted by any constraint'
    return Scenario("name-constraint", text, cluster.snapshot())


@scenario
def more_intermediates_than_allowed() -> Scenario:
    cluster = Cluster()
    cluster.ca.extend(BASIC_CONSTRAINTS, der.basic_constraints(True, 0), True)
    between = authority("serving-ca", key("P-256", 20), cluster.ca)
    cluster.presented = (serving(between), between)
    return Scenario(
        "path-length-exceeded", "x509: too many intermediates for path length constraint", cluster.snapshot()
    )


@scenario
def an_unknown_critical_extension() -> Scenario:
    cluster = Cluster()
    cluster.apiserver.extend("1.2.3.4.5", b"\x05\0", True)
    return Scenario(
        "critical-extension", "Unable to connect to the server: x509: unhandled critical extension", cluster.snapshot()
    )


@scenario
def a_policy_that_no_certificate_has() -> Scenario:
    cluster = Cluster()
    cluster.ca.extend(POLICY_CONSTRAINTS, der.policy_constraints(0), True)
    between = authority("serving-ca", key("P-256", 20), cluster.ca)
    between.extend(POLICY_CONSTRAINTS, der.policy_constraints(0), True)
    cluster.presented = (serving(between), between)
    return Scenario("policy-constraint", "x509: no valid chains built", cluster.snapshot())


@scenario
def a_python_that_is_stricter_than_go() -> Scenario:
    cluster = Cluster()
    cluster.ca.extend(BASIC_CONSTRAINTS, der.basic_constraints(True))
    text = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Basic Constraints of CA cert not marked critical (_ssl.c:1020)"
    return Scenario("strict-verifier", text, cluster.snapshot())


@scenario
def a_key_of_another_certificate() -> Scenario:
    text = "failed to run: tls: private key does not match public key"
    return Scenario("key-mismatch", text, Cluster(keys={"apiserver": key("P-256", 20)}).snapshot())


@scenario
def an_empty_certificate_file() -> Scenario:
    return Scenario(
        "pem-missing",
        "tls: failed to find any PEM data in certificate input",
        with_content(PemBlock("", error="empty")),
    )


@scenario
def a_certificate_behind_a_byte_order_mark() -> Scenario:
    text = codecs.BOM_UTF8 + pem(Cluster().apiserver).encode()
    return Scenario(
        "pem-missing", "tls: failed to find any PEM data in certificate input", with_content(*read_pem(text))
    )


@scenario
def base64_once_too_often() -> Scenario:
    block = PemBlock("", error="base64 of a PEM file: encoded once too often")
    return Scenario("pem-double-encoded", "tls: failed to find any PEM data in certificate input", with_content(block))


@scenario
def certificate_and_key_swapped() -> Scenario:
    cluster = Cluster(without={f"{PKI}/apiserver.crt", f"{PKI}/apiserver.key"})
    cluster.more_files += [
        HostFile(
            f"{PKI}/apiserver.crt", Topic.PKI, "node-1", pem=(PemBlock("EC PRIVATE KEY", public_key_sha256="ab"),)
        ),
        HostFile(f"{PKI}/apiserver.key", Topic.PKI, "node-1", pem=certificate(cluster.apiserver)),
    ]
    text = "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"
    return Scenario("pem-swapped", text, cluster.snapshot())


@scenario
def a_truncated_certificate() -> Scenario:
    return Scenario(
        "pem-truncated",
        "x509: malformed certificate",
        with_content(PemBlock("CERTIFICATE", error="truncated: no END line")),
    )


@scenario
def a_certificate_whose_key_is_on_a_curve_that_go_does_not_know() -> Scenario:
    cluster = Cluster()
    own = certificate(leaf("kube-apiserver", key("K-256"), cluster.ca, der.dns(HOST)))
    cluster.without.add(f"{PKI}/apiserver.crt")
    cluster.more_files.append(HostFile(f"{PKI}/apiserver.crt", Topic.PKI, "node-1", pem=own))
    cluster.keys["apiserver"] = key("K-256")
    text = 'err="key failed with : x509: unsupported elliptic curve"'
    return Scenario("certificate-refused", text, cluster.snapshot())


@scenario
def an_apiserver_whose_name_aggregated_apis_do_not_accept() -> Scenario:
    text = 'err="[x509: subject with cn=aggregator is not in the allowed list]"'
    return Scenario("front-proxy-name-not-allowed", text, check_cases.other_front_proxy_name())


@scenario
def one_ca_for_clients_and_the_aggregation_layer() -> Scenario:
    text = 'err="[x509: subject with cn=mara is not in the allowed list]"'
    return Scenario("front-proxy-ca-shared", text, check_cases.shared_front_proxy())


@scenario
def a_file_that_is_not_there() -> Scenario:
    path = f"{PKI}/apiserver-etcd-client.key"
    text = f"open {path}: no such file or directory"
    return Scenario("file-missing", text, Cluster(without={path}).snapshot())


@scenario
def an_expired_client_certificate() -> Scenario:
    cluster = Cluster()
    cluster.admin.not_after = NOW - timedelta(days=2)
    return Scenario("client-certificate-expired", UNAUTHORIZED, cluster.snapshot())


@scenario
def an_expired_client_certificate_in_the_apiservers_log() -> Scenario:
    cluster = Cluster()
    cluster.admin.not_after = NOW - timedelta(days=2)
    cluster.admin.serial = 4711
    expired = EXPIRED.format(now=stamp(NOW), bound=stamp(cluster.admin.not_after))
    text = f'E0517 authentication.go:73] "Unable to authenticate the request" err="[{expired}, verifying certificate SN=4711, SKID=, AKID= failed: {expired}]"'
    return Scenario("client-certificate-expired", text, cluster.snapshot())


@scenario
def a_client_certificate_from_the_future() -> Scenario:
    cluster = Cluster()
    cluster.admin.not_before = NOW + timedelta(hours=5)
    return Scenario("client-certificate-not-yet-valid", UNAUTHORIZED, cluster.snapshot())


@scenario
def a_client_certificate_of_another_cluster() -> Scenario:
    cluster = Cluster()
    cluster.admin = user(authority("kubernetes", key("P-256", 20)))
    return Scenario("client-certificate-of-another-ca", UNAUTHORIZED, cluster.snapshot())


@scenario
def a_client_certificate_that_is_refused_by_alert() -> Scenario:
    cluster = Cluster()
    cluster.admin = user(authority("staging", key("P-256", 20)))
    text = f'Get "https://{HOST}:{PORT}/api": remote error: tls: unknown certificate authority'
    return Scenario("client-certificate-of-another-ca", text, cluster.snapshot())


@scenario
def no_client_certificate() -> Scenario:
    cluster = Cluster(credential=KubeconfigUser("mara"))
    text = f'Get "https://{HOST}:{PORT}/api": remote error: tls: certificate required'
    return Scenario("client-certificate-not-sent", text, cluster.snapshot())


@scenario
def a_serving_certificate_used_by_a_client() -> Scenario:
    cluster = Cluster()
    cluster.admin.extend(EXTENDED_KEY_USAGE, der.extended_key_usage(SERVER_AUTH))
    return Scenario("client-certificate-usage", UNAUTHORIZED, cluster.snapshot())


@scenario
def a_kubelet_that_slept_through_its_rotation() -> Scenario:
    cluster = Cluster()
    own = leaf("system:node:node-1", key("P-256", 20), cluster.ca, usages=(CLIENT_AUTH,))
    own.not_after = NOW - timedelta(days=2)
    path = "/var/lib/kubelet/pki/kubelet-client-current.pem"
    cluster.more_files += [
        HostFile(path, Topic.KUBELET, "node-1", pem=certificate(own)),
        HostFile("/etc/kubernetes/bootstrap-kubelet.conf", Topic.KUBECONFIG, "node-1"),
    ]
    text = "bootstrap.go:266] part of the existing bootstrap client certificate in /etc/kubernetes/kubelet.conf is expired: 2026-05-15 12:00:00 +0000 UTC"
    return Scenario("kubelet-client-certificate-expired", text, cluster.snapshot())


@scenario
def a_kubelet_without_any_credential() -> Scenario:
    text = "failed to run Kubelet: unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory"
    return Scenario("kubelet-bootstrap-missing", text, Cluster().snapshot())


@scenario
def a_kubelet_that_waits_for_approval() -> Scenario:
    request = {
        "metadata": {"name": "csr-8x2lp"},
        "spec": {"signerName": "kubernetes.io/kubelet-serving", "username": "system:node:node-1"},
    }
    text = 'Error from server: Get "https://192.0.2.10:10250/containerLogs/a/b/c": remote error: tls: internal error'
    return Scenario(
        "kubelet-serving-csr-pending", text, Cluster(objects={CERTIFICATE_SIGNING_REQUEST: (request,)}).snapshot()
    )


@scenario
def http_where_tls_is_expected() -> Scenario:
    text = "Unable to connect to the server: http: server gave HTTP response to HTTPS client"
    return Scenario("plain-http", text, Cluster(outcome=HandshakeOutcome.PLAIN_HTTP).snapshot())


@scenario
def a_kubeconfig_that_says_http() -> Scenario:
    text = "Error from server (BadRequest): Client sent an HTTP request to an HTTPS server."
    return Scenario("http-scheme", text, Cluster(server=f"http://{HOST}:{PORT}").snapshot())


@scenario
def a_proxy_that_answers_for_the_server() -> Scenario:
    text = "Unable to connect to the server: http: server gave HTTP response to HTTPS client"
    return Scenario("proxy-answered", text, Cluster(proxy="http://proxy.example:3128").snapshot())


@scenario
def nobody_behind_the_load_balancer() -> Scenario:
    text = f'Get "https://{HOST}:{PORT}/api": EOF'
    return Scenario("connection-closed", text, Cluster(outcome=HandshakeOutcome.CLOSED).snapshot())


@scenario
def a_server_of_the_last_decade() -> Scenario:
    text = f'Get "https://{HOST}:{PORT}/api": remote error: tls: protocol version not supported'
    return Scenario(
        "protocol-version",
        text,
        Cluster(outcome=HandshakeOutcome.INCOMPATIBLE, detail="nothing newer than TLSv1").snapshot(),
    )


def with_content(*blocks: PemBlock) -> Snapshot:
    """A cluster whose apiserver.crt holds this."""
    path = f"{PKI}/apiserver.crt"
    broken = HostFile(path, Topic.PKI, "node-1", pem=blocks)
    return Cluster(without={path}, more_files=[broken]).snapshot()


def kubeconfig_of(server: str, ca: Entry) -> HostFile:
    """Another kubeconfig, of another cluster."""
    from k8srun.kubeconfig import Kubeconfig, KubeconfigCluster

    config = Kubeconfig("", (KubeconfigCluster("staging", server, ca=certificate(ca)),))
    return HostFile(f"{KUBECONFIG}.staging", Topic.KUBECONFIG, kubeconfig=config)
