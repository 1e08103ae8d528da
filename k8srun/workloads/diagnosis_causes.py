"""Why a pod is refused or does not start: every cause with its title, its fix and what closes it where it is open.

In fixes, `{namespace}`, `{workload}`, `{pod}`, `{container}`, `{image}`, … are filled from the case; what is not known
stands as a word in capitals for a person to fill in.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause: its title, how to mend it (a sentence and commands), and what to look at while it is open."""

    title: str
    summary: str
    commands: tuple[str, ...] = ()
    look_at: tuple[str, ...] = ()


_DESCRIBE = "kubectl -n {namespace} describe pod {pod}"
_PREVIOUS = "kubectl -n {namespace} logs {pod} -c {container} --previous --tail=20"
_SECRETS = "kubectl -n {namespace} get secrets --field-selector type=kubernetes.io/dockerconfigjson"
_MAKE_ANEW = "kubectl -n {namespace} create secret docker-registry {name} --from-file=.dockerconfigjson=FILE"
_ASK = "k8srun image check {image} --pod {namespace}/{pod} --context CONTEXT --secrets"
_HARDEN = "k8srun run harden-workload -p workload={namespace}/{workload} -p level={level} --context CONTEXT"
_REACH = "curl -sv https://{registry}/v2/ -o /dev/null  # on the node"
_EDIT = "kubectl -n {namespace} edit {workload}"

CAUSES: dict[str, Reason] = {
    "pod-security-violation": Reason(
        "The pod does not meet the Pod Security level that its namespace enforces",
        "Harden the workload to {level}; if it cannot be, run it in a namespace of a lower level.",
        (_HARDEN, "kubectl get namespace {namespace} --show-labels"),
    ),
    "pod-security-warned": Reason(
        "The object would be refused where its Pod Security level is enforced; here it is only warned of",
        "Nothing is refused now. Harden the workload to {level} before the namespace enforces it.",
        (_HARDEN,),
    ),
    "quota-exhausted": Reason(
        "The namespace's ResourceQuota is used up",
        "Free what is not needed, ask for less in the pod, or let whoever owns the quota {name} raise it.",
        ("kubectl -n {namespace} describe resourcequota {name}", "kubectl -n {namespace} top pods --sum"),
    ),
    "quota-requires-values": Reason(
        "The ResourceQuota counts what the pod does not state",
        "State {requested} in every container, or give the namespace a LimitRange with defaults.",
        ("kubectl -n {namespace} describe resourcequota {name}", _EDIT),
    ),
    "limit-range-violated": Reason(
        "The container asks for more or less than the namespace's LimitRange allows",
        "Bring the container's requests and limits within the LimitRange: {reasons}.",
        ("kubectl -n {namespace} describe limitrange", _EDIT),
    ),
    "webhook-denied": Reason(
        "A rule of the admission webhook {name} refuses the object",
        "Change the object as the webhook says, or ask its owner for an exception: {reasons}",
        ("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations | grep -i {name}",),
    ),
    "admission-policy-denied": Reason(
        "A ValidatingAdmissionPolicy refuses the object",
        "Change the object as the policy {name} says: {reasons}",
        ("kubectl get validatingadmissionpolicy {name} -o yaml",),
    ),
    "webhook-without-backend": Reason(
        "The admission webhook that must be asked has no running backend",
        "Bring the webhook's pods back; until then everything that it must judge is refused.",
        (
            "kubectl get endpointslices -A -l kubernetes.io/service-name={service}",
            "kubectl get pods -A | grep {service}",
        ),
    ),
    "service-account-missing": Reason(
        "The ServiceAccount that the pod names does not exist",
        "Create the ServiceAccount {name} (without rights until it gets some), or name one that exists.",
        (
            "kubectl -n {namespace} create serviceaccount {name}",
            "kubectl -n {namespace} get serviceaccounts",
        ),
    ),
    "runtime-class-missing": Reason(
        "The RuntimeClass that the pod names does not exist",
        "Install the runtime on the nodes and create the RuntimeClass {name}, or take runtimeClassName out of the pod.",
        ("kubectl get runtimeclasses",),
    ),
    "runtime-handler-not-on-node": Reason(
        "The container runtime of the node does not know the handler of the pod's RuntimeClass",
        "Configure {name} in the node's runtime, or let the RuntimeClass's scheduling.nodeSelector name nodes with it.",
        ("kubectl get runtimeclasses -o wide", _DESCRIBE),
    ),
    "image-name-invalid": Reason(
        "The image's name is not a valid reference",
        "Correct the image in the pod template: REGISTRY[:PORT]/REPOSITORY[:TAG][@sha256:…], all in lower case.",
        ("k8srun image parse {image}", _EDIT),
    ),
    "image-absent-on-node": Reason(
        "The image is not on the node, and the pod forbids pulling it",
        "Set imagePullPolicy: IfNotPresent, or load the image onto every node that may run the pod.",
        (_EDIT,),
    ),
    "image-signature-refused": Reason(
        "The runtime's signature policy refuses the image",
        "Sign the image with the key that the node's policy trusts, or use one that is signed.",
        (_ASK, "cat /etc/containers/policy.json  # on the node"),
    ),
    "registry-rate-limit": Reason(
        "The registry's pull limit is used up",
        "Pull with an account (a pull secret), or through a mirror of your own; the kubelet tries again by itself.",
        (_SECRETS,),
    ),
    "kubelet-pull-limit": Reason(
        "The kubelet's own limit of pulls per second is reached",
        "It passes by itself. If it does not, raise registryPullQPS and registryBurst in the kubelet's configuration.",
        ("kubectl get --raw /api/v1/nodes/{node}/proxy/configz",),
    ),
    "image-wrong-platform": Reason(
        "The image is built for another operating system or architecture than the node's",
        "Build the image for the node's platform, or bind the pod to nodes that fit: nodeSelector kubernetes.io/arch.",
        ("kubectl get nodes -L kubernetes.io/os,kubernetes.io/arch", _ASK),
    ),
    "pull-secret-missing": Reason(
        "A pull secret that the pod names does not exist",
        "Create the pull secret {name}, or take its name out of the pod or ServiceAccount.",
        (_MAKE_ANEW,),
        (_SECRETS,),
    ),
    "pull-secret-malformed": Reason(
        "A pull secret is malformed, so that the kubelet pulls none of the pod's images",
        "Make the pull secret {name} anew.",
        ("kubectl -n {namespace} delete secret {name}", _MAKE_ANEW),
        (_SECRETS,),
    ),
    "pull-credential-missing": Reason(
        "No pull secret of the pod or its ServiceAccount is for this registry and path",
        "Attach a pull secret for {registry} to the ServiceAccount or the workload.",
        ("k8srun run pull-secret -p workload={namespace}/{workload} --context CONTEXT --secrets", _SECRETS),
        (_SECRETS, _ASK),
    ),
    "pull-credential-refused": Reason(
        "The registry does not accept the credential of the pull secret, or it has no right to this repository",
        "Renew the credential in the pull secret, and check its rights at {registry}.",
        (_ASK,),
        (_ASK,),
    ),
    "image-not-in-registry": Reason(
        "The registry has no such repository or tag",
        "Correct the image's repository or tag, or push it.",
        (_ASK, _EDIT),
        (_ASK,),
    ),
    "registry-name-unresolved": Reason(
        "The node cannot resolve the registry's name",
        "Check the registry's name in the image and DNS on the node (the node's, not the cluster's).",
        ("getent hosts {registry}  # on the node", "k8srun image parse {image}"),
        ("getent hosts {registry}  # on the node",),
    ),
    "registry-egress-blocked": Reason(
        "The node does not reach the registry's address",
        "Open the way from the nodes to {registry}: firewall, proxy of the container runtime, mirror.",
        (_REACH,),
        (_REACH,),
    ),
    "image-pull-cause-not-shown": Reason(
        "Why the pull fails is not in what was read",
        "Look at the last Failed event of the pod.",
        (),
        (f"{_DESCRIBE} | grep -A3 Failed", _ASK),
    ),
    "image-user-is-root": Reason(
        "runAsNonRoot is true, and the image runs as root",
        "Set runAsUser to a number that the image can work with (10001), or give the image a numeric USER.",
        (_HARDEN, _EDIT),
    ),
    "image-user-not-numeric": Reason(
        "The image's USER is a name, which the kubelet cannot verify",
        "Set runAsUser to the number of the user {name}, or write the number into the image's USER.",
        (_EDIT, "kubectl run ask --rm -it --image={image} --command -- id {name}"),
    ),
    "run-as-user-is-root": Reason(
        "runAsUser is 0 and runAsNonRoot is true",
        "Set runAsUser to a number other than 0.",
        (_EDIT,),
    ),
    "configuration-object-missing": Reason(
        "A Secret or ConfigMap that the container needs, or a key of it, does not exist",
        "Create the {kind} {name} (or its key), or mark the reference as optional: true.",
        ("kubectl -n {namespace} get secrets,configmaps",),
    ),
    "port-below-1024": Reason(
        "A process that is not root may not listen on a port below 1024",
        "Let it listen on a port above 1023 (the Service keeps its own), or add the capability NET_BIND_SERVICE,"
        " or set the safe sysctl net.ipv4.ip_unprivileged_port_start=0.",
        (_EDIT,),
        ("kubectl -n {namespace} get pod {pod} -o jsonpath='{{.spec.containers[*].ports}}'",),
    ),
    "root-file-system-read-only": Reason(
        "readOnlyRootFilesystem is true, and the process writes to the image's file system",
        "Mount an emptyDir at {path} (or the directory above it): the root file system stays read-only.",
        (_EDIT,),
        (_PREVIOUS,),
    ),
    "volume-read-only": Reason(
        "The process writes to a volume that is mounted read-only",
        "Take readOnly out of the volume mount at {path}, or write elsewhere: Secrets and ConfigMaps are read-only.",
        (_EDIT,),
        (_PREVIOUS,),
    ),
    "capability-missing": Reason(
        "The process needs a Linux capability that the container does not have",
        "Add {capability} to the container's capabilities, or let the image do without: set owners in the build.",
        (_EDIT,),
        (_PREVIOUS, "grep Cap /proc/1/status  # in the container; capsh --decode=… names them"),
    ),
    "privilege-escalation-forbidden": Reason(
        "allowPrivilegeEscalation is false, and the process runs a setuid program such as sudo",
        "Let the image run as the user that it needs from the start, without sudo or su.",
        (_EDIT,),
        (_PREVIOUS,),
    ),
    "seccomp-forbids": Reason(
        "The seccomp profile forbids the system call",
        "Find the call in the node's audit log, and use a profile of your own that allows it (type: Localhost).",
        ("journalctl -k | grep type=1326  # on the node", "ausyscall NUMBER  # the name of the call"),
        ("journalctl -k | grep type=1326  # on the node: the seccomp denials",),
    ),
    "seccomp-profile-not-on-node": Reason(
        "The seccomp profile is not on the node",
        "Put the profile {path} on every node that may run the pod, or use RuntimeDefault.",
        ("ls -l /var/lib/kubelet/seccomp/  # on the node {node}",),
    ),
    "apparmor-profile-not-loaded": Reason(
        "The AppArmor profile is not loaded on the node",
        "Load the profile {name} on every node that may run the pod, or use RuntimeDefault.",
        ("aa-status | grep {name}  # on the node {node}", "apparmor_parser -r /etc/apparmor.d/{name}"),
    ),
    "apparmor-not-on-node": Reason(
        "The node has no AppArmor",
        "Take the AppArmor profile out of the pod, or run it on nodes whose kernel and runtime have AppArmor.",
        ("cat /sys/module/apparmor/parameters/enabled  # on the node {node}",),
    ),
    "sysctl-not-allowed": Reason(
        "The kubelet does not allow the unsafe sysctl",
        "Allow it on some nodes (kubelet's allowedUnsafeSysctls: [{name}]) and bind the pod to them, or do without.",
        ("kubectl get --raw /api/v1/nodes/{node}/proxy/configz",),
    ),
    "command-not-in-image": Reason(
        "The command is not in the image",
        "Correct command and args of the container: {name} is not found in the image.",
        (_EDIT,),
        (_PREVIOUS,),
    ),
    "command-not-executable": Reason(
        "The command may not be executed by the container's user",
        "Make {name} executable for everybody in the image (chmod 755).",
        (_EDIT,),
        (_PREVIOUS,),
    ),
    "file-of-another-user": Reason(
        "The file belongs to another user than the one that the container runs as",
        "For a volume set fsGroup in the pod's securityContext; for a file of the image set its owner in the build.",
        (_EDIT,),
        ("kubectl -n {namespace} debug {pod} -it --image=busybox --target={container} -- ls -lnd {path}",),
    ),
    "memory-limit-exceeded": Reason(
        "The container uses more memory than its limit",
        "Raise limits.memory of the container to what it needs, or let the program use less.",
        ("kubectl -n {namespace} top pod {pod} --containers", _EDIT),
    ),
    "no-node-fits": Reason(
        "No node meets what the pod asks for",
        "Lower the pod's requests, or add or free a node that fits: {reasons}",
        ("kubectl describe nodes | grep -A6 'Allocated resources'",),
    ),
    "volume-not-available": Reason(
        "A volume of the pod cannot be attached or mounted",
        "Mend what the message names: {reasons}",
        ("kubectl -n {namespace} describe pvc", "kubectl get volumeattachments  # is it held by another node"),
    ),
    "node-has-no-room": Reason(
        "The node has too little left for the pod",
        "State requests that fit what the pod uses, so that it is placed where there is room: {reasons}",
        ("kubectl describe node {node}", "kubectl -n {namespace} top pods"),
    ),
    "process-fails": Reason(
        "The process in the container ends by itself",
        "Read the last lines of its log, and give them to k8srun diagnose.",
        (),
        (f"{_PREVIOUS} | k8srun diagnose -",),
    ),
    "start-cause-not-shown": Reason(
        "Why the container is not created is not in what was read",
        "Look at the message beside the state.",
        (),
        (f"{_DESCRIBE} | grep -A5 Waiting",),
    ),
}
"""Cause id → the cause. Ids are a contract: they appear in `-o json`, in records and in the lab."""
