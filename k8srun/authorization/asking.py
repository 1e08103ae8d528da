"""Who and what people ask about, in the words in which they do."""

from __future__ import annotations

from k8srun.authorization.apiresources import ApiResource, resources
from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.eks import EksAccess
from k8srun.errors import InputError
from k8srun.snapshot import Snapshot
from k8srun.text import visible

_NAMELESS = frozenset({"create", "deletecollection"})


def identity_of(
    user: str, groups: tuple[str, ...], *, raw: bool, snapshot: Snapshot | None = None, eks: EksAccess | None = None
) -> Identity:
    """Who is asked about; without `--as` whoever read the cluster.

    Args:
        raw: add no groups: neither those of authentication nor those of an EKS access entry.

    Raises:
        InputError: nobody is named, and no server said who we are.
    """
    server = snapshot.server if snapshot else None
    if not user and not groups:
        if server is None or not server.username:
            raise InputError("it is not said who is asked about", do="Name them: --as USER, or --as-group GROUP.")
        return Identity(server.username, server.groups)
    namespace, colon, name = user.partition(":")
    # `shop:web` is a ServiceAccount; user names with a colon of their own have more of them, or a URL's slashes.
    if colon and name and namespace != "system" and ":" not in name and "/" not in user:
        user = f"system:serviceaccount:{namespace}:{name}"
    if raw or not user:
        return Identity(user, tuple(dict.fromkeys(groups)))
    entered = eks.groups_of(user) if eks else ()
    return Identity(user, tuple(dict.fromkeys((*groups, *entered)))).as_authenticated()


def request_of(verb: str, target: str, name: str, namespace: str, snapshot: Snapshot) -> Attributes:
    """The request that VERB, RESOURCE[.GROUP][/SUBRESOURCE] or /URL, and NAME stand for.

    Short names, singulars and kinds are understood, and a group may be left out, as with kubectl. A create and a
    deletecollection carry no name, whatever is given: one by NAME would be allowed by rules that match no real request.

    Raises:
        InputError: several resources have that name.
    """
    if target.startswith("/"):
        return Attributes(verb, path=target)
    named, _, subresource = target.partition("/")
    if verb in _NAMELESS and not subresource:
        name = ""
    resource, dot, group = named.partition(".")
    found = _meant(resource, group if dot else None, snapshot)
    if found is None:
        return Attributes(verb, group, resource, subresource, namespace, name)
    # A cluster-scoped resource has no namespace, whichever one the shell is in; a namespace is asked for in itself.
    inside = namespace if found.namespaced else name if found.plural == "namespaces" else ""
    return Attributes(verb, found.group, found.plural, subresource, inside, name)


def _meant(resource: str, group: str | None, snapshot: Snapshot) -> ApiResource | None:
    known = [item for item in resources(snapshot) if group is None or item.group == group]
    for fits in (
        [item for item in known if item.plural == resource],
        [item for item in known if resource.lower() in (item.singular, *item.short_names)],
    ):
        # The core group comes first, as with kubectl; `events` are in two groups.
        if fits and (len(fits) == 1 or fits[0].group == ""):
            return fits[0]
        if fits:
            names = ", ".join(item.name for item in fits)
            raise InputError(f"{visible(resource, limit=80)} may be any of {names}", do="Write it with its group.")
    return None
