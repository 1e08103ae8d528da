"""What several checks of one snapshot share, built once however many of them ask."""

from __future__ import annotations

from functools import cached_property, lru_cache

from k8srun.authorization.paths import AttackPaths, attack_paths
from k8srun.authorization.rbac import Rbac
from k8srun.authorization.serviceaccounts import Account, service_accounts
from k8srun.snapshot import Snapshot


class Scene:
    """A snapshot as the checks of this domain see it. As a key it is itself and no other, however alike."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def __hash__(self) -> int:
        return id(self.snapshot)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scene) and other.snapshot is self.snapshot

    @cached_property
    def rbac(self) -> Rbac:
        return Rbac.of(self.snapshot)

    @cached_property
    def paths(self) -> AttackPaths:
        return attack_paths(self.rbac, self.snapshot)

    @cached_property
    def accounts(self) -> tuple[Account, ...]:
        return service_accounts(self.snapshot, self.rbac)


def scene_of(snapshot: Snapshot) -> Scene:
    """The scene of the snapshot that is looked at now; only the last one is kept."""
    return _kept(Scene(snapshot))


@lru_cache(maxsize=1)
def _kept(scene: Scene) -> Scene:
    return scene
