"""The questions on traffic and network policies that notebooks ask, and the plans that change them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from k8srun.assessment.network import identity_of, plan_between, planner_of
from k8srun.checks import CheckResult
from k8srun.diagnosis import Diagnosis
from k8srun.display import network_tables as tables
from k8srun.errors import InputError
from k8srun.investigation.questions import Questions
from k8srun.kinds import NETWORK_POLICY
from k8srun.lab import Lab
from k8srun.network.asking import ask
from k8srun.network.checks import CHECKS
from k8srun.network.cluster import CLUSTER_POLICIES, read_network
from k8srun.network.connectivity import By, Row, rows, units
from k8srun.network.diagnosis import diagnose
from k8srun.network.diagnosis_case import Ends, case_of
from k8srun.network.diagnosis_path import path
from k8srun.network.difference import difference, with_objects
from k8srun.network.exposure import coverage, exposure
from k8srun.network.fixes_default_deny import default_deny_plan
from k8srun.network.fixes_impact import after
from k8srun.network.flows import Flows, read_flows
from k8srun.network.policy import Direction, Policy
from k8srun.network.reach import reach
from k8srun.network.reasons import reasons
from k8srun.network.symptoms import read
from k8srun.network.world import World
from k8srun.plan import Plan
from k8srun.snapshot import JsonObject, Snapshot
from k8srun.sources.kubeconfig import read_regular_file
from k8srun.sources.manifests import Manifests

if TYPE_CHECKING:
    import pandas as pd


class NetworkQuestions(Questions):
    """The part of an investigation that looks at who reaches whom.

    A `source` or `destination` is `NAMESPACE/NAME` of a pod, workload or Service, `KIND/NAMESPACE/NAME`, an address or
    a DNS name; a `port` is `5432/TCP`, `5432` or a name. On the lab, what is left empty is what the incident gives.
    """

    __slots__ = ()

    lab: Lab | None
    _worlds: list[World]

    @property
    def _network(self) -> World:
        if not self._worlds:
            self._worlds.append(World(self.snapshot))
        return self._worlds[0]

    def blocked(self, symptom: str = "", source: str = "", destination: str = "", port: str = "") -> Diagnosis:
        """Why a connection fails: from a message, from its two ends, or from both."""
        text, ends = self._connection(symptom, source, destination, port)
        return self._told(diagnose(self._network, read(text), ends))

    def allow(self, symptom: str = "", source: str = "", destination: str = "", port: str = "") -> Plan | None:
        """The plan that lets a connection through with the smallest addition; None where nothing has to change.

        Raises:
            RefusedError: no NetworkPolicy can allow it; the message says why.
        """
        text, ends = self._connection(symptom, source, destination, port)
        return plan_between(text, self._network, ends)

    def default_deny(self, namespace: str, flows: str = "") -> Plan:
        """The plan that denies what a namespace does not need.

        Args:
            flows: path of a file of observed flows: Hubble's or Calico's JSON, or a CSV.

        Raises:
            InputError: there is no such namespace, or the file cannot be read.
            RefusedError: everything is denied by default there already.
        """
        found = self._flows(flows).flows if flows else ()
        identity, user = identity_of(self.snapshot), planner_of(self.snapshot)
        return default_deny_plan(self._network, namespace, found, cluster=identity, planned_by=user)

    def flows(self, flows: str = "") -> pd.DataFrame:
        """The flows of a file, and which of its lines could not be read; nothing without a file."""
        return tables.flows(self._flows(flows) if flows else Flows())

    def reach(self, source: str, destination: str, port: str = "") -> pd.DataFrame:
        """Whether policies let one side reach another, by which rule, and what else is on the way."""
        return tables.answer(ask(self._network, source, destination, port=port))

    def policies(self, namespace: str = "") -> pd.DataFrame:
        """Every rule of the policies, in words; of one namespace only, if it is named."""
        found = self._network.network.policies
        return tables.policies(one for one in found if namespace in {"", one.namespace})

    def policies_between(
        self, symptom: str = "", source: str = "", destination: str = "", port: str = ""
    ) -> pd.DataFrame:
        """Every rule of the policies that are about one of the two ends; of all policies where no end is known."""
        text, ends = self._connection(symptom, source, destination, port)
        case = case_of(self._network, read(text), ends)
        about = {
            policy.resource
            for pod in case.pods()
            for direction in Direction
            for policy, selected in self._network.policies.about(pod, direction)
            if selected is not False
        }
        known = case.start is not None or case.end is not None
        return tables.policies(one for one in self._network.network.policies if one.resource in about or not known)

    def connectivity(self, most: int = 0) -> pd.DataFrame:
        """Who reaches whom, by workload.

        Args:
            most: how many pairs to list; 0 = all.
        """
        return tables.connectivity(self._rows(), most)

    def exposed(self) -> pd.DataFrame:
        """What each workload exchanges with the world outside of the cluster."""
        return tables.exposed(exposure(reach(self._network.network)))

    def coverage(self) -> pd.DataFrame:
        """How far the policies of each namespace go, and which namespaces deny by default."""
        return tables.coverage(coverage(self._network.network))

    def network_plugin(self) -> pd.DataFrame:
        """Which network plugin there is, and whether it enforces policies."""
        return tables.plugin(self._network.cni)

    def evaluate_network(self) -> tuple[CheckResult, ...]:
        """The verdict of every check of network policies."""
        return self.evaluated(CHECKS)

    def try_policy(self, manifest: str) -> pd.DataFrame:
        """What a policy would open and close, if it were there: nothing is changed.

        Args:
            manifest: one or more policies as YAML; one of a name that exists takes its place.

        Raises:
            InputError: it is not YAML, or holds no objects.
        """
        return self._difference(with_objects(self.snapshot, _objects(manifest)))

    def what_if(self, plan: Plan, most: int = 0) -> pd.DataFrame:
        """What a plan would open and close.

        Args:
            most: how many pairs to list; 0 = all.
        """
        return self._difference(after(self.snapshot, plan.steps), most)

    def plot_connectivity(self) -> None:
        """Display who reaches whom as a heat map."""
        # matplotlib takes longer to load than most runbooks take to run, and few of them plot.
        from k8srun.display import network_heatmap, plots  # noqa: PLC0415

        mapped = reach(self._network.network)
        names = [unit.name for unit in units(mapped.space, By.WORKLOAD)]
        plots.show_figure(*network_heatmap.heatmap(self._rows(own_nodes=False), names))

    def plot_neighbourhood(self, workload: str) -> None:
        """Display whom one workload may reach and who may reach it.

        Args:
            workload: `NAMESPACE/NAME` or `NAMESPACE/NAME[KIND]`.

        Raises:
            InputError: there is none of that name.
        """
        from k8srun.display import network_graph, plots  # noqa: PLC0415

        found = {pod.workload for pod in self._network.network.pods}
        name = next((one for one in sorted(found) if workload in {one, one.partition("[")[0]}), "")
        if not name:
            known = ", ".join(sorted(found)[:8])
            raise InputError("there is no such workload", where=workload, do=f"There are: {known}")
        plots.show_figure(*network_graph.neighbourhood(self._rows(own_nodes=False), name))

    def plot_path(self, symptom: str = "", source: str = "", destination: str = "", port: str = "") -> None:
        """Display the path of a connection, with the place marked where it ends; nothing where an end is not known."""
        from k8srun.display import network_path, plots  # noqa: PLC0415

        text, ends = self._connection(symptom, source, destination, port)
        case = case_of(self._network, read(text), ends)
        if case.answer:
            found = diagnose(self._network, read(text), ends)
            plots.show_figure(*network_path.path_figure(path(case.answer, found)))

    def _connection(self, symptom: str, source: str, destination: str, port: str) -> tuple[str, Ends]:
        incident = self.lab.incident if self.lab else None
        if incident and not (symptom or source or destination):
            given = incident.asks
            return (self.lab.symptom if self.lab else ""), Ends(
                given.get("source", ""), given.get("destination", ""), port or given.get("port", "")
            )
        return symptom, Ends(source, destination, port)

    def _flows(self, file: str) -> Flows:
        try:
            return read_flows(read_regular_file(Path(file)).decode("utf-8", "replace"), where=file)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=file) from None

    def _rows(self, *, own_nodes: bool = True) -> Iterable[Row]:
        mapped = reach(self._network.network)
        return rows(mapped, By.WORKLOAD, reasons(self._network.policies), own_nodes=own_nodes)

    def _difference(self, changed: Snapshot, most: int = 0) -> pd.DataFrame:
        return tables.changes(difference(self._network.network, read_network(changed)), most)


def _objects(manifest: str) -> tuple[JsonObject, ...]:
    """The policies of a manifest. Raises InputError for anything else, and for what a server would refuse."""
    read_in = Manifests()
    read_in.read(manifest.encode(), "manifest")
    if read_in.gaps:
        raise InputError(str(read_in.gaps[0]), where="manifest")
    found = tuple(item for kind in (NETWORK_POLICY, *CLUSTER_POLICIES) for item in read_in.objects.get(kind, ()))
    if not found or len(found) != sum(map(len, read_in.objects.values())):
        kinds = ", ".join(map(str, read_in.objects)) or "nothing"
        do = "Give whole policies: apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata with name, spec."
        raise InputError(f"it holds {kinds}, and only policies can be tried", where="manifest", do=do)
    problems = [text for policy in _policies(found) for text in policy.problems]
    if problems:
        raise InputError(f"the server would refuse it: {problems[0]}", where="manifest")
    return found


def _policies(items: Iterable[JsonObject]) -> Iterable[Policy]:
    return read_network(with_objects(Snapshot(datetime.now(UTC)), items)).policies
