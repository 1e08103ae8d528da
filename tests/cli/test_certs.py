"""`k8srun certs`: what it prints, what it returns, and what it refuses."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from k8srun.certificates.causes import CAUSES
from k8srun.cli.main import cli
from k8srun.errors import InputError, K8srunError
from k8srun.snapshot import Area, Gap, GapReason
from k8srun.sources.saved import save
from tests.certificates import der
from tests.certificates.cluster import Cluster, pem, serving, user
from tests.certificates.model import NOW, Entry, authority, key

CLOCK = NOW.isoformat()
CA = authority("kubernetes", key("P-256", 10))
REBUILT = authority("kubernetes", key("P-256", 99))
PAIR = key("P-256", 11)
PASSWORD = "Canary-of-a-password"
PAGE = "<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>no such object</body></html>"


def private_pem(pair=PAIR) -> str:
    return pair.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def private_lines() -> list[str]:
    """What must never come out, as the file holds it; the head of PKCS #8 is the same for all keys."""
    return [line[-40:] for line in private_pem().splitlines()[1:-1]]


def store(password: bytes | None = PASSWORD.encode()) -> bytes:
    """A PKCS #12 file with a key, its certificate and the CA."""
    own, above = (x509.load_der_x509_certificate(entry.der()) for entry in (serving(CA, PAIR), CA))
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"web", PAIR.private, own, [above], how)


def kubeconfig() -> str:
    def data(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    return json.dumps({
        "kind": "Config", "current-context": "prod",
        "clusters": [{"name": "prod", "cluster": {
            "server": "https://api.example:6443", "certificate-authority-data": data(pem(CA))}}],
        "users": [{"name": "mara", "user": {
            "client-certificate-data": data(pem(user(CA, pair=PAIR))), "client-key-data": data(private_pem())}}],
        "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "mara"}}],
    })  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder with one file for each form, to work in."""
    monkeypatch.chdir(tmp_path)
    files: dict[str, str | bytes] = {
        "ca.crt": pem(CA), "rebuilt.crt": pem(REBUILT), "server.crt": pem(serving(CA, PAIR)),
        "admin.crt": pem(user(CA)), "server.der": serving(CA, PAIR).der(), "store.p12": store(),
        "open.p12": store(None), "password": PASSWORD + "\n", "wrong": "Falsch\n", "kubeconfig": kubeconfig(),
        "key.der": PAIR.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        "mixed.pem": pem(serving(CA, PAIR)) + pem(CA)[:200] + "\n" + private_pem() + pem(CA),
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return tmp_path


def invoke(*arguments: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["certs", *arguments, "--now", CLOCK], input=given)


def answer(*arguments: str, given: str | bytes | None = None) -> dict:
    result = invoke(*arguments, "-o", "json", given=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return json.loads(result.stdout)


def refusal(*arguments: str, given: str | bytes | None = None) -> str:
    """What is said of bad input, which ends with the exit code for it."""
    result = invoke(*arguments, given=given)
    assert isinstance(result.exception, InputError), result.output
    assert result.stdout == ""
    return str(result.exception)


def snapshot_file(folder: Path, cluster: Cluster) -> str:
    save(cluster.snapshot(), folder / "c.k8srun")
    return str(folder / "c.k8srun")


# list


def test_the_list_as_json_is_one_versioned_object_soonest_to_end_first(tmp_path):
    cluster = Cluster()
    cluster.admin.not_after = NOW - timedelta(hours=1)
    found = answer("list", "--snapshot", snapshot_file(tmp_path, cluster))
    assert list(found) == ["schema", "lab", "now", "items", "gaps"]
    assert found["schema"] == "k8srun.dev/certs-list/v1"
    first = found["items"][0]
    assert (first["kind"], first["validity"], first["days_left"]) == ("certificate", "expired", -1)
    ends = [item["not_after"] for item in found["items"] if item["kind"] == "certificate"]
    assert ends == sorted(ends)
    assert {"certificate", "key"} == {item["kind"] for item in found["items"]}


def test_the_list_for_people_shows_where_what_and_until_when(tmp_path):
    shown = invoke("list", "--snapshot", snapshot_file(tmp_path, Cluster())).stdout
    for expected in ("2027-04-17  335", "/etc/kubernetes/pki/apiserver.crt on node-1", "CN=kube-apiserver, by",
                     "kube-apiserver to", "Private key", "/etc/kubernetes/pki/apiserver.key on"):  # fmt: skip
        assert expected in shown


def test_the_list_as_csv_has_one_line_a_row_and_no_formulas(tmp_path):
    cluster = Cluster()
    cluster.admin.subject = der.name((der.COMMON_NAME, "admin\n=1+1"))
    cluster.apiserver.extensions["2.5.29.17"] = (der.general_names(der.dns("@SUM(A1)")), None)
    result = invoke("list", "--snapshot", snapshot_file(tmp_path, cluster), "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(rows) == len(answer("list", "--snapshot", str(tmp_path / "c.k8srun"))["items"])
    assert result.stdout.count("\n") == len(rows) + 1
    serving_row = next(row for row in rows if row["role"] == "apiserver")
    assert (serving_row["names"], serving_row["not_after"]) == ("'@SUM(A1)", "2027-04-17T12:00:00Z")
    assert serving_row["is_ca"] == "false"


def test_what_could_not_be_read_is_named_and_makes_the_list_incomplete(tmp_path):
    forbidden = Gap(Area.OBJECTS, "Secret", GapReason.FORBIDDEN, "no", "/api/v1/secrets")
    path = snapshot_file(tmp_path, Cluster(gaps=(forbidden,)))
    result = invoke("list", "--snapshot", path)
    assert result.exit_code == 3
    assert "Not read: Secret objects at /api/v1/secrets: forbidden" in result.stdout
    assert answer("list", "--snapshot", path)["gaps"][0]["reason"] == "forbidden"
    as_csv = invoke("list", "--snapshot", path, "-o", "csv")
    assert "Not read" not in as_csv.stdout
    assert "Not read" in as_csv.stderr


def test_what_was_not_asked_for_does_not_make_the_list_incomplete(tmp_path):
    absent = Gap(Area.OBJECTS, "Secret", GapReason.NOT_SUPPLIED, "not asked for")
    assert invoke("list", "--snapshot", snapshot_file(tmp_path, Cluster(gaps=(absent,)))).exit_code == 0


def test_a_list_needs_a_source():
    assert "no source given" in refusal("list")


# show


def test_show_as_json_tells_everything_but_the_key(folder):
    found = answer("show", "mixed.pem")
    assert (found["schema"], found["file"], found["form"]) == ("k8srun.dev/certs-show/v1", "mixed.pem", "PEM")
    leaf, ca = found["certificates"]
    assert (leaf["where"], leaf["line"], leaf["subject"]) == ("mixed.pem", 1, "CN=kube-apiserver")
    assert leaf["dns_names"] == ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "api.example"]
    assert (leaf["keys"], leaf["issued_by"]) == (["mixed.pem, key 1"], ["mixed.pem, certificate 3"])
    assert (ca["where"], ca["is_ca"], ca["issued_by"]) == ("mixed.pem, certificate 3", True, [])
    (held,) = found["keys"]
    assert (held["key_type"], held["belongs_to"]) == ("EC secp256r1", ["mixed.pem"])
    assert held["public_key_sha256"] == leaf["public_key_sha256"]


def test_a_broken_block_is_reported_with_its_line_and_the_rest_is_shown(folder):
    (broken,) = answer("show", "mixed.pem")["unread"]
    lines = (folder / "mixed.pem").read_text().splitlines()
    assert broken["error"] == "truncated: no END line"
    assert lines[broken["line"] - 1] == "-----BEGIN CERTIFICATE-----"
    result = invoke("show", "mixed.pem")
    assert result.exit_code == 3
    assert f"Cannot be read: CERTIFICATE, mixed.pem, certificate 2, line {broken['line']}: truncated" in result.stdout
    assert "Subject     CN=kubernetes" in result.stdout


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("arguments", [
    ("mixed.pem",), ("kubeconfig",), ("store.p12", "--password-file", "password"), ("open.p12",), ("key.der",),
])  # fmt: skip
def test_no_key_and_no_password_comes_out(folder, arguments, output):
    result = invoke("show", *arguments, "-o", output)
    assert result.exit_code in {0, 3}, result.exception
    raw = PAIR.private.private_numbers().private_value
    for secret in (*private_lines(), PASSWORD, str(raw), f"{raw:x}"):
        assert secret not in result.output


@pytest.mark.parametrize(("arguments", "form", "places"), [
    (("server.crt",), "PEM", ["server.crt"]),
    (("server.der",), "DER", ["server.der"]),
    (("store.p12", "--password-file", "password"), "PKCS #12", ["store.p12", "store.p12, certificate 2"]),
    (("open.p12",), "PKCS #12", ["open.p12", "open.p12, certificate 2"]),
    (("kubeconfig",), "kubeconfig", ["kubeconfig, cluster prod", "kubeconfig, user mara"]),
])  # fmt: skip
def test_every_form_is_read(folder, arguments, form, places):
    found = answer("show", *arguments)
    assert (found["form"], [item["where"] for item in found["certificates"]]) == (form, places)
    assert found["unread"] == []
    assert invoke("show", *arguments).exit_code == 0


def test_the_key_of_a_kubeconfig_and_of_a_store_belongs_to_its_certificate(folder):
    assert answer("show", "kubeconfig")["keys"][0]["belongs_to"] == ["kubeconfig, user mara"]
    assert answer("show", "store.p12", "--password-file", "password")["keys"][0]["belongs_to"] == ["store.p12"]


def test_a_key_that_belongs_to_nothing_here_says_so(folder):
    (folder / "pair.pem").write_text(pem(user(CA)) + private_pem())
    assert answer("show", "pair.pem")["keys"][0]["belongs_to"] == []
    assert "no certificate here is made for it" in invoke("show", "pair.pem").stdout


def test_an_encrypted_key_is_no_fault(folder):
    locked = PAIR.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
    (folder / "locked.pem").write_text(pem(serving(CA, PAIR)) + locked)
    result = invoke("show", "locked.pem")
    assert result.exit_code == 0
    assert "encrypted with a passphrase" in result.stdout


def test_standard_input_is_read(folder):
    found = answer("show", "-", given="depth=0 CN = x\n" + pem(serving(CA, PAIR)))
    assert (found["file"], found["certificates"][0]["line"]) == ("standard input", 2)


@pytest.mark.parametrize(("content", "complaint"), [
    (b"", "empty"),
    (b" \n\n", "empty"),
    (b"<html><script>x = {users: 1}</script>", "an HTML or XML page"),
    (PAGE.encode(), "an HTML or XML page, not PEM (an error page saved in its place?)"),
    (bytes(range(256)) * 40, "no PEM block found"),
    (b"A" * 10_000_000, "no PEM block found"),
    (b"\x30\x82" + b"A" * 100, "truncated: 16607 bytes are missing"),
    (b"\x30\x03\x02\x01\x05", "binary, and no certificate or key in DER"),
    (CA.der() + b"more", "4 bytes follow the DER in it"),
    (b"\xfe\xed\xfe\xed\0\0\0\x02", "a Java keystore: turn it into PKCS #12"),
    (b"A" * (16 * 1024 * 1024 + 1), "larger than 16 MiB"),
    (pem(CA)[:300].encode(), "line 1: truncated: no END line"),
    (pem(CA).encode().replace(b"M", b"!", 3), "line 1: not valid base64"),
    (base64.b64encode(pem(CA).encode()), "base64 of a PEM file: encoded once too often"),
    (b"clusters: [\n", "f:"),
    (b"clusters: 5\n", "kubeconfig: clusters must be a list"),
    (b"kind: Secret\ndata: {}\n", "no PEM block found"),
])  # fmt: skip
def test_bad_input_is_called_what_it_is(folder, content, complaint):
    Path("f").write_bytes(content)
    said = refusal("show", "f")
    assert said.startswith("f")
    assert complaint in said
    assert refusal("verify", "server.crt", "--roots", "f") == said
    assert refusal("verify", "f", "--roots", "ca.crt") == said


def test_a_file_that_is_none_is_refused(folder):
    assert "No such file" in refusal("show", "nowhere.pem")
    assert "directory" in refusal("show", ".")
    assert "cannot be read" in refusal("show", "a\0b")
    if os.geteuid():
        (folder / "ca.crt").chmod(0)
        assert "Permission denied" in refusal("show", "ca.crt")


def test_a_file_whose_name_is_no_text_is_read_all_the_same(folder):
    name = os.fsdecode(b"\xff.pem")
    Path(name).write_text(pem(CA))
    assert answer("show", name)["file"] == "\ufffd.pem"
    assert answer("verify", "server.crt", "--roots", name)["verdict"] == "ok"


def test_a_wrong_password_and_a_missing_one_are_told_apart(folder):
    assert "needs a password, or is damaged" in refusal("show", "store.p12")
    assert "--password-file" in refusal("show", "store.p12")
    wrong = refusal("show", "store.p12", "--password-file", "wrong")
    assert "the password does not open" in wrong
    assert "Falsch" not in wrong
    assert "No such file" in refusal("show", "store.p12", "--password-file", "nowhere")
    Path("cut.p12").write_bytes(store()[:-100])
    assert "truncated PKCS #12 file: 100 bytes are missing" in refusal("show", "cut.p12", "--password-file", "password")


@pytest.mark.slow
def test_a_bundle_of_ten_thousand_of_one_name_is_shown_and_verified_against(folder):
    bundle = "".join(pem(entry) for entry in _many(10_000))
    Path("many.pem").write_text(bundle)
    found = answer("show", "many.pem")
    assert len(found["certificates"]) == 10_000
    shown = invoke("show", "many.pem").stdout
    assert "… and 9800 more: -o json shows all of them." in shown
    assert answer("verify", "server.crt", "--roots", "many.pem")["verdict"] in {"ok", "invalid"}


def _many(count: int) -> list[Entry]:
    made = []
    for number in range(count):
        entry = authority("kubernetes", key("P-256", 10))
        entry.serial = number + 1
        made.append(entry)
    return made


# verify


def test_an_accepted_certificate_is_ok_with_its_chain(folder):
    found = answer("verify", "server.crt", "--roots", "ca.crt", "--name", "api.example")
    assert (found["schema"], found["verdict"], found["message"], found["causes"]) == (
        "k8srun.dev/certs-verify/v1", "ok", "", [],
    )  # fmt: skip
    assert found["chains"] == [["CN=kube-apiserver", "CN=kubernetes"]]


def test_a_rejected_certificate_carries_gos_message_and_every_cause(folder):
    result = invoke("verify", "server.crt", "--roots", "rebuilt.crt", "--name", "db.example", "-o", "json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert found["verdict"] == "invalid"
    assert found["message"] == (
        "x509: certificate is valid for kubernetes, kubernetes.default, kubernetes.default.svc, api.example, "
        "not db.example"
    )
    assert [cause["id"] for cause in found["causes"]] == ["san-missing", "ca-rebuilt"]
    for cause in found["causes"]:
        assert set(cause) == {"id", "title", "status", "message", "kind", "evidence"}
        assert cause["title"] == CAUSES[cause["id"]]
        assert cause["evidence"]
    assert found["causes"][0]["message"] == found["message"]


def test_a_verdict_for_people_names_the_message_the_cause_and_what_comes_after(folder):
    shown = invoke("verify", "server.crt", "--roots", "rebuilt.crt", "--name", "db.example").stdout
    for expected in ("INVALID: Go rejects it", "Message  x509: certificate is valid for", "[san-missing]", "Then ",
                     "[ca-rebuilt]"):  # fmt: skip
        assert expected in shown
    assert "OK: Go accepts it" in invoke("verify", "server.crt", "--roots", "ca.crt").stdout


def test_the_clock_and_the_usage_count(folder):
    late = CliRunner().invoke(
        cli, ["certs", "verify", "server.crt", "--roots", "ca.crt", "--now", "2031-01-01", "-o", "json"]
    )
    found = json.loads(late.stdout)
    assert found["message"].startswith("x509: certificate has expired or is not yet valid: current time 2031-01-01")
    assert [cause["id"] for cause in found["causes"]] == ["certificate-expired", "ca-expired"]
    assert answer("verify", "admin.crt", "--roots", "ca.crt")["causes"][0]["id"] == "key-usage-wrong"
    assert answer("verify", "admin.crt", "--roots", "ca.crt", "--usage", "client")["verdict"] == "ok"


def test_intermediates_are_taken_from_behind_the_leaf_and_from_a_file_of_their_own(folder):
    between = authority("between", key("P-256", 3), CA)
    Path("leaf.crt").write_text(pem(serving(between)))
    Path("between.crt").write_text(pem(between))
    Path("chain.crt").write_text(pem(serving(between), between))
    alone = answer("verify", "leaf.crt", "--roots", "ca.crt")
    assert (alone["verdict"], [cause["status"] for cause in alone["causes"]]) == ("invalid", ["open", "open"])
    assert "intermediate-not-sent" in [cause["id"] for cause in alone["causes"]]
    assert answer("verify", "leaf.crt", "--roots", "ca.crt", "--intermediates", "between.crt")["verdict"] == "ok"
    assert answer("verify", "chain.crt", "--roots", "ca.crt")["chains"] == [
        ["CN=kube-apiserver", "CN=between", "CN=kubernetes"]
    ]


def test_what_cannot_be_told_is_unknown_with_exit_code_3(folder):
    odd = serving(CA)
    odd.extend("2.5.29.14", b"\xff\xff")
    Path("odd.crt").write_text(pem(odd))
    result = invoke("verify", "odd.crt", "--roots", "ca.crt", "-o", "json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["verdict"], found["causes"]) == (3, "unknown", [])
    assert "cannot be read in full" in found["message"]


@pytest.mark.parametrize(("files", "name", "verdict"), [
    ("odd.crt ca.crt ca.crt", "", "unknown"),
    ("odd.der ca.crt ca.crt", "", "unknown"),
    ("odd-behind.crt ca.crt ca.crt", "", "unknown"),
    ("server.crt odd.crt odd.crt", "", "unknown"),
    ("server.crt rebuilt-and-odd.crt ca.crt", "", "unknown"),
    ("server.crt rebuilt-and-odd.crt ca.crt", "other.example", "invalid"),
    ("server.crt ca.crt odd.crt", "", "ok"),
    ("server.crt rebuilt.crt ca.crt", "", "invalid"),
])  # fmt: skip
def test_a_certificate_that_the_library_refuses_and_go_may_take_leaves_open_what_hangs_on_it(
    folder, files, name, verdict
):
    odd = authority("kubernetes", key("P-256", 10))
    odd.extend("1.2.3.4", b"x", False)  # a default that is written out, which Go reads and the library does not
    for path, content in {
        "odd.crt": pem(odd),
        "odd-behind.crt": pem(serving(CA), odd),
        "rebuilt-and-odd.crt": pem(REBUILT, odd),
        "rebuilt.crt": pem(REBUILT),
    }.items():
        Path(path).write_text(content)
    Path("odd.der").write_bytes(odd.der())
    leaf, roots, between = files.split()
    asked = ("verify", leaf, "--roots", roots, "--intermediates", between, "--name", name, "-o", "json")
    result = invoke(*asked)
    found = json.loads(result.stdout)
    assert (found["verdict"], result.exit_code) == (verdict, 3 if verdict == "unknown" else 0)
    if verdict == "unknown":
        assert found["causes"] == []
        assert "cannot be read here; Kubernetes may read it" in found["message"]


def test_a_kubeconfig_gives_its_users_certificate_and_its_clusters_ca(folder):
    assert answer("verify", "kubeconfig", "--roots", "ca.crt", "--usage", "client")["leaf"] == "CN=mara"
    assert answer("verify", "server.crt", "--roots", "kubeconfig")["verdict"] == "ok"


def test_a_leaf_that_cannot_be_read_is_not_replaced_by_what_stands_behind_it(folder):
    Path("broken-first.pem").write_text(pem(serving(CA))[:200] + "\n" + pem(CA))
    said = refusal("verify", "broken-first.pem", "--roots", "ca.crt")
    assert "broken-first.pem, line 1: the first certificate, which would be verified, cannot be read: truncated" in said


def test_a_broken_block_among_the_roots_is_reported_beside_the_verdict(folder):
    Path("roots.pem").write_text(pem(REBUILT)[:200] + "\n" + pem(CA))
    found = answer("verify", "server.crt", "--roots", "roots.pem")
    assert found["verdict"] == "ok"
    assert [(item["where"], item["line"], item["error"]) for item in found["unread"]] == [
        ("roots.pem", 1, "truncated: no END line")
    ]


@pytest.mark.parametrize(("arguments", "complaint"), [
    (("verify", "ca.crt", "--roots", "ca.crt", "--name", "a\udcffb"), "is no host name"),
    (("verify", "ca.crt", "--roots", "ca.crt", "--name", "a\nb"), "is no host name"),
    (("verify", "-", "--roots", "-"), "standard input can be read only once"),
    (("verify", "key.der", "--roots", "ca.crt"), "key.der: no certificate"),
    (("verify", "server.crt", "--roots", "key.der"), "key.der: no certificate"),
    (("verify", "server.crt", "--roots", "ca.crt", "--intermediates", "nowhere"), "nowhere: No such file"),
])  # fmt: skip
def test_a_question_that_cannot_be_asked_is_refused(folder, arguments, complaint):
    assert complaint in refusal(*arguments)


def test_a_kubeconfig_of_several_users_is_refused_with_their_names(folder):
    document = json.loads(kubeconfig())
    document["users"].append({**document["users"][0], "name": "jane"})
    Path("two").write_text(json.dumps(document))
    said = refusal("verify", "two", "--roots", "ca.crt")
    assert "two, user mara, two, user jane" in said
    assert "--minify" in said


# whatever is read


SEEDS = (
    pem(serving(CA, PAIR), CA).encode(),
    serving(CA, PAIR).der(),
    private_pem().encode(),
    kubeconfig().encode(),
    PAGE.encode(),
)


@st.composite
def files(draw) -> bytes:
    """A file of any form, cut, doubled, and changed at a few places; or just bytes."""
    data = bytearray(draw(st.sampled_from(SEEDS)) if draw(st.integers(0, 9)) else draw(st.binary(max_size=400)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.integers(0, 3)):
            case 0:
                data[at : at + 1] = draw(st.binary(max_size=3))
            case 1:
                del data[at:]
            case 2:
                data += draw(st.sampled_from(SEEDS))
            case 3:
                data[at:at] = data[: draw(st.integers(0, 80))]
    return bytes(data)


@pytest.mark.filterwarnings("ignore")  # the library warns of what is odd and reads it
@given(files(), st.sampled_from(["show", "leaf", "roots"]), st.sampled_from(["table", "json"]))
@settings(max_examples=150, deadline=None)
def test_no_file_brings_it_down(tmp_path_factory, content, place, output):
    ca = tmp_path_factory.getbasetemp() / "fuzz-ca.crt"
    if not ca.exists():
        ca.write_text(pem(CA))
    arguments = {"show": ("show", "-"), "leaf": ("verify", "-", "--roots", str(ca)),
                 "roots": ("verify", str(ca), "--roots", "-")}[place]  # fmt: skip
    result = invoke(*arguments, "-o", output, given=content)
    if result.exception is None or isinstance(result.exception, SystemExit):
        assert result.exit_code in {0, 3}
        assert output == "table" or json.loads(result.stdout)["schema"].startswith("k8srun.dev/certs-")
    else:
        assert isinstance(result.exception, K8srunError), repr(result.exception)
        assert str(result.exception).strip()
    assert not any(line in result.output or line in str(result.exception) for line in private_lines())


@given(st.integers(0, 3000), st.binary(min_size=1, max_size=2))
@settings(max_examples=40, deadline=None)
def test_no_damaged_store_brings_it_down(tmp_path_factory, at, change):
    folder = tmp_path_factory.getbasetemp()
    (folder / "fuzz-password").write_text(PASSWORD)
    data = bytearray(STORE)
    data[at % len(data) : at % len(data) + 1] = change
    result = invoke("show", "-", "--password-file", str(folder / "fuzz-password"), given=bytes(data))
    assert result.exception is None or isinstance(result.exception, (K8srunError, SystemExit)), repr(result.exception)


STORE = store()
