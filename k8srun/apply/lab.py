"""A lab as what plans are applied to: its manifests are the cluster, and nothing but this module admits anything.

The same uids, versions, tests and field managers as with a server. Nothing is refused for want of a permission (the
lab's roles and bindings only tell who may), no webhook or policy is asked, no default is filled in: whoever shows the
result says that it is simulated.
"""

from __future__ import annotations

import uuid
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from cryptography.x509.oid import NameOID

from k8srun.apply.labsigner import issue_token, sign_request, signs
from k8srun.apply.labstore import Key, LabStore, key_of
from k8srun.apply.refusals import failure
from k8srun.apply.simulate import afterwards
from k8srun.apply.target import ApiObject, NotDone, Request, Written
from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.chain import Authorization
from k8srun.authorization.fixes.after import RBAC_KINDS
from k8srun.change import ClusterIdentity, FailureKind
from k8srun.errors import InputError
from k8srun.jsonpatch import PatchError, equal
from k8srun.kinds import NAMESPACE, RESOURCES, SECRET, SERVICE_ACCOUNT, Kind, Resource
from k8srun.lab import Lab
from k8srun.lab.kubeconfigs import certificate_of
from k8srun.lab.node import PKI
from k8srun.marks import authored
from k8srun.permission import Permission, PermissionCheck
from k8srun.plan import Action, ObjectRef
from k8srun.snapshot import Need, Snapshot

_SYSTEM: Key = (NAMESPACE, "", "kube-system")


class LabTarget:
    """Applies plans to the manifests of a lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._store = LabStore(lab.manifests)
        self._pki = lab.node_root / PKI.lstrip("/")

    def identity(self) -> ClusterIdentity:
        """The lab's cluster; who asks is the user of its kubeconfig."""
        system = self._store.objects().get(_SYSTEM)
        names, groups = self._who()
        return ClusterIdentity(
            uid=system["metadata"]["uid"] if system else "",
            server=f"lab {self._lab.directory}",
            simulated=True,
            username=names[0] if names else "",
            groups=groups,
            problem="" if system else "there is no namespace kube-system",
        )

    def _who(self) -> tuple[list[str], tuple[str, ...]]:
        """The names in the client certificate; none where that is what the incident has broken."""
        try:
            subject = certificate_of(self._lab.kubeconfig).subject
        except InputError:
            return [], ()
        names = [str(name.value) for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        return names, tuple(str(name.value) for name in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))

    def resource(self, target: ObjectRef) -> Resource:
        """How the object's kind would be served."""
        known = RESOURCES.get(target.of_kind)
        if known is None:
            raise NotDone(failure(FailureKind.GONE, f"the lab does not serve {target.of_kind}"))
        return known

    def read(self, target: ObjectRef) -> ApiObject | None:
        """The object as it is now."""
        self.resource(target)
        found = self._store.objects().get(target.key)
        return deepcopy(found) if found else None

    def write(self, request: Request, *, dry_run: bool) -> Written:
        """Carry out a request, or only see whether it could be."""
        self.resource(request.target)
        with self._store.held():
            if request.action is Action.TOKEN:
                return Written(self._token(request))
            before = self._current(request)
            try:
                after = afterwards(request, before)
            except PatchError as error:
                raise NotDone(failure(FailureKind.CHANGED, f"{request.target}: {error}")) from None
            if after is None:
                if not dry_run:
                    self._store.remove(self._with_dependents(request.target))
                return Written(None)
            after = self._registered(request, before, after)
            if not dry_run:
                self._store.put(after)
            return Written(deepcopy(after))

    def check(self, permission: Permission, user: str = "", groups: tuple[str, ...] = ()) -> PermissionCheck:
        """The answer of the lab's roles and bindings. A server would ask them; the lab's writes do not."""
        identity = Identity(user, groups)
        if not user:
            names, groups = self._who()
            if not names:
                return PermissionCheck(permission, None, "the lab's kubeconfig names nobody by a certificate")
            identity = Identity(names[0], groups).as_authenticated()
        decision = Authorization.of(self._rbac()).review(identity, Attributes.of(permission))
        return PermissionCheck(permission, decision.allowed, decision.reason)

    def _rbac(self) -> Snapshot:
        """The roles and bindings as they are now: all of them, so that a no is a no."""
        objects: dict[Kind, list[ApiObject]] = {kind: [] for kind in RBAC_KINDS}
        for key, item in self._store.objects().items():
            if key[0] in objects:
                objects[key[0]].append(item)
        return Snapshot(
            self._lab.now,
            objects={kind: tuple(items) for kind, items in objects.items()},
            observed=frozenset(Need.objects(kind) for kind in RBAC_KINDS),
        )

    def _current(self, request: Request) -> ApiObject | None:
        """The object, once everything holds that the request expects of it."""
        target, objects = request.target, self._store.objects()
        found = objects.get(target.key)
        if request.action is Action.CREATE:
            if found:
                raise NotDone(failure(FailureKind.EXISTS, f"{target} exists"))
            if target.namespace and (NAMESPACE, "", target.namespace) not in objects:
                raise NotDone(failure(FailureKind.GONE, f'namespaces "{target.namespace}" not found'))
            return None
        if found is None:
            raise NotDone(failure(FailureKind.GONE, f"{target} does not exist"))
        metadata = found["metadata"]
        if metadata["uid"] != target.uid or request.resource_version not in {"", metadata["resourceVersion"]}:
            raise NotDone(failure(FailureKind.CHANGED, f"{target} is another object or another version of it"))
        return found

    def _registered(self, request: Request, before: ApiObject | None, after: ApiObject) -> ApiObject:
        """What the server and the controllers add to an object that was written."""
        if before is not None and equal(before, after):
            return after
        metadata = after.setdefault("metadata", {})
        if before is None:
            metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": _now()}
            if "spec" in after and request.target.of_kind not in {NAMESPACE, SERVICE_ACCOUNT, SECRET}:
                metadata["generation"] = 1
                after.setdefault("status", {})
        elif "generation" in metadata and not equal(authored(before).get("spec"), after.get("spec")):
            metadata["generation"] += 1
        versions = (int(item["metadata"]["resourceVersion"]) for item in self._store.objects().values())
        metadata["resourceVersion"] = str(max(versions, default=0) + 1)
        metadata["managedFields"] = _managed(request, metadata.get("managedFields") or [])
        if request.target.subresource == "approval":
            self._decided(after)
        return after

    def _decided(self, item: ApiObject) -> None:
        """Sign a request that was just approved, as the controller manager does."""
        conditions = item["status"].get("conditions") or []
        for condition in conditions:
            condition.setdefault("lastUpdateTime", _now())
        if any(condition["type"] == "Approved" for condition in conditions) and signs(item["spec"]["signerName"]):
            try:
                item["status"]["certificate"] = sign_request(item["spec"], self._pki, self._lab.now)
            except (OSError, ValueError) as error:
                raise NotDone(failure(FailureKind.INVALID, f"the lab's signer: {error}")) from None

    def _token(self, request: Request) -> ApiObject:
        spec: dict[str, Any] = (request.body or {})["spec"]
        objects, target = self._store.objects(), request.target
        account = objects.get(target.key)
        bound = objects.get((SECRET, target.namespace, spec["boundObjectRef"]["name"]))
        if account is None or account["metadata"]["uid"] != target.uid:
            raise NotDone(failure(FailureKind.GONE, f"{target} does not exist"))
        if bound is None or bound["metadata"]["uid"] != spec["boundObjectRef"]["uid"]:
            raise NotDone(failure(FailureKind.GONE, "the Secret that the token is to be bound to does not exist"))
        try:
            status = issue_token(account, spec, self._pki, self._lab.now)
        except (OSError, ValueError) as error:
            raise NotDone(failure(FailureKind.INVALID, f"the lab's token key: {error}")) from None
        return {**(request.body or {}), "status": status}

    def _with_dependents(self, target: ObjectRef) -> set[Key]:
        """The object, what is in it if it is a namespace, and what it owns, at any depth."""
        objects = self._store.objects()
        gone = {target.key}
        if target.of_kind == NAMESPACE:
            gone |= {key for key in objects if key[1] == target.name}
        while True:
            uids = {objects[key]["metadata"]["uid"] for key in gone}
            more = {
                key_of(item)
                for item in objects.values()
                for owner in item["metadata"].get("ownerReferences") or ()
                if owner["uid"] in uids
            } - gone
            if not more:
                return gone
            gone |= more


def _managed(request: Request, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    entry: dict[str, Any] = {
        "manager": request.manager,
        "operation": "Apply" if request.action is Action.APPLY else "Update",
        "apiVersion": request.target.api_version,
        "time": _now(),
    }
    if request.target.subresource:
        entry["subresource"] = request.target.subresource
    same = ("manager", "operation", "subresource")
    return [other for other in entries if any(other.get(name) != entry.get(name) for name in same)] + [entry]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
