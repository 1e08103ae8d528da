"""What kubelets and container runtimes say when an image cannot be pulled. Source: kubelet, containerd."""

from __future__ import annotations

from k8srun.workloads.symptoms_row import IMAGE_PULL, Row, row

_PULLING = r'(?:failed to pull(?: and unpack)? image|pulling image|failed to resolve reference) "(?P<image>[^"]+)"'
# A message may stand without the words around it; then the image is unknown.
_PULL = rf"(?:{_PULLING}.{{0,2000}}?)?"

IMAGES: tuple[Row, ...] = (
    row(
        "invalid-image-name",
        IMAGE_PULL,
        'Failed to apply default image tag "NAME": couldn\'t parse image name',
        "The image's name is no reference that a runtime can parse, so nothing is pulled.",
        "image-name-invalid",
        r'failed to apply default image tag "(?P<image>[^"]*)"',
        r'couldn\'t parse image (?:reference|name) "(?P<image>[^"]*)"',
        r"\bInvalidImageName\b",
    ),
    row(
        "image-never-pull",
        IMAGE_PULL,
        'Container image "NAME" is not present with pull policy of Never',
        "The pod forbids pulling (imagePullPolicy: Never), and the node does not have the image.",
        "image-absent-on-node",
        r'container image "(?P<image>[^"]+)" is not present with pull policy of Never',
        r"\bErrImageNeverPull\b",
    ),
    row(
        "signature-refused",
        IMAGE_PULL,
        "SignatureValidationFailed: …",
        "The container runtime's own policy wants a signature that the image does not have.",
        "image-signature-refused",
        rf"{_PULL}(?:SignatureValidationFailed|signature validation failed|Source image rejected)",
    ),
    row(
        "pull-rate-limited",
        IMAGE_PULL,
        "toomanyrequests: You have reached your pull rate limit",
        "The registry counts pulls and this address or account has used up its share.",
        "registry-rate-limit",
        rf"{_PULL}(?:toomanyrequests|429 Too Many Requests|reached your (?:unauthenticated )?pull rate limit)",
    ),
    row(
        "pull-qps",
        IMAGE_PULL,
        "pull QPS exceeded",
        "The kubelet itself pulls no faster than its registryPullQPS allows; it tries again.",
        "kubelet-pull-limit",
        rf"{_PULL}pull QPS exceeded",
    ),
    row(
        "image-platform",
        IMAGE_PULL,
        "no match for platform in manifest: not found",
        "The image exists, but not for the node's operating system and architecture.",
        "image-wrong-platform",
        rf"{_PULL}no match(?:ing manifest)? for (?:platform in manifest|linux/|windows/|\S+ in the manifest)",
        r"no image found in (?:manifest list|image index) for architecture",
        r"exec(?: user process caused)?:? \"?[^\"\n]{0,200}\"?:? ?exec format error",
    ),
    row(
        "pull-denied",
        IMAGE_PULL,
        "pull access denied, repository does not exist or may require authorization: insufficient_scope",
        "The registry does not tell a missing repository from a missing right: it is one of the two.",
        "pull-secret-malformed pull-secret-missing pull-credential-missing pull-credential-refused"
        " image-not-in-registry",
        rf"{_PULL}(?:pull access denied|insufficient_scope|requested access to the resource is denied)",
    ),
    row(
        "pull-unauthorized",
        IMAGE_PULL,
        "401 Unauthorized / no basic auth credentials",
        "The registry wants a credential, and got none or one that it does not accept.",
        "pull-secret-malformed pull-secret-missing pull-credential-missing pull-credential-refused",
        rf"{_PULL}no basic auth credentials",
        rf"{_PULLING}.{{0,2000}}?(?:\b40[13] (?:Unauthorized|Forbidden)|unauthorized: )",
        r"failed to (?:authorize|fetch (?:anonymous|oauth) token).{0,500}?\b40[13] (?:Unauthorized|Forbidden)",
    ),
    row(
        "image-not-found",
        IMAGE_PULL,
        'failed to resolve reference "NAME": NAME: not found',
        "The registry answers, and has no such tag or repository.",
        "image-not-in-registry",
        rf"{_PULL}(?:manifest unknown|manifest for \S+ not found|name unknown|repository name not known)",
        rf"{_PULLING}.{{0,2000}}?: not found",
    ),
    row(
        "pull-secret-not-retrieved",
        IMAGE_PULL,
        "Unable to retrieve some image pull secrets (NAME); attempting to pull the image may not succeed.",
        "A pull secret that the pod names is not there; the kubelet tries the pull without it.",
        "pull-secret-missing",
        r"unable to retrieve some image pull secrets \((?P<name>[^)]+)\)",
        r"\bFailedToRetrieveImagePullSecret\b",
    ),
    row(
        "pull-secret-unparsed",
        IMAGE_PULL,
        "unable to parse auth field, must be formatted as base64(username:password)",
        "The kubelet cannot parse a pull secret of the pod, and asks no registry for any of its images.",
        "pull-secret-malformed",
        r"unable to parse auth field, must be formatted as base64\(username:password\)",
        r"cannot unmarshal \w+ into Go (?:struct field|value of type) \S*docker_?config",
        r"(?:^|error: |\dZ +)illegal base64 data at input byte \d+$",
    ),
    row(
        "registry-unreachable",
        IMAGE_PULL,
        'failed to pull image "NAME": … dial tcp: lookup REGISTRY: no such host',
        "The node does not reach the registry: its name is not resolved, or nothing answers in time.",
        "registry-name-unresolved registry-egress-blocked",
        rf"{_PULLING}.{{0,2000}}?(?P<how>no such host|i/o timeout|connection refused|context deadline exceeded"
        r"|server misbehaving|no route to host|network is unreachable|TLS handshake timeout|connection reset by peer"
        r"|Client\.Timeout exceeded)",
        r"(?P<how>RegistryUnavailable)",
    ),
    row(
        "image-pull-back-off",
        IMAGE_PULL,
        'Back-off pulling image "NAME" (ImagePullBackOff)',
        "Only a state: the kubelet waits before it tries the pull again. The cause stands in the last Failed event.",
        "image-pull-cause-not-shown",
        r'(?:back-off pulling image "(?P<image>[^"]+)"|\bImagePullBackOff\b|\bErrImagePull\b)',
        rf"{_PULLING}",
        state=True,
    ),
)
