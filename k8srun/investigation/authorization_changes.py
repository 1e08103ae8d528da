"""What notebooks ask about one refusal, and what they plan to end it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from k8srun.assessment.scene import Scene
from k8srun.assessment.symptoms import diagnose
from k8srun.atomic import write_atomically
from k8srun.authorization.denials.case import Case
from k8srun.authorization.denials.denial import Denial, DenialKind
from k8srun.authorization.denials.diagnosis import diagnose_denial
from k8srun.authorization.denials.reading import read
from k8srun.authorization.fixes.earlier import earlier
from k8srun.authorization.fixes.needed import needed
from k8srun.authorization.fixes.options import Proposal, propose
from k8srun.authorization.fixes.plans import grant_plan, token_plan
from k8srun.authorization.requestfile import access_request, read_request, request_text
from k8srun.clock import parse_time
from k8srun.diagnosis import Diagnosis
from k8srun.display import authorization as display
from k8srun.errors import InputError, RefusedError
from k8srun.investigation.auditlog import read_audit_file
from k8srun.investigation.questions import Questions
from k8srun.lab import Lab
from k8srun.plan import Plan
from k8srun.sources.saved import load

if TYPE_CHECKING:
    import pandas as pd


class AuthorizationChanges(Questions):
    """The part of an investigation that explains one refusal and plans the grant that ends it.

    `error` is the message as printed, `request` the path of an access request that somebody else wrote; on the lab both
    may be empty, for the incident's own symptom.
    """

    __slots__ = ()

    lab: Lab | None

    def diagnose_refusal(self, error: str = "", request: str = "") -> Diagnosis:
        """The cause of a 403 or a 401."""
        if request:
            found = diagnose_denial(self._denial("", request), Scene(self.snapshot, self.now).authorization)
        else:
            found = diagnose(error or self._symptom, self.snapshot, self.now)
        return self._told(found)

    def access_request(self, error: str = "", request: str = "", *, write_to: str = "", why: str = "") -> pd.DataFrame:
        """What was refused to whom, for somebody who may read roles and bindings.

        Args:
            write_to: the file that it is written to, which must not exist; empty = it is only shown.
            why: what it is needed for.

        Raises:
            InputError: the text holds no refusal, or the file cannot be written.
            RefusedError: the file exists.
        """
        if not (request or write_to or read(error or self._symptom)):
            return display.nothing_refused()
        denial = self._denial(error, request)
        server = self.snapshot.server
        case = Case(denial, Scene(self.snapshot, self.now).authorization)
        groups = case.known_groups[0] if case.known_groups else ()
        made = access_request(denial, self.now, groups=groups, why=why, server=server.url if server else "")
        if write_to:
            _write(Path(write_to), request_text(made))
        return display.request(made)

    def proposal(
        self, error: str = "", request: str = "", *, before: str = "", audit_log: str = "", expires: str = ""
    ) -> Proposal:
        """The ways to allow what was refused, ranked, and whether it worked before.

        Args:
            before: an older snapshot, path.
            audit_log: an audit log, path.
            expires: RFC 3339: when the grant is to be reported as past.

        Raises:
            InputError: the text holds no refusal that a grant can end, or a file cannot be read.
        """
        denial = self._denial(error, request)
        if denial.kind is not DenialKind.ACCESS or denial.request is None:
            what = (
                "the message does not say who was refused what"
                if denial.is_about_rbac
                else f"no grant ends this refusal: it is one of {denial.kind.value}"
            )
            raise InputError(what, do="k8srun run forbidden-403 says what to do; an audit event tells who and what.")
        if expires:
            parse_time(expires, where="expires")
        case = Case(denial, Scene(self.snapshot, self.now).authorization)
        wanted = needed(denial.request, denial.client)
        told = earlier(
            case.identity,
            denial.request,
            self.snapshot,
            load(Path(before)) if before else None,
            read_audit_file(audit_log) if audit_log else None,
        )
        return propose(case.identity, wanted, self.snapshot, before=told, expires=expires)

    def options(self, proposal: Proposal) -> pd.DataFrame:
        """The ways of a proposal, the best first."""
        return display.options(proposal)

    def doubts(self, proposal: Proposal) -> pd.DataFrame:
        """What is needed, whether it worked before, and what to ask before granting it."""
        return display.doubts(proposal)

    def grant(self, proposal: Proposal, option: int = 1) -> Plan | None:
        """The plan for one of the ways; None where it is allowed already.

        Args:
            option: its number.

        Raises:
            InputError: there is no such option.
        """
        if not proposal.options:
            return None
        if not 1 <= option <= len(proposal.options):
            raise InputError(f"there is no option {option}", do=f"Name one from 1 to {len(proposal.options)}.")
        return grant_plan(proposal, proposal.options[option - 1], self.snapshot)

    def token(self, account: str, path: str, *, seconds: int = 3600, audience: str = "") -> Plan:
        """The plan that issues a token of a ServiceAccount, into a new file of mode 0600.

        Args:
            account: `NAMESPACE/NAME`.
            path: the file; it must not exist.
            audience: whom the token is for; empty = the API server.
        """
        namespace, slash, name = account.partition("/")
        if not (namespace and slash and name):
            raise InputError("names no ServiceAccount", where=account, do="Write it as NAMESPACE/NAME.")
        return token_plan(
            namespace, name, path, self.snapshot, seconds=seconds, audiences=(audience,) if audience else ()
        )

    def _denial(self, error: str, request: str) -> Denial:
        if request:
            try:
                data = Path(request).read_bytes()
            except OSError as problem:
                raise InputError(f"cannot be read: {problem.strerror}", where=request) from None
            return read_request(data, where=request).denial
        found = read(error or self._symptom)
        if found is None:
            raise InputError("the text holds no 403 and no 401", do="Give the whole message, as it was printed.")
        return found

    @property
    def _symptom(self) -> str:
        return self.lab.symptom if self.lab and self.lab.incident else ""


def _write(path: Path, text: str) -> None:
    if path.exists():
        raise RefusedError("exists: nothing was written", where=str(path), do="Name a new file.")
    try:
        write_atomically(path, text.encode(), mode=0o644)
    except OSError as problem:
        raise InputError(f"cannot be written: {problem.strerror}", where=str(path)) from None
