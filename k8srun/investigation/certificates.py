"""The questions on certificates that notebooks ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from k8srun.certificates.card import card
from k8srun.certificates.chains import chains
from k8srun.certificates.checks import CHECKS
from k8srun.certificates.connections import connections
from k8srun.certificates.expiry_checks import CA_DAYS, LEAF_DAYS, ExpiryWarning, warned_by
from k8srun.certificates.inventory import inventory
from k8srun.certificates.listing import listing
from k8srun.certificates.reviews import reviews
from k8srun.certificates.verification import Usage, verify
from k8srun.checks import CheckResult
from k8srun.clock import parse_time
from k8srun.display import tables
from k8srun.errors import InputError
from k8srun.investigation.questions import Questions
from k8srun.pki.layout import Node, Wanted, layout
from k8srun.pki.openssl import commands

if TYPE_CHECKING:
    import pandas as pd


class CertificateQuestions(Questions):
    """The part of an investigation that looks at certificates, keys, requests and handshakes."""

    __slots__ = ()

    def evaluate_certificates(self, soon_days: int = LEAF_DAYS, ca_soon_days: int = CA_DAYS) -> tuple[CheckResult, ...]:
        """The verdict of every check of certificates and of the requests for them.

        Args:
            soon_days, ca_soon_days: how long before its end a certificate, and a CA, is reported.

        Raises:
            InputError: such a number is below zero or absurd.
        """
        return self.evaluated(warned_by(CHECKS, ExpiryWarning.of_days(soon_days, ca_soon_days)))

    def certificates(self, within_days: int | None = None) -> pd.DataFrame:
        """Every certificate of the snapshot and where it lives, the first to end first.

        Args:
            within_days: only those that have ended or will within so many days.
        """
        return tables.certificates(inventory(self.snapshot).held, self.now, within_days)

    def chains(self) -> pd.DataFrame:
        """Who signed what: each certificate once, indented below the one that signed it."""
        return tables.chains(chains(self.snapshot), self.now)

    def keys(self) -> pd.DataFrame:
        """Every private key that was found, and the certificates that it belongs to; of the key itself nothing."""
        return tables.keys(listing(self.snapshot, self.now))

    def managed(self) -> pd.DataFrame:
        """What cert-manager keeps issued, how that goes, and when it means to renew."""
        return tables.managed(listing(self.snapshot, self.now))

    def card(self, place: str) -> pd.DataFrame:
        """The first certificate of a place in full.

        Args:
            place: as `certificates` lists it, or the path of a file.

        Raises:
            InputError: nothing that can be read is there.
        """
        return tables.pairs(card(inventory(self.snapshot).find(place).leaf, self.now))

    def verify(
        self, place: str, trusting: str, *, name: str = "", usage: Usage = "server", now: str = ""
    ) -> pd.DataFrame:
        """What Go says of the certificates of one place, presented to somebody who trusts those of another.

        Args:
            place, trusting: places as `certificates` lists them, or paths of files.
            name: by which a server is reached; empty = not checked.
            usage: whether it is presented as a server's or as a client's.
            now: another time to judge by, RFC 3339.

        Raises:
            InputError: nothing that can be read is there, or `now` is no time.
        """
        found = inventory(self.snapshot)
        presented, roots = found.find(place), found.find(trusting).certificates
        clock = parse_time(now, where="now") if now else self.now
        sent = presented.certificates[1:]
        answer = verify(presented.leaf, roots=roots, intermediates=sent, name=name, usage=usage, now=clock)
        return tables.verification(answer)

    def roles(self) -> pd.DataFrame:
        """The certificates that kubeadm makes, and those of each role that were found."""
        return tables.roles(inventory(self.snapshot))

    def connections(self) -> pd.DataFrame:
        """Who presents which certificate to whom, and what Go says of it there."""
        return tables.connections(connections(self.snapshot, inventory(self.snapshot)), self.now)

    def flags(self) -> pd.DataFrame:
        """The flags of the control plane's programs that name certificates and keys."""
        return tables.flags(inventory(self.snapshot))

    def openssl(self, certificate: str) -> pd.DataFrame:
        """The openssl commands that make one certificate of a cluster by hand, as `k8srun pki` prints them.

        Args:
            certificate: its path in the folder, without the suffix: `ca`, `apiserver`, `etcd/server`, `admin`.

        Raises:
            InputError: there is none of that name.
        """
        made = commands(layout(Wanted((Node("node01", ("192.0.2.11",)),))))
        if certificate not in made:
            raise InputError("no such certificate", where=certificate, do=f"One of: {', '.join(made)}")
        return tables.pairs((str(step), command) for step, command in enumerate(made[certificate], 1))

    def requests(self) -> pd.DataFrame:
        """The certificate requests, each with what approving it would risk."""
        return tables.requests(reviews(self.snapshot))

    def endpoints(self) -> pd.DataFrame:
        """Every handshake that was made: how it ended and what the peer presented."""
        return tables.endpoints(self.snapshot)

    def plot_certificates(self) -> None:
        """Display when certificates end, by the CA that signed them."""
        # matplotlib takes longer to load than most runbooks take to run, and few of them plot.
        from k8srun.display import plots, timeline  # noqa: PLC0415

        plots.show_figure(*timeline.expiries_by_ca(chains(self.snapshot), self.now))
