"""What the API server says when it refuses a pod. Source: its admission plugins."""

from __future__ import annotations

from k8srun.workloads.symptoms_row import NOT_STARTING, REFUSED, Row, row

_POD = r'pods? "(?P<pod>[^"]*)" is forbidden: '

ADMISSION: tuple[Row, ...] = (
    row(
        "pod-security",
        REFUSED,
        'pods "web" is forbidden: violates PodSecurity "restricted:latest": …',
        "The namespace enforces a Pod Security level that the pod does not meet: the API server refuses every new pod.",
        "pod-security-violation",
        rf'(?:{_POD})?violates PodSecurity "(?P<policy>[^"]+)": (?P<reasons>.+)',
    ),
    row(
        "pod-security-warning",
        REFUSED,
        'would violate PodSecurity "restricted:latest": …',
        "Only a warning: the object was accepted. Pods like this would be refused where the level is enforced.",
        "pod-security-warned",
        r'would violate PodSecurity "(?P<policy>[^"]+)": (?P<reasons>.+)',
        r'existing pods in namespace "(?P<namespace>[^"]+)" violate the new PodSecurity enforce level '
        r'"(?P<policy>[^"]+)"',
    ),
    row(
        "quota-exceeded",
        REFUSED,
        'pods "web" is forbidden: exceeded quota: NAME, requested: …, used: …, limited: …',
        "A ResourceQuota of the namespace has no room for what the pod asks for.",
        "quota-exhausted",
        rf"(?:{_POD})?exceeded quota: (?P<name>[^,\s]+), requested: (?P<requested>.+?), used: (?P<used>.+?), "
        r"limited: (?P<limited>[^\s]+)",
    ),
    row(
        "quota-values-missing",
        REFUSED,
        'pods "web" is forbidden: failed quota: NAME: must specify limits.memory for: …',
        "A ResourceQuota counts a resource that a container of the pod does not state, so the pod is refused.",
        "quota-requires-values",
        rf"(?:{_POD})?failed quota: (?P<name>[^:\s]+): must specify (?P<requested>.+)",
    ),
    row(
        "limit-range",
        REFUSED,
        'pods "web" is forbidden: maximum memory usage per Container is 512Mi, but limit is 1Gi',
        "A LimitRange of the namespace bounds what one container or pod may ask for, and this one is outside.",
        "limit-range-violated",
        rf"(?:{_POD})?\[?(?P<reasons>(?:minimum|maximum) [\w./-]+ usage per"
        r" (?:Container|Pod|PersistentVolumeClaim) is .+)",
        rf"(?:{_POD})?\[?(?P<reasons>[\w./-]+ max limit to request ratio per (?:Container|Pod) is .+)",
    ),
    row(
        "webhook-denied",
        REFUSED,
        'admission webhook "NAME" denied the request: …',
        "An admission webhook of the cluster looked at the object and refused it, for a rule of its own.",
        "webhook-denied",
        r'admission webhook "(?P<name>[^"]+)" denied the request(?:: *(?P<reasons>.+))?',
    ),
    row(
        "admission-policy",
        REFUSED,
        "ValidatingAdmissionPolicy 'NAME' with binding 'BINDING' denied request: …",
        "A ValidatingAdmissionPolicy of the cluster refuses the object.",
        "admission-policy-denied",
        r"ValidatingAdmissionPolicy '(?P<name>[^']+)' with binding '(?P<binding>[^']+)' denied request: "
        r"(?P<reasons>.+)",
    ),
    row(
        "webhook-down",
        REFUSED,
        'failed calling webhook "NAME": … no endpoints available for service "NAME"',
        "The API server must ask an admission webhook before it takes the object, and nobody serves the webhook.",
        "webhook-without-backend",
        r'failed calling webhook "(?P<name>[^"]+)".{0,500}?'
        r'(?:no endpoints available for service|service) "(?P<service>[^"]+)"(?: not found)?',
    ),
    row(
        "service-account-missing",
        REFUSED,
        'pods "web" is forbidden: error looking up service account NS/NAME: serviceaccount "NAME" not found',
        "The pod names a ServiceAccount that the namespace does not have, so it is not created.",
        "service-account-missing",
        r"error looking up service account (?P<namespace>[a-z0-9-]+)/(?P<name>[a-z0-9.-]+)",
        r'service ?account "?(?P<name>[a-z0-9.-]+)"? (?:was )?not found',
    ),
    row(
        "runtime-class-missing",
        REFUSED,
        'pod rejected: RuntimeClass "NAME" not found',
        "The pod asks for a RuntimeClass that the cluster does not have.",
        "runtime-class-missing",
        r'RuntimeClass(?:\.node\.k8s\.io)? "(?P<name>[^"]+)" not found',
    ),
    row(
        "runtime-handler-missing",
        NOT_STARTING,
        'failed to get sandbox runtime: no runtime for "NAME" is configured',
        "The RuntimeClass is there, and the container runtime of the node does not know its handler.",
        "runtime-handler-not-on-node",
        r'no runtime for "(?P<name>[^"]+)" is configured',
        r'RuntimeHandler "(?P<name>[^"]+)" not supported',
        r"failed to find runtime handler (?P<name>\S+)",
    ),
)
