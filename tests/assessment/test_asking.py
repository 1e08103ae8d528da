"""Commands of k8srun's own in a diagnosis are complete: they ask where the diagnosis was asked."""

from __future__ import annotations

import click
import pytest

from k8srun.cli.options import source_options
from k8srun.diagnosis import Cause, CauseStatus, Diagnosis, Fix, asking
from k8srun.sources.options import CURRENT_CONTEXT, SourceOptions

LAB = "--lab --incident ca-rebuilt"


def asked(command, sources):
    cause = Cause("c", "", CauseStatus.CONFIRMED, fix=Fix("", (command,)), look_at=(command,))
    found = asking(Diagnosis("", recognised=True, causes=(cause,), next=(command,)), sources)
    (told,) = {*found.next, *found.causes[0].fix.commands, *found.causes[0].look_at}
    return told


@pytest.mark.parametrize(
    ("command", "sources", "expected"),
    [
        ("k8srun run grant-access  # why", LAB, f"k8srun run grant-access {LAB}  # why"),
        ("k8srun run harden-workload -p a=b --context CONTEXT", LAB, f"k8srun run harden-workload -p a=b {LAB}"),
        ("k8srun reach a/b c/d --context NAME", "--context prod", "k8srun reach a/b c/d --context prod"),
        ("k8srun run grant-access", r"--snapshot '\1 x'", r"k8srun run grant-access --snapshot '\1 x'"),
        ("k8srun run grant-access  # why", "", "k8srun run grant-access --context NAME  # why"),
        ("k8srun run x --host-root /", LAB, "k8srun run x --host-root /"),
        ("kubectl get pods --context NAME", LAB, "kubectl get pods --context NAME"),
        ("k8srun diagnose - --context NAME  # as another", LAB, "k8srun diagnose - --context NAME  # as another"),
    ],
)
def test_a_command_without_a_source_gets_that_of_the_question(command, sources, expected):
    assert asked(command, sources) == expected


@pytest.mark.parametrize(
    "options",
    [
        SourceOptions(lab=True, incident="ca-rebuilt"),
        SourceOptions(context=CURRENT_CONTEXT, secrets=True, namespaces=("a", "b")),
        SourceOptions(context="prod", kubeconfig="k f", allow_exec=True),
        SourceOptions(snapshot="s", from_paths=("a", "-"), host_root="/", endpoint="h:1"),
    ],
)
def test_the_words_of_source_options_are_read_back_as_the_same(options):

    command = source_options(lambda sources: sources)
    read = click.command()(command)
    assert read.main(options.words(), standalone_mode=False) == options
