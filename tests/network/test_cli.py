"""`k8srun reach` and `k8srun connectivity`: the contracts for scripts."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner

from k8srun.cli.connectivity import connectivity
from k8srun.cli.reach import reach
from k8srun.errors import InputError
from tests.network.cluster import SHOP, pod, policy

ONLY_WEB = policy(
    "shop/db",
    "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}],"
    " ports: [{port: sql}]}]}",
)


@pytest.fixture
def cli(tmp_path):
    """Run a command on some manifests; exit code and standard output."""

    def run(command, *words, texts=(SHOP, ONLY_WEB), stdin=None):
        (tmp_path / "all.yaml").write_text("".join(texts))
        result = CliRunner().invoke(
            command, [*words, "--from", str(tmp_path / "all.yaml")], catch_exceptions=False, input=stdin
        )
        return result.exit_code, result.stdout, result.stderr

    return run


def test_an_answer_has_verdict_both_directions_and_obstacles(cli):
    code, out, _ = cli(reach, "shop/web", "shop/db", "--port", "5432/TCP", "-o", "json")
    answer = json.loads(out)
    assert (code, answer["schema"], answer["verdict"]) == (0, "k8srun.dev/reach/v1", "allowed")
    assert (answer["egress"]["verdict"], answer["ingress"]["verdict"], answer["obstacles"]) == (
        "allowed",
        "allowed",
        [],
    )


def test_a_denial_is_an_answer_too_and_exits_clean(cli):
    code, out, _ = cli(reach, "shop/db", "shop/web", "--port", "80", "-o", "json", texts=(SHOP, policy("shop/d", "{}")))
    assert (code, json.loads(out)["verdict"]) == (0, "denied")


def test_what_cannot_be_told_exits_with_three(cli):
    texts = (SHOP, policy("shop/d", "{ingress: [{from: [{ipBlock: {cidr: nonsense}}]}]}"))
    code, out, _ = cli(reach, "shop/web", "shop/db", "-o", "json", texts=texts)
    assert (code, json.loads(out)["verdict"]) == (3, "unknown")


def test_probes_are_answered_line_by_line_and_a_bad_line_loses_nothing(cli, tmp_path):
    probes = tmp_path / "probes.jsonl"
    probes.write_text(
        '{"from": "shop/web", "to": "shop/db", "port": 5432, "protocol": "TCP"}\n'
        "nonsense\n\n"
        '{"from": "shop/web[Pod]", "to": "8.8.8.8", "port": 53, "protocol": "UDP"}\n'
        '{"from": "shop/gone", "to": "shop/db", "port": 1}\n'
        '{"from": "shop/web", "to": "shop/db", "port": {}}\n'
        '{"from": "8.8.8.8", "to": "shop/db", "port": 5432}\n'
    )
    code, out, _ = cli(reach, "--probes", str(probes), "-o", "json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["verdict"] for line in lines] == ["allowed", "unknown", "allowed", "unknown", "unknown", "denied"]
    assert [line.get("line") for line in lines] == [None, 2, None, 5, 6, None]
    assert code == 2


def test_a_probe_without_port_asks_for_the_only_one_whether_it_is_left_out_or_null(cli):
    probes = (
        '{"from": "shop/web", "to": "shop/db"}\n{"from": "shop/web", "to": "shop/db", "port": null, "protocol": null}\n'
    )
    code, out, _ = cli(reach, "--probes", "-", stdin=probes)
    assert (code, [json.loads(line)["port"] for line in out.splitlines()]) == (0, [5432, 5432])


def test_the_table_names_the_culprit_and_the_field_that_failed(cli):
    rule = policy(
        "shop/db",
        "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: wbe}}}]}]}",
    )
    code, out, _ = cli(reach, "shop/web", "shop/db", texts=(SHOP, rule))
    said = " ".join(out.split())
    assert code == 0
    for words in ("DENIED", "NetworkPolicy shop/db isolates Pod shop/db", "wants app=wbe; the pod has app=web"):
        assert words in said
    assert max(map(len, out.splitlines())) < 500


def test_neither_two_ends_nor_probes_is_an_error(cli):
    with pytest.raises(InputError, match="give FROM and TO"):
        cli(reach)
    with pytest.raises(InputError, match="TO is missing"):
        cli(reach, "shop/web")


def test_the_map_is_an_array_of_pairs_with_closed_ranges_by_protocol(cli):
    code, out, _ = cli(connectivity, "-o", "json")
    table = {(row["source"], row["destination"]): row for row in json.loads(out)}
    assert code == 0
    assert table["shop/web[Pod]", "shop/db[Pod]"] == {
        "source": "shop/web[Pod]", "destination": "shop/db[Pod]", "connections": {"TCP": [[5432, 5432]]},
    }  # fmt: skip
    assert ("0.0.0.0-255.255.255.255", "shop/db[Pod]") not in table
    assert table["shop/db[Pod]", "0.0.0.0-255.255.255.255"]["connections"]["SCTP"] == [[1, 65535]]


def test_a_cell_of_the_csv_acts_neither_in_a_terminal_nor_in_a_spreadsheet(cli):
    hostile = pod("=cmd/\x1b[31mred", "10.1.0.9")
    _, out, _ = cli(connectivity, "-o", "csv", texts=(SHOP, hostile))
    assert "\x1b" not in out
    assert not any(value.startswith("=") for line in csv.reader(io.StringIO(out)) for value in line)
    assert any(line[0].startswith("'=cmd") for line in csv.reader(io.StringIO(out)))


def test_csv_has_a_line_a_protocol(cli):
    _, out, _ = cli(connectivity, "-o", "csv")
    lines = list(csv.DictReader(io.StringIO(out)))
    (line,) = (one for one in lines if (one["source"], one["destination"]) == ("shop/web[Pod]", "shop/db[Pod]"))
    assert (line["protocol"], line["ports"], line["verdict"]) == ("TCP", "5432", "allowed")


def test_an_unknown_pair_carries_verdict_and_reason_and_the_command_exits_with_three(cli):
    block = policy(
        "shop/d", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}"
    )
    code, out, _ = cli(connectivity, "-o", "json", "--by", "pod", texts=(SHOP, pod("shop/new"), block))
    (row,) = (
        row for row in json.loads(out) if row["source"] == "shop/new[Pod]" and row["destination"] == "shop/db[Pod]"
    )
    assert (code, row["verdict"], row["connections"]) == (3, "unknown", {})
    assert "address of Pod shop/new" in row["reason"]


def test_manifests_without_policies_are_taken_for_a_cluster_without_any_and_that_is_said(cli):
    code, out, err = cli(connectivity, "-o", "json", texts=(SHOP,))
    assert (code, len(json.loads(out))) == (0, 6)
    assert "no NetworkPolicy among the manifests" in err


def test_a_document_that_cannot_be_read_makes_the_map_unknown_and_is_named(cli):
    broken = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\nspec: {a: [}\n"
    )
    code, out, err = cli(connectivity, "-o", "json", texts=(SHOP, broken))
    assert code == 3
    assert {row["verdict"] for row in json.loads(out)} == {"unknown"}
    assert "not read" in err
    assert "no NetworkPolicy among the manifests" not in err


def test_an_empty_map_is_an_empty_array(cli):
    code, out, _ = cli(connectivity, "-o", "json", texts=("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",))
    assert (code, json.loads(out)) == (0, [])
