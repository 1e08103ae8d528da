"""What notebooks ask for to change something about certificates: plans, and what only the user's machine may hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from k8srun.apply.opening import own_cluster
from k8srun.assessment.scene import Scene
from k8srun.certificates.case import World
from k8srun.certificates.inventory import inventory
from k8srun.certificates.plans.breakglass import break_glass, gates
from k8srun.certificates.plans.making import as_plan, cluster_of
from k8srun.certificates.plans.renewal import renewal_remedy
from k8srun.certificates.plans.secrets import TlsPair, callers_of, find_secret, secret_remedy
from k8srun.certificates.request_plans import issue_plan, request_object
from k8srun.certificates.requests import signing_requests
from k8srun.change import ChangeStatus, Outcome
from k8srun.display import tables, webhooks
from k8srun.errors import InputError
from k8srun.investigation.questions import Questions
from k8srun.lab import Lab
from k8srun.pki.identity import keep_kubeconfig, keep_request
from k8srun.pki.tlspairs import keep_pair, read_pair
from k8srun.plan import Plan
from k8srun.snapshot import JsonObject
from k8srun.sources.options import SourceOptions

if TYPE_CHECKING:
    import pandas as pd


class CertificateChanges(Questions):
    """The part of an investigation that plans changes of certificates, keys, requests and webhooks."""

    __slots__ = ()

    lab: Lab | None
    _options: SourceOptions

    def webhooks(self) -> pd.DataFrame:
        """What the API server calls over TLS: what it serves, what its caBundle holds, and what it stands before."""
        return webhooks.webhooks(self._world)

    def break_glass(self, webhook: str = "", namespaces: Sequence[str] = ()) -> Plan | None:
        """The plan that lets requests pass, for a time, without a webhook that cannot be asked.

        Args:
            webhook: its name; empty = those whose certificate the API server does not accept. None if there are none.
            namespaces: only requests in these pass without it; empty = all.

        Raises:
            InputError: there is no webhook of that name that refuses requests.
        """
        world = self._world
        if not webhook and not any(gate.fails for gate in gates(world)):
            return None
        remedy = break_glass(world, webhook, namespaces=namespaces)
        return as_plan("Break glass: let requests pass without what cannot be asked", remedy, world)

    def renewal(self, within_days: int = 30, roles: Sequence[str] = ()) -> Plan | None:
        """The plan that renews what ends soon: the CA before what it signs, one control-plane node at a time.

        Args:
            within_days: what has ended or will within so many days.
            roles: only the certificates of these roles, as `run.roles()` lists them, whenever they end.

        Returns:
            None where nothing ends.

        Raises:
            InputError: there is no such role.
        """
        world = self._world
        remedy = renewal_remedy(world, timedelta(days=within_days), roles)
        what = ", ".join(roles) or f"what ends within {within_days} days"
        return as_plan(f"Renew {what}", remedy, world) if remedy.steps else None

    def replace_secret(
        self,
        secret: str,
        *,
        certificate_file: str = "",
        key_file: str = "",
        ca_file: str = "",
        ca_key_file: str = "",
        folder: str = "",
    ) -> Plan:
        """The plan that puts a new certificate into a TLS Secret: its callers trust it first, its pods read it last.

        Args:
            secret: `NAMESPACE/NAME`.
            certificate_file, key_file: the certificate, leaf first, and its key, of mode 0600.
            ca_file: the CA that signed it.
            ca_key_file: in place of the first two: the key of that CA, which then issues the certificate for the names
                by which the service is called, once, into `folder`.

        Raises:
            InputError: what is given does not fit together, or the API server would not accept it.
            RefusedError: others may read a key, or a controller keeps the Secret.
        """
        world = self._world
        item = find_secret(world, secret)
        if certificate_file and key_file:
            pair = read_pair(Path(certificate_file), Path(key_file), Path(ca_file) if ca_file else None)
        elif ca_file and ca_key_file:
            pair = self._issued(world, item, Path(ca_file), Path(ca_key_file), folder)
        else:
            raise InputError(
                "there is nothing to put into it",
                where=secret,
                do="Give certificate_file and key_file, or ca_file and ca_key_file to issue one.",
            )
        return as_plan(f"Replace the certificate in Secret {secret}", secret_remedy(world, item, pair), world)

    def issue_certificate(
        self,
        user: str,
        groups: Sequence[str] = (),
        *,
        hours: int = 24,
        folder: str = "",
        allow: Sequence[str] = (),
        reason: str = "",
    ) -> Plan:
        """The plan that requests, approves and fetches a client certificate. Its key and request are made now, once.

        Args:
            hours: how long it is to be valid; it cannot be called back.
            folder: where the key (mode 0600), the request and the certificate are kept; empty is the lab's.
            allow: groups and users that are critical and wanted all the same.
            reason: why it is approved, for everybody to read.

        Raises:
            InputError: a name cannot be used, or no folder is given.
            RefusedError: it asks for something critical that is not allowed.
        """
        stem = self._folder(folder) / user.replace("/", "_")
        kept = keep_request(stem, user, groups)
        name = f"k8srun-{kept.request.public_key_sha256[:16]}"
        body = request_object(name, kept.pem, expiration_seconds=hours * 3600)
        server = self.snapshot.server
        return issue_plan(
            body,
            f"{stem.absolute()}.crt",
            cluster=cluster_of(self.snapshot),
            reason=reason or f"{user} needs a certificate",
            allow=allow,
            username=server.username if server else "",
            groups=server.groups if server else (),
            others=signing_requests(self.snapshot),
            certificates=[held.certificate for held in inventory(self.snapshot).held],
        )

    def user_kubeconfig(self, user: str, outcome: Outcome, folder: str = "") -> pd.DataFrame:
        """The kubeconfig (mode 0600) of a user whose certificate was just issued; before that, what is missing.

        Raises:
            InputError: the certificate cannot be used for it.
            RefusedError: the kubeconfig exists.
        """
        if outcome.status is not ChangeStatus.APPLIED:
            return tables.pairs([("kubeconfig", "not yet: the certificate is issued once the plan is applied")])
        stem = self._folder(folder) / user.replace("/", "_")
        own = SourceOptions(kubeconfig=str(self.lab.kubeconfig)) if self.lab else self._options
        name, entry = own_cluster(own)
        made = keep_kubeconfig(
            Path(f"{stem}.conf"), Path(f"{stem}.key"), Path(f"{stem}.crt"), entry, self.now, cluster_name=name
        )
        groups = ", ".join(made["groups"]) or "none"
        until = f"{made['not_after']:%Y-%m-%d %H:%M} UTC"
        shown = (("kubeconfig", made["path"]), ("user", made["user"]), ("groups", groups), ("server", made["server"]))
        return tables.pairs([*shown, ("valid until", until)])

    @property
    def _world(self) -> World:
        return Scene(self.snapshot, self.now).certificates

    def _folder(self, folder: str) -> Path:
        """Where keys are kept. In the lab, beside the lab itself: they are gone with it."""
        if folder:
            return Path(folder)
        if self.lab is None:
            raise InputError("it is not said where the key is to be kept", do="Name a folder of yours: -p folder=.")
        made = self.lab.directory / "issued"
        made.mkdir(exist_ok=True)
        return made

    def _issued(self, world: World, item: JsonObject, ca: Path, ca_key: Path, folder: str) -> TlsPair:
        """A certificate for every name by which the service is called, and for those that it had."""
        metadata = item["metadata"]
        former = world.inventory.at(f"Secret {metadata['namespace']}/{metadata['name']}, tls.crt")
        leaf = former.certificates[0] if former and former.certificates else None
        called = [view.connection.name for view in callers_of(world, item)]
        names = tuple(dict.fromkeys((*called, *((*leaf.dns_names, *leaf.ip_addresses) if leaf else ()))))
        if not names:
            raise InputError(
                "it is not known by which names it is reached",
                where=f"Secret {metadata['namespace']}/{metadata['name']}",
                do="Issue the certificate yourself, and give certificate_file and key_file.",
            )
        return keep_pair(self._folder(folder) / metadata["name"], names, ca, ca_key, now=self.now)
