"""The questions on authentication and authorization that notebooks ask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from k8srun.assessment.scene import Scene
from k8srun.authorization.apigroups import api_groups
from k8srun.authorization.apiresources import resources
from k8srun.authorization.asking import identity_of, request_of
from k8srun.authorization.attributes import Attributes
from k8srun.authorization.chain import Authorization
from k8srun.authorization.changes import permission_changes
from k8srun.authorization.checks import CHECKS
from k8srun.authorization.compound import review_as_client
from k8srun.authorization.identities import authenticators, of_kubeconfig_user, of_server
from k8srun.authorization.nearmisses import near_misses
from k8srun.authorization.paths import AttackPath
from k8srun.authorization.permissions import (
    SENSITIVE,
    VERBS,
    AccessMatrix,
    access_matrix,
    bound_subjects,
    permissions_of,
)
from k8srun.authorization.scene import scene_of
from k8srun.authorization.usage import minimal_roles, unused_grants
from k8srun.authorization.whocan import who_can
from k8srun.checks import CheckResult
from k8srun.display import authorization as display
from k8srun.display import authorization_history as history
from k8srun.display.api_groups import api_groups as display_groups
from k8srun.errors import InputError
from k8srun.investigation.auditlog import read_audit_file
from k8srun.investigation.questions import Questions
from k8srun.sources.eksfile import read_eks_file
from k8srun.sources.saved import load
from k8srun.text import visible

if TYPE_CHECKING:
    import pandas as pd


class AuthorizationQuestions(Questions):
    """The part of an investigation that looks at who is who, and who may do what.

    A `resource` is written as with kubectl (`pods`, `deploy`, `deployments.apps`, `pods/log`), a URL with its slash;
    `who` is a user name, or `NAMESPACE:NAME` for a ServiceAccount. `eks_access` is the path of a JSON array of what
    `aws eks describe-access-entry` prints for each principal. What cannot be read as that is an InputError.
    """

    __slots__ = ()

    def evaluate_authorization(self, *families: str) -> tuple[CheckResult, ...]:
        """The verdicts of the checks of roles, bindings and ServiceAccounts: all, or those whose ids begin so."""
        return self._evaluated_of(CHECKS, families)

    def can_i(
        self, verb: str, resource: str, *, who: str = "", namespace: str = "", name: str = "", eks_access: str = ""
    ) -> pd.DataFrame:
        """Whether somebody may do something, with the proof, or with what came close; without `who`, who asks."""
        authorization = self._authorized(eks_access)
        identity = identity_of(who, (), raw=False, snapshot=self.snapshot, eks=authorization.eks)
        request = self._asked(verb, resource, name, namespace)
        decision = review_as_client(authorization, identity, request)
        misses = near_misses(authorization, identity, request) if not decision.allowed else ()
        return display.decision(f"{identity}: {request}", decision, misses)

    def who_can(
        self, verb: str, resource: str, *, namespace: str = "", name: str = "", eks_access: str = ""
    ) -> pd.DataFrame:
        """Everybody who may do something, by which way, and what runs as them."""
        return display.holders(who_can(self._authorized(eks_access), self._asked(verb, resource, name, namespace)))

    def permissions(self, who: str = "", namespace: str = "", *, eks_access: str = "") -> pd.DataFrame:
        """Everything that somebody may do: in one namespace, or everywhere."""
        authorization = self._authorized(eks_access)
        identity = identity_of(who, (), raw=False, snapshot=self.snapshot, eks=authorization.eks)
        return display.permissions(permissions_of(authorization, identity, namespace or None))

    def access_matrix(
        self,
        namespace: str = "",
        *,
        resources: Sequence[str] = (),
        verbs: Sequence[str] = (),
        system: bool = False,
        eks_access: str = "",
    ) -> pd.DataFrame:
        """Subjects × resources × verbs; the server's own subjects only where they are asked for."""
        return display.matrix(self._matrix(self._authorized(eks_access), namespace, resources, verbs, system))

    def plot_access(
        self,
        namespace: str = "",
        *,
        resources: Sequence[str] = (),
        verbs: Sequence[str] = (),
        system: bool = False,
        eks_access: str = "",
    ) -> None:
        """Display the same as a heat map."""
        # matplotlib takes longer to load than most runbooks take to run, and few of them plot.
        from k8srun.display import authorization_plots, plots  # noqa: PLC0415

        found = self._matrix(self._authorized(eks_access), namespace, resources, verbs, system)
        plots.show_figure(*authorization_plots.heatmap(found))

    def attack_paths(self, *, system: bool = False) -> pd.DataFrame:
        """Who can become cluster-admin, step by step, the shortest way first."""
        return display.paths(self._paths(system))

    def plot_attack_paths(self, *, system: bool = False) -> None:
        """Display the same as a graph."""
        from k8srun.display import authorization_plots, plots  # noqa: PLC0415

        plots.show_figure(*authorization_plots.graph(self._paths(system)))

    def dangerous_grants(self, *, system: bool = False) -> pd.DataFrame:
        """What somebody can do with what was granted to them beside what it was for, the worst first."""
        return display.dangers(self._authorization, system=system)

    def roles_and_bindings(self, *, system: bool = False) -> pd.DataFrame:
        """Every role, its rules, and by which bindings whom it was given."""
        return display.roles(self._authorization, system=system)

    def service_accounts(self, *, system: bool = False) -> pd.DataFrame:
        """Every ServiceAccount: what runs as it, what it holds, which tokens it has.

        Args:
            system: those of kube-system and the default ones that nothing uses as well.
        """
        found = scene_of(self.snapshot).accounts
        mine = (one for one in found if system or one.bindings or one.usages or one.name != "default")
        return display.accounts(one for one in mine if system or one.namespace != "kube-system")

    def api_resources(self, group: str | None = None) -> pd.DataFrame:
        """The resources of the API, with group, versions and subresources.

        Args:
            group: only those of one API group; `core` is the one without a name. None = all.
        """
        wanted = "" if group == "core" else group
        return display.resources(item for item in resources(self.snapshot) if wanted is None or item.group == wanted)

    def api_groups(self) -> pd.DataFrame:
        """The groups of the API, their versions, who answers for them, and whether that can be reached."""
        return display_groups(api_groups(self.snapshot))

    def authenticators(self) -> pd.DataFrame:
        """The ways in which the API server lets people in, by its flags."""
        return display.authenticators(authenticators(self._authorization.modes))

    def authorizers(self) -> pd.DataFrame:
        """The authorizers that the API server asks, in their order."""
        return display.chain(self._authorization)

    def whoami(self) -> pd.DataFrame:
        """Whom the credential of the kubeconfig makes somebody, as the server said it or as the credential does."""
        client = self._scene.authorization.client
        found = of_server(self.snapshot.server) if self.snapshot.server else None
        if found is None and client is not None:
            found = of_kubeconfig_user(client[1], self.now)
        if found is None:
            raise InputError("no credential was given", do="Name a context, or a kubeconfig.")
        return display.who(found)

    def unused_grants(self, audit_log: str) -> pd.DataFrame:
        """What was granted and not used while an audit log was written.

        Args:
            audit_log: path of the log, JSON lines.
        """
        return history.unused(unused_grants(self._authorization.rbac, read_audit_file(audit_log)))

    def minimal_role(self, audit_log: str, who: str, *, name: str = "least") -> str:
        """The least roles, in YAML, that allow all that somebody did while an audit log was written; print it.

        Args:
            audit_log: path of the log, JSON lines.
            who: a user name, or NAMESPACE:NAME.
            name: of the roles.

        Raises:
            InputError: the log cannot be read, or tells of nothing that they were allowed to do.
        """
        user = identity_of(who, (), raw=True).user
        roles = minimal_roles(read_audit_file(audit_log), user, name=name)
        if not roles:
            raise InputError(
                f"the log tells of no request of {visible(user, limit=200)}", where=audit_log, do="Look at the name."
            )
        text: str = yaml.safe_dump_all(roles, sort_keys=False)
        return text

    def permission_changes(self, before: str) -> pd.DataFrame:
        """Who may do more and who may do less than in an older snapshot, and by which bindings.

        Args:
            before: path of a snapshot saved earlier.
        """
        older = Authorization.of(load(Path(before)))
        return history.changes(permission_changes(older, self._authorization))

    @property
    def _scene(self) -> Scene:
        return Scene(self.snapshot, self.now)

    @property
    def _authorization(self) -> Authorization:
        return self._authorized("")

    def _authorized(self, eks_access: str) -> Authorization:
        # Whose cluster it is decides whether a no can be said at all.
        eks = read_eks_file(Path(eks_access)) if eks_access else None
        rbac = scene_of(self.snapshot).rbac
        return Authorization.of(self.snapshot, distribution=self._scene.distribution, eks=eks, rbac=rbac)

    def _asked(self, verb: str, resource: str, name: str = "", namespace: str = "") -> Attributes:
        return request_of(verb, resource, name, namespace, self.snapshot)

    def _matrix(
        self,
        authorization: Authorization,
        namespace: str,
        resources: Sequence[str],
        verbs: Sequence[str],
        system: bool,
    ) -> AccessMatrix:
        subjects = bound_subjects(authorization, system=system)
        requests = [self._asked("get", resource, namespace=namespace) for resource in resources or SENSITIVE]
        return access_matrix(authorization, subjects, requests, tuple(verbs) or VERBS, namespace)

    def _paths(self, system: bool) -> tuple[AttackPath, ...]:
        found = scene_of(self.snapshot).paths
        return (*found.paths, *found.system) if system else found.paths
