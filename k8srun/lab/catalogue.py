"""The incidents: one folder each, described by its `incident.yaml`. Adding a folder adds an incident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import yaml

from k8srun.errors import InputError
from k8srun.lab.files import LOADER
from k8srun.lab.merging import merge_patch
from k8srun.pki.spec import PkiSpec, moment
from k8srun.text import visible

DATA = Path(__file__).parent
INCIDENTS = DATA / "incidents"
DEFAULT_INCIDENT = "expired-serving-certificate"
_DESCRIPTION = "incident.yaml"

T = TypeVar("T")


Serve = Literal["https", "http", "nothing", "tls-1.1", "mutual-tls", "mutual-tls-1.2"]
"""`nothing` hangs up at once; `mutual-tls` demands a client certificate in the handshake; the rest is in the name."""


class FileChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a file: one of these.

    Attributes:
        certificate: the id of the certificate that stands in it.
        key: the id of the certificate whose private key stands in it.
        without_line: the number of the line that was lost, from 1; negative from the end.
        damaged: a bit of its certificate's signature is not as it was.
        removed: it is gone.
    """

    certificate: str = ""
    key: str = ""
    without_line: int = 0
    damaged: bool = False
    removed: bool = False


class KubeconfigChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What differs in the engineer's kubeconfig (JSON Merge Patch)."""

    cluster: Mapping[str, Any] = {}
    user: Mapping[str, Any] = {}


class Incident(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is broken in a lab, how it shows, and the answer that is expected of a runbook.

    Attributes:
        title: what is wrong, in a sentence.
        domain: who explains it (`certificates`, `authorization`, …).
        runbook: the id of the runbook that investigates it.
        symptom: what a person would paste, with the placeholders that `k8srun.lab.facts` fills in.
        wrong: what is wrong and how it came about.
        cause: the id of the cause that the runbook must confirm.
        fix: words that must all occur in the fix that the runbook proposes.
        hides: ids of the causes of the errors that appear once this one is mended.
        asks: what a person would give besides the symptom: parameter of the runbook → value.
        pki: merged into `company/pki.yaml` (JSON Merge Patch).
        tour: whether it is among those that a first look at the lab shows.
        without_text: the causes that are confirmed where nobody pastes the symptom, if that is not `cause` alone.
        serve: what answers on the API server's port.
        served: the id of the certificate that the API server's process holds in memory; empty = what lies on the node.
        kubeconfig: what differs in the engineer's kubeconfig; may hold the placeholders of manifests.
        files: path on the control-plane node → what became of the file.
        clock: by how much the clock of the side that complains is off, such as `-36h`.
        logs: container of the control plane → the lines that it wrote, with the same placeholders.
        folder: where its other files are: `manifests.yaml` changes what people wrote, `state.yaml` what became of it.
    """

    title: str
    domain: str
    runbook: str
    symptom: str
    wrong: str
    cause: str
    fix: tuple[str, ...]
    hides: tuple[str, ...] = ()
    asks: Mapping[str, str] = {}
    pki: Mapping[str, Any] = {}
    tour: bool = False
    without_text: tuple[str, ...] | None = None
    serve: Serve = "https"
    served: str = ""
    kubeconfig: KubeconfigChange = KubeconfigChange()
    files: Mapping[str, FileChange] = {}
    clock: str = "+0h"
    logs: Mapping[str, tuple[str, ...]] = {}
    folder: Path = Path()

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    def overlay(self, file: str) -> tuple[dict[str, Any], ...]:
        """The documents of one of its other files; none when it has no such file."""
        path = self.folder / file
        return read_documents(path) if path.is_file() else ()

    def clock_offset(self, now: datetime) -> timedelta:
        return moment(self.clock, now) - moment("+0h", now)


def incidents(folder: Path = INCIDENTS) -> tuple[Incident, ...]:
    """Every incident, by name.

    Raises:
        InputError: a description is malformed; the message names file and field.
    """
    return tuple(_read_incident(path) for path in sorted(folder.glob(f"*/{_DESCRIPTION}")))


def incident(name: str, folder: Path = INCIDENTS) -> Incident:
    """The incident of that name.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    for path in sorted(folder.glob(f"*/{_DESCRIPTION}")):
        if path.parent.name == name:
            return _read_incident(path)
    known = [path.parent.name for path in folder.glob(f"*/{_DESCRIPTION}")]
    near = get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    raise InputError(
        f"there is no incident {visible(name, limit=80)} in the lab",
        do=f"Did you mean {' or '.join(near)}?" if near else "List them with: k8srun lab incidents",
    )


def pki_spec(broken_by: Incident | None) -> PkiSpec:
    """The company's certificates as the incident has them.

    Raises:
        InputError: the incident's `pki` does not fit; the message names the field.
    """
    (healthy,) = read_documents(DATA / "company" / "pki.yaml")
    patch = broken_by.pki if broken_by else {}
    where = str(broken_by.folder / _DESCRIPTION) if broken_by else ""
    return _convert(merge_patch(healthy, patch), PkiSpec, where)


@cache
def read_documents(path: Path) -> tuple[dict[str, Any], ...]:
    """The YAML documents of a file that is the lab's own. Nobody may change them: they are read once.

    Raises:
        InputError: it is not YAML.
    """
    try:
        documents = yaml.load_all(path.read_bytes(), Loader=LOADER)
        return tuple(document for document in documents if document)
    except yaml.YAMLError as error:
        raise InputError(f"is not valid YAML: {error}", where=str(path)) from None


def _read_incident(path: Path) -> Incident:
    documents = read_documents(path)
    if len(documents) != 1:
        raise InputError("holds not one description", where=str(path))
    return msgspec.structs.replace(_convert(documents[0], Incident, str(path)), folder=path.parent)


def _convert(value: Any, kind: type[T], where: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InputError(str(error), where=where) from None
