"""The questions on workloads, images and Pod Security that notebooks ask, and the plans that mend them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from k8srun.apiservers import server_minor
from k8srun.checks import CheckResult
from k8srun.display import tables
from k8srun.display import workloads as display
from k8srun.errors import InputError
from k8srun.investigation.questions import Questions
from k8srun.kinds import LIMIT_RANGE, RESOURCE_QUOTA, VULNERABILITY_REPORT
from k8srun.plan import Plan
from k8srun.pods import PodTemplate
from k8srun.snapshot import Need
from k8srun.sources.options import SourceOptions
from k8srun.sources.registry.check import Asking, check_image, read_ca, read_file
from k8srun.sources.registry.wire import Wire
from k8srun.workloads.checks import CHECKS, allowed_images
from k8srun.workloads.diagnosis_view import View
from k8srun.workloads.fixes import find_workload, hardening_plan, token_plan
from k8srun.workloads.fixes_access import fitting_secret, pull_secret_plan, relabel_plan
from k8srun.workloads.image_policy import ImagePolicy
from k8srun.workloads.images import parse_image
from k8srun.workloads.policy import LevelVersion, Mode, parse_level, parse_version
from k8srun.workloads.posture import controls, judged, postures
from k8srun.workloads.pull_secrets import pull_secrets
from k8srun.workloads.resources import container_resources, obstacles
from k8srun.workloads.scans import join, read_report, read_trivy

if TYPE_CHECKING:
    import pandas as pd


class WorkloadQuestions(Questions):
    """The part of an investigation that looks at pods, their images and how they are confined.

    A `workload` is `NAMESPACE/NAME`, or `NAMESPACE/KIND/NAME` where several are called so; a `level` is `baseline` or
    `restricted`, a `version` `latest` or `v1.30`. What cannot be read as that is an InputError.
    """

    __slots__ = ()

    _options: SourceOptions

    def evaluate_workloads(self, *families: str) -> tuple[CheckResult, ...]:
        """The verdicts of the checks of workloads and images: all, or those whose ids begin so."""
        return self._evaluated_of(CHECKS, families)

    def check_images(
        self, registries: Sequence[str] = (), forbidden_tags: Sequence[str] = (), by_digest: bool = False
    ) -> tuple[CheckResult, ...]:
        """The verdict on every image by the platform's own policy; none where nothing is asked for.

        Args:
            registries: patterns of what images may come from, as `ImagePolicy` takes them.
        """
        policy = ImagePolicy(tuple(registries), tuple(forbidden_tags), by_digest)
        return self.evaluated([allowed_images(policy)]) if policy != ImagePolicy() else ()

    def troubles(self) -> pd.DataFrame:
        """Every pod that is refused or does not come up, by what statuses, conditions and events say."""
        return display.troubles(View(self.snapshot))

    def security_context(self, workload: str) -> pd.DataFrame:
        """What confines the containers of a workload, pod and container merged, a sentence for each setting."""
        return display.contexts(self.snapshot, find_workload(self.snapshot, workload))

    def pod_security(self, level: str = "restricted", version: str = "latest") -> pd.DataFrame:
        """What each namespace asks for, and what keeps its workloads from a level."""
        return display.postures(postures(self.snapshot, self._policy(level, version)))

    def plot_pod_security(self, level: str = "restricted", version: str = "latest") -> None:
        """Display which controls of a level the workloads of each namespace violate."""
        # matplotlib takes longer to load than most runbooks take to run, and few of them plot.
        from k8srun.display import plots, workloads_heatmap  # noqa: PLC0415

        wanted = self._policy(level, version)
        found = postures(self.snapshot, wanted)
        plots.show_figure(*workloads_heatmap.heatmap(found, controls(wanted), str(wanted)))

    def violations(self, workload: str = "", level: str = "restricted", version: str = "latest") -> pd.DataFrame:
        """What one workload violates of a level, in the server's words; without a name, what all of them do."""
        wanted = self._policy(level, version)
        if workload:
            return display.violations([judged(find_workload(self.snapshot, workload), wanted)])
        return display.violations(one for posture in postures(self.snapshot, wanted) for one in posture.judged)

    def images(self) -> pd.DataFrame:
        """Every image that workloads ask for: its registry, what pins it, what runs of it, what it is pulled with."""
        return display.images(self.snapshot)

    def image_drifts(self) -> pd.DataFrame:
        """The tags under which pods run more than one digest, and which pods run which."""
        return display.image_drifts(self.snapshot)

    def image(self, reference: str) -> pd.DataFrame:
        """An image reference as the kubelet reads it."""
        found = parse_image(reference)
        shown = {"Registry": found.domain, "Repository": found.path, "Tag": found.tag, "Digest": found.digest}
        rows = [(name, value or "-") for name, value in shown.items()]
        return tables.pairs([*rows, ("What is pulled", found.canonical), ("As people write it", found.familiar)])

    def pull_secrets(self, workload: str) -> pd.DataFrame:
        """The pull secrets that a workload's images are pulled with, and the registries that they are for."""
        return display.secrets(pull_secrets(self.snapshot, find_workload(self.snapshot, workload)))

    def resources(self, workload: str) -> pd.DataFrame:
        """What a workload's containers ask for as the server completes it, and what hinders one more pod of it."""
        template = find_workload(self.snapshot, workload)
        found = container_resources(self.snapshot, template)
        gaps = [gap for kind in (LIMIT_RANGE, RESOURCE_QUOTA) for gap in self.snapshot.unmet(Need.objects(kind))]
        return display.resources(found, obstacles(self.snapshot, template), gaps)

    def vulnerabilities(self, scans: Sequence[str] = ()) -> pd.DataFrame:
        """What scanners found in the images that run: of VulnerabilityReport objects, and of Trivy's reports.

        Args:
            scans: files of `trivy image --format json`.

        Raises:
            InputError: a file is none.
        """
        found = [read_trivy(read_file(path), where=path) for path in scans]
        found += [read_report(item) for item in self.snapshot.of(VULNERABILITY_REPORT) if item.get("report")]
        return display.scans(join(self.snapshot, found))

    def ask_registry(self, image: str, workload: str = "", *, ca_file: str = "") -> pd.DataFrame:
        """Whether the registry grants the pull of an image, asked from here with the workload's own pull secrets.

        Args:
            ca_file: the CA of the registry, PEM; empty = the system's.
        """
        template = find_workload(self.snapshot, workload) if workload else None
        asking = Asking(Wire(ca=read_ca(ca_file) if ca_file else b""))
        found = check_image(image, asking, snapshot=self.snapshot, template=template, sources=self._options)
        return display.registry_answer(found)

    def harden(self, workload: str, level: str = "restricted", version: str = "latest", *, user: int = 0) -> Plan:
        """The plan that makes a workload meet a level with the fewest changes.

        Args:
            user: to run as where the image's own user must not be; 0 = the image's, unless its pods show that it is
                root.

        Raises:
            RefusedError: it cannot be mended by changing its fields.
        """
        template = self._to_mend(workload)
        return hardening_plan(self.snapshot, template, self._policy(level, version), user=user)

    def attach_pull_secret(self, workload: str, secret: str = "", *, to_account: bool = False) -> Plan:
        """The plan that lets a workload (or its ServiceAccount) pull with a Secret of its namespace.

        Args:
            secret: its name; empty = the only one that fits.
        """
        template = self._to_mend(workload)
        name = secret or fitting_secret(self.snapshot, template)
        return pull_secret_plan(self.snapshot, template, name, to_account=to_account)

    def relabel(self, namespace: str, level: str, version: str = "latest", *, mode: str = "enforce") -> Plan:
        """The plan that lets a namespace enforce, audit or warn of a level, after proof that nothing would be refused.

        Raises:
            RefusedError: something would be refused, or it cannot be proven.
        """
        return relabel_plan(self.snapshot, namespace, self._policy(level, version), mode=_mode(mode))

    def drop_token(self, workload: str) -> Plan:
        """The plan that no longer mounts a ServiceAccount's token into a workload's pods."""
        return token_plan(self.snapshot, self._to_mend(workload))

    def _policy(self, level: str, version: str) -> LevelVersion:
        """The level as the server evaluates it: its latest version is the one that it knows."""
        return LevelVersion(parse_level(level), parse_version(version)).on(server_minor(self.snapshot))

    def _to_mend(self, workload: str) -> PodTemplate:
        """The workload that is named; on the lab, without a name, the one that the incident has broken."""
        view = View(self.snapshot)
        if not workload and self.snapshot.lab and view.troubles:
            return view.workload_template(view.troubles[0].template)
        if not workload:
            raise InputError("no workload was named", do="Name it: workload=NAMESPACE/NAME.")
        return find_workload(self.snapshot, workload)


def _mode(text: str) -> Mode:
    if text not in list(Mode):
        raise InputError(f"{text!r} is no mode of Pod Security", do=f"One of: {', '.join(Mode)}")
    return Mode(text)
