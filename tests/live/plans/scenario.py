"""One plan with a step of every kind, and what is true of the cluster and the files once each is done."""

from __future__ import annotations

from pathlib import Path

import yaml

from k8srun import steps
from k8srun.apply import preview
from k8srun.apply.audit import audit
from k8srun.apply.journal import Event
from k8srun.apply.runs import RunState, runs_of
from k8srun.change import Validation
from tests.apply.clusters import config_map, named, observed, plan_of, read, role
from tests.controlplane.cluster import ControlPlane

OLD = "https://old.example:6443"
NEW = "https://new.example:6443"
_TOKEN = 3


class Scenario:
    """A namespace, a folder, and the plan. `truth()` says of each step whether its effect is there.

    `only` picks steps by their number, to be quicker.
    """

    def __init__(
        self, control_plane: ControlPlane, target, folder: Path, only: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    ) -> None:
        self._only = only
        folder.mkdir(parents=True, exist_ok=True)
        self.control_plane = control_plane
        self.namespace = control_plane.create_namespace()
        self.token, self.kubeconfig = folder / "token", folder / "kubeconfig"
        self.kubeconfig.write_text(
            yaml.safe_dump({"clusters": [{"name": "prod", "cluster": {"server": OLD}}], "users": [], "contexts": []})
        )
        self._patched = config_map(control_plane, self.namespace, "patched", a="1")
        self._applied = config_map(control_plane, self.namespace, "applied", a="1")
        self._deleted = config_map(control_plane, self.namespace, "deleted", a="1")
        self._secret = f"/api/v1/namespaces/{self.namespace}/secrets/anchor"
        account = observed(control_plane, f"/api/v1/namespaces/{self.namespace}/serviceaccounts/default")
        secret = steps.create(named("Secret", "anchor", self.namespace), "so that the token can be revoked")
        view = {"clusters": {"prod": {"server": OLD}}}
        change = [{"op": "replace", "path": "/clusters/prod/server", "value": NEW}]
        two = [{"op": "replace", "path": "/data/a", "value": "2"}]
        every = (
            steps.patch(observed(control_plane, self._patched), two, "two"),
            secret,
            steps.token(account, secret.target, str(self.token), "for the pipeline", expiration_seconds=600),
            steps.server_side_apply(observed(control_plane, self._applied), {"data": {"b": "3"}}, "three"),
            steps.kubeconfig(str(self.kubeconfig), view, change, "the server has moved"),
            steps.delete(observed(control_plane, self._deleted), "nobody needs it"),
            steps.create(role(self.namespace), "needed"),
        )
        self.plan = plan_of(target, *(every[number - 1] for number in only))

    def truth(self) -> list[bool]:
        """Of each step, whether its effect is there now."""
        applied = read(self.control_plane, self._applied)["data"]
        roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.namespace}/roles"
        every = (
            read(self.control_plane, self._patched)["data"] == {"a": "2"},
            read(self.control_plane, self._secret) is not None,
            self.token.exists(),
            applied == {"a": "1", "b": "3"},
            NEW in self.kubeconfig.read_text(),
            read(self.control_plane, self._deleted) is None,
            read(self.control_plane, f"{roles}/reader") is not None,
        )
        return [every[number - 1] for number in self._only]

    def is_as_before(self) -> bool:
        """Whether nothing of the plan is there, but for the token's file, which is told to be removed."""
        return not any(there for number, there in zip(self._only, self.truth(), strict=True) if number != _TOKEN)

    def require_agreement(self, target, journal, options) -> bool:
        """The journal is whole, and what it says of each step is true; what it leaves open, looking settles truly.

        Returns whether the run came to its end.
        """
        assert audit(journal.path).problems == ()
        truth = self.truth()
        runs = runs_of(journal.entries())
        for run in runs:
            for number, record in run.steps.items():
                if record.last.event is Event.DONE:
                    assert truth[number - 1], f"step {number} is not done, the journal says it is"
                if record.last.event is Event.NOT_DONE:
                    assert not truth[number - 1], f"step {number} is done, the journal says it is not"
        shown = preview(self.plan, target, journal=journal, options=options)
        if runs and runs[0].state is RunState.COMPLETE:
            assert all(truth)
            assert runs[0].id in shown.applied
            return True
        assert [step.validation is Validation.DONE for step in shown.steps] == truth
        assert not shown.blockers, shown.blockers
        return False
