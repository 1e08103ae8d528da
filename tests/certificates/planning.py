"""Labs as worlds that plans are made in, without a server, and with objects that a test has changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from k8srun.apply import Journal, Options, apply, preview
from k8srun.apply.lab import LabTarget
from k8srun.apply.local import kubeconfig_views
from k8srun.assessment.checks import CHECKS
from k8srun.assessment.scene import Scene
from k8srun.certificates.case import World
from k8srun.certificates.messages import read
from k8srun.certificates.plans.making import plan_for_message
from k8srun.change import Outcome
from k8srun.kinds import Kind
from k8srun.lab import Lab
from k8srun.plan import Action, Plan
from k8srun.snapshot import Snapshot, merge
from k8srun.sources.collect import read_lab
from k8srun.sources.files import read_files
from k8srun.sources.host import read_host


def seen(lab: Lab) -> Snapshot:
    """The lab's objects and its control-plane node."""
    return merge((read_files([str(lab.manifests)], now=lab.now), read_host(lab.node_root, now=lab.now)))


def with_changed(snapshot: Snapshot, kind: Kind, name: str, change: Callable[[Any], object]) -> Snapshot:
    """The snapshot with one object as `change` leaves it."""
    items = deepcopy(snapshot.of(kind))
    for item in items:
        if item["metadata"]["name"] == name:
            change(item)
    return replace(snapshot, objects={**snapshot.objects, kind: items})


def world(snapshot: Snapshot, lab: Lab, **fields: Any) -> World:
    return replace(Scene(snapshot, lab.now).certificates, **fields)


def plan_in(world: World, symptom: str) -> Plan:
    """The plan for a symptom, which must be one."""
    read_symptom = read(symptom)
    assert read_symptom
    plan = plan_for_message(read_symptom, world)
    assert plan
    return plan


def copied(lab: Lab, folder: Path) -> Lab:
    """The same lab, to be changed."""
    shutil.copytree(lab.directory, folder, symlinks=True)
    return Lab(folder, lab.incident, lab.now)


def applied(plan: Plan, lab: Lab, journal: Path) -> Outcome:
    """Preview, confirm and apply on the lab, as if a person had run the commands of its host steps."""
    by_hand = frozenset(number for number, step in enumerate(plan.steps, 1) if step.action is Action.HOST)
    options = Options(by_hand=by_hand, patience=0, checks=CHECKS, snapshot=lambda _needs: read_lab(lab, lab.now))
    target, log = LabTarget(lab), Journal(journal)
    shown = preview(plan, target, journal=log, options=options, now=None)
    assert shown.blockers == ()
    return apply(plan, target, shown.confirm, journal=log, options=options)


def planned(lab: Lab, snapshot: Snapshot | None = None) -> Plan:
    """The plan for the lab's own symptom, from all of its evidence.

    Args:
        snapshot: of the lab; read anew where it is not given, and then the lab must be served.
    """
    snapshot = snapshot or read_lab(lab, lab.now)
    scene = Scene(snapshot, lab.now, kubeconfig_views(snapshot))
    return plan_in(scene.certificates, lab.symptom)
