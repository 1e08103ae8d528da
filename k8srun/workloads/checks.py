"""The checks of this domain: what pods may do that they should not, and what will keep them from starting."""

from __future__ import annotations

from k8srun.checks import Check
from k8srun.findings import Severity
from k8srun.kinds import (
    CLUSTER_ROLE,
    LIMIT_RANGE,
    NAMESPACE,
    POD,
    RESOURCE_QUOTA,
    ROLE,
    RUNTIME_CLASS,
    SECRET,
    SERVICE_ACCOUNT,
)
from k8srun.snapshot import Need
from k8srun.workloads.image_policy import MOVING_TAGS, PINNED, ImagePolicy
from k8srun.workloads.inspections import confinement, images, namespaces, settings
from k8srun.workloads.inspections.workload import WORKLOAD_NEEDS, over_workloads

_STANDARDS = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"
_ADMISSION = "https://kubernetes.io/docs/concepts/security/pod-security-admission/"
_CONTEXT = "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/"
_CHECKLIST = "https://kubernetes.io/docs/concepts/security/security-checklist/"
_IMAGES = "https://kubernetes.io/docs/concepts/containers/images/"
_SECRETS = "https://kubernetes.io/docs/concepts/security/secrets-good-practices/"
_SECCOMP = "https://kubernetes.io/docs/tutorials/security/seccomp/"
_RUNTIME_CLASS = "https://kubernetes.io/docs/concepts/containers/runtime-class/"
_QUOTAS = "https://kubernetes.io/docs/concepts/policy/resource-quotas/"
_NAMESPACES = "https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/"
_PSP = "https://kubernetes.io/docs/tasks/configure-pod-container/migrate-from-psp/"


def _cis(*numbers: str) -> str:
    return f"CIS Kubernetes 1.12: {', '.join(numbers)}"


CHECKS: tuple[Check, ...] = (
    Check(
        "W01-PRIVILEGED",
        "No container is privileged",
        Severity.CRITICAL,
        WORKLOAD_NEEDS,
        "Remove privileged: true; add the one capability or device that it needs.",
        (_cis("5.2.2"), _STANDARDS),
        over_workloads(confinement.privileged),
    ),
    Check(
        "W02-POD-SECURITY",
        "Every namespace enforces a level of the Pod Security Standards",
        Severity.HIGH,
        (Need.objects(NAMESPACE), Need.objects(POD)),
        "kubectl label namespace NAME pod-security.kubernetes.io/enforce=baseline; first with --dry-run=server, which"
        " says what it would refuse.",
        (_cis("5.2.1"), _ADMISSION),
        namespaces.pod_security,
    ),
    Check(
        "W03-HOST-NAMESPACES",
        "No pod shares the network, processes or shared memory of its node",
        Severity.HIGH,
        WORKLOAD_NEEDS,
        "Remove hostNetwork, hostPID and hostIPC; reach the node's services by their address instead.",
        (_cis("5.2.3", "5.2.4", "5.2.5"), _STANDARDS),
        over_workloads(confinement.host_namespaces),
    ),
    Check(
        "W04-HOST-PATH",
        "No pod mounts a path of its node",
        Severity.HIGH,
        WORKLOAD_NEEDS,
        "Use a PersistentVolumeClaim, emptyDir, ConfigMap or projected volume; where it must be, mount it readOnly.",
        (_cis("5.2.11"), "https://kubernetes.io/docs/concepts/storage/volumes/#hostpath"),
        over_workloads(confinement.host_path),
    ),
    Check(
        "W05-ROOT",
        "No container runs as root",
        Severity.HIGH,
        WORKLOAD_NEEDS,
        "Set runAsNonRoot: true, and runAsUser to a number above 0 where the image names no user or only a name.",
        (_cis("5.2.7"), _CONTEXT),
        over_workloads(confinement.root),
    ),
    Check(
        "W05-ESCALATION",
        "No container lets its processes gain more rights",
        Severity.HIGH,
        WORKLOAD_NEEDS,
        "Set allowPrivilegeEscalation: false on every container; sudo and other set-user-ID programs then fail.",
        (_cis("5.2.6"), _CONTEXT),
        over_workloads(confinement.privilege_escalation),
    ),
    Check(
        "W06-CAPABILITIES",
        "No container has capabilities beyond the runtime's default, nor NET_RAW",
        Severity.HIGH,
        WORKLOAD_NEEDS,
        "Set capabilities: {drop: [ALL]} and add only what it fails without.",
        (_cis("5.2.8", "5.2.9"), _CONTEXT),
        over_workloads(confinement.capabilities),
    ),
    Check(
        "W09-DIGEST",
        "Every image is named by its digest",
        Severity.LOW,
        WORKLOAD_NEEDS,
        "Write NAME@sha256:… in place of the tag; renew it when a new image is released.",
        (_CHECKLIST, _IMAGES),
        over_workloads(images.image_policy(PINNED)),
    ),
    Check(
        "W09-LATEST",
        "No image is pulled by the tag latest",
        Severity.MEDIUM,
        WORKLOAD_NEEDS,
        "Name a version or a digest: what latest is changes under the feet of a restarted pod.",
        (_IMAGES,),
        over_workloads(images.image_policy(MOVING_TAGS)),
    ),
    Check(
        "W10-REGISTRY",
        "Every image names the registry that it comes from",
        Severity.LOW,
        WORKLOAD_NEEDS,
        "Write the registry in front, docker.io/library/NAME for one of Docker Hub.",
        (_cis("5.5.1"), _IMAGES),
        over_workloads(images.implied_registry),
    ),
    Check(
        "W10-REFERENCE",
        "Every image reference can be read",
        Severity.HIGH,
        WORKLOAD_NEEDS,
        "The form is REGISTRY[:PORT]/REPOSITORY[:TAG][@sha256:…]; k8srun image parse REF says what is wrong.",
        (_IMAGES,),
        over_workloads(images.unreadable_image),
    ),
    Check(
        "W11-PULL-SECRET",
        "Every pull secret is there, can be read and matches an image of its workload",
        Severity.MEDIUM,
        (*WORKLOAD_NEEDS, Need.objects(SECRET), Need.objects(SERVICE_ACCOUNT)),
        "kubectl create secret docker-registry NAME --docker-server=HOST, with the host that the image names.",
        ("https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/", _IMAGES),
        over_workloads(images.useless_pull_secret),
        needs_all=True,
    ),
    Check(
        "W12-BOUNDS",
        "Every namespace with pods has a ResourceQuota and a LimitRange",
        Severity.LOW,
        (Need.objects(NAMESPACE), Need.objects(POD), Need.objects(RESOURCE_QUOTA), Need.objects(LIMIT_RANGE)),
        "Create both: one workload can otherwise take what all others need.",
        (_CHECKLIST, _QUOTAS),
        namespaces.unbounded,
        needs_all=True,
    ),
    Check(
        "W13-PROFILES",
        "Every container has a seccomp profile, and none switches AppArmor off",
        Severity.MEDIUM,
        WORKLOAD_NEEDS,
        "Set seccompProfile: {type: RuntimeDefault} on the pod, and remove profiles that are Unconfined.",
        (_cis("5.6.2"), _SECCOMP),
        over_workloads(confinement.profiles),
    ),
    Check(
        "W14-RUNTIME-CLASS",
        "Every RuntimeClass that a workload names exists",
        Severity.HIGH,
        (*WORKLOAD_NEEDS, Need.objects(RUNTIME_CLASS)),
        "Create the RuntimeClass, or mend the name: the server refuses the pods until then.",
        (_RUNTIME_CLASS, _CHECKLIST),
        over_workloads(settings.missing_runtime_class),
        needs_all=True,
    ),
    Check(
        "W15-SECRET-ENV",
        "No container gets a Secret by its environment",
        Severity.LOW,
        WORKLOAD_NEEDS,
        "Mount the Secret as a file: child processes, crash dumps and debug pages show the environment.",
        (_cis("5.4.1"), _SECRETS),
        over_workloads(settings.secret_in_environment),
    ),
    Check(
        "W15-SECRET-VALUE",
        "No secret is written into the environment of a workload",
        Severity.HIGH,
        WORKLOAD_NEEDS,
        "Put it into a Secret, mount that, and change the secret: whoever may read the workload has it.",
        (_cis("5.4.1"), _SECRETS),
        over_workloads(settings.secret_value),
    ),
    Check(
        "W18-DEFAULT-NAMESPACE",
        "No workload is in the namespace default",
        Severity.LOW,
        WORKLOAD_NEEDS,
        "Give it a namespace of its own, with its own rights, policies and quota.",
        (_cis("5.6.4"), _NAMESPACES),
        over_workloads(settings.default_namespace),
    ),
    Check(
        "PSP-LEFTOVER",
        "Nothing is left of PodSecurityPolicy, which ended with Kubernetes 1.25",
        Severity.LOW,
        (*WORKLOAD_NEEDS, Need.objects(ROLE), Need.objects(CLUSTER_ROLE)),
        "Enforce a level of the Pod Security Standards in its place, then remove what is left.",
        (_PSP, _ADMISSION),
        settings.psp_leftovers,
    ),
)


def allowed_images(policy: ImagePolicy) -> Check:
    """A check of the registries, tags and digests that a platform allows; the policy comes from its parameters."""
    return Check(
        "W10-IMAGE-POLICY",
        "Every image is one that the image policy allows",
        Severity.HIGH,
        WORKLOAD_NEEDS,
        "Copy the image to an allowed registry and name that, or extend the policy.",
        (_cis("5.5.1"), _CHECKLIST),
        over_workloads(images.image_policy(policy)),
    )
