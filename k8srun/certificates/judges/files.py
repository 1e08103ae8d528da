"""Causes that lie in files, Secrets and kubeconfig fields: pairs that do not fit, PEM that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from k8srun.certificates.case import Case, Judgement, confirmed, ruled_out, undecided, who
from k8srun.certificates.components import Component
from k8srun.certificates.inventory import Bundle, Holder, Inventory
from k8srun.certificates.roles import CERTIFICATE_FLAGS, KEY_FLAGS, OTHER_FILE_FLAGS
from k8srun.findings import Evidence
from k8srun.hostfiles import Topic
from k8srun.pem import PASSED_OVER, UNDECIDED
from k8srun.snapshot import GapReason, Snapshot
from k8srun.text import visible

DOUBLE_ENCODED = "encoded once too often"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and a private key that are configured together, and where each stands."""

    certificate: Bundle
    key: Bundle

    @property
    def matches(self) -> bool | None:
        """Whether they belong together; None if one of them could not be read."""
        leaf = self.certificate.certificates[:1]
        keys = [block for block in self.key.keys if block.public_key_sha256]
        if not leaf or not keys or not leaf[0].public_key_sha256:
            return None
        return leaf[0].public_key_sha256 == keys[0].public_key_sha256


def key_pairs(inventory: Inventory) -> Iterator[KeyPair]:
    """Every pair: by flags, by kubeadm's file names, in a kubeconfig's user, in a TLS Secret."""
    seen = set()
    for program, certificate_flag, key_flag in _flagged(inventory):
        pair = _pair(inventory, program.flags.get(certificate_flag, ""), program.flags.get(key_flag, ""), program.host)
        if pair and pair.certificate.place not in seen:
            seen.add(pair.certificate.place)
            yield pair
    for bundle in inventory.bundles:
        if bundle.holder is Holder.KUBECONFIG_USER and bundle.keys:
            yield KeyPair(bundle, bundle)
        elif bundle.holder is Holder.FILE and bundle.path.endswith(".crt") and bundle.place not in seen:
            key = inventory.file(f"{bundle.path.removesuffix('.crt')}.key", bundle.host)
            if key:
                yield KeyPair(bundle, key)
        elif bundle.holder is Holder.FILE and bundle.keys and bundle.certificates:
            yield KeyPair(bundle, bundle)
        elif bundle.holder is Holder.SECRET and bundle.place.endswith(", tls.crt"):
            place = bundle.place.removesuffix("tls.crt") + "tls.key"
            key = inventory.at(place)
            if key:
                yield KeyPair(bundle, key)


def missing_files(snapshot: Snapshot, inventory: Inventory) -> Iterator[tuple[Component, str, str]]:
    """Program, flag and path of every file that a flag names and that is not there, although its folder was read."""
    present = {(file.host, file.path) for file in snapshot.files}
    read = snapshot.files_of(Topic.PKI, Topic.KUBECONFIG)
    folders = {(file.host, folder) for file in read for folder in _folders(file.path)}
    unread = {gap.where for gap in snapshot.gaps if gap.reason is not GapReason.NOT_SUPPLIED}
    for program in inventory.components:
        for name, flag in dict.fromkeys((*CERTIFICATE_FLAGS, *_KEYS, *sorted(OTHER_FILE_FLAGS))):
            path = program.flags.get(flag, "") if name == program.program else ""
            looked = any((program.host, folder) in folders for folder in _folders(path))
            if looked and (program.host, path) not in present and not any(path in where for where in unread):
                yield program, flag, path


def key_mismatch(case: Case) -> Judgement:
    """A private key and the certificate beside it have different public keys."""
    pairs = [pair for pair in key_pairs(case.inventory) if _concerns(case, pair.certificate, pair.key)]
    wrong = [pair for pair in pairs if pair.matches is False]
    if wrong:
        return confirmed(*(fact for pair in wrong for fact in _mismatch(pair)))
    judged = [pair for pair in pairs if pair.matches]
    if judged:
        return ruled_out(f"every pair that was read belongs together ({len(judged)})", judged[0].certificate.place)
    return undecided()


def pem_swapped(case: Case) -> Judgement:
    """The certificate's place holds a key, or the key's a certificate."""
    found = []
    for pair in key_pairs(case.inventory):
        if pair.certificate is pair.key or not _concerns(case, pair.certificate, pair.key):
            continue
        if pair.certificate.keys and not pair.certificate.certificates:
            found.append(Evidence("a private key stands where the certificate belongs", pair.certificate.place))
        if pair.key.certificates and not pair.key.keys:
            found.append(Evidence("a certificate stands where the private key belongs", pair.key.place))
    if found:
        return confirmed(*found)
    return ruled_out("certificates and keys stand where they belong") if _any_pair(case) else undecided()


def pem_double_encoded(case: Case) -> Judgement:
    """base64 within base64: typical of a Secret or kubeconfig that was filled from another one's data."""
    return _broken(case, lambda error: DOUBLE_ENCODED in error)


def pem_missing(case: Case) -> Judgement:
    """Something else than PEM: an empty file, an error page, a path in place of the content, PEM in another form."""
    other = ("empty", "no PEM", "an HTML", "not valid base64", "larger", "text in UTF-16", "a Java keystore")
    unseen = [
        Evidence(f"{bundle.broken[0].label}: {bundle.broken[0].error}", bundle.place)
        for bundle in case.inventory.bundles
        if _concerns(case, bundle)
        and len(bundle.broken) == len(bundle.blocks)  # beside what is read, it may be there on purpose
        and PASSED_OVER in "".join(block.error for block in bundle.broken[:1])
    ]
    if unseen:
        return confirmed(*unseen[:5])
    return _broken(case, lambda error: error.startswith(other) and DOUBLE_ENCODED not in error)


def pem_truncated(case: Case) -> Judgement:
    """A PEM block that begins and cannot be read to its end."""
    return _broken(case, lambda error: error.startswith(("truncated", "malformed", "ends as", "not valid base64")))


def certificate_refused(case: Case) -> Judgement:
    """Go's parser refuses what openssl reads: a curve, a serial number, a name that it does not accept."""
    certificates = [item for item in case.inventory.held if _concerns(case, item.bundle)]
    refused = [item for item in certificates if item.certificate.refused]
    # A message that was read somewhere is about those that are refused in its words.
    named = [item for item in refused if item.certificate.refused in case.symptom.line]
    if named or (refused and not case.symptom.spoken):
        return confirmed(
            *(
                Evidence(f"{who(item.certificate)}: {visible(item.certificate.refused, limit=300)}", item.place)
                for item in (named or refused)[:5]
            )
        )
    if certificates and not _undecided(case) and not any(item.certificate.unreadable for item in certificates):
        return ruled_out(f"Go's parser reads every certificate that was found ({len(certificates)})")
    return undecided()


def file_missing(case: Case) -> Judgement:
    """A flag names a file that is not there."""
    found = [item for item in missing_files(case.world.snapshot, case.inventory) if case.symptom.file in {"", item[2]}]
    if found:
        return confirmed(
            *(Evidence(f"--{flag}={path}: there is no such file", program.place) for program, flag, path in found)
        )
    if case.inventory.components:
        return ruled_out("every file that a flag names is there", case.inventory.components[0].place)
    return undecided(*((Evidence(f"{case.symptom.file}: no such file", "the message"),) if case.symptom.file else ()))


_KEYS = tuple((program, key_flag) for (program, _), key_flag in KEY_FLAGS.items())


def _flagged(inventory: Inventory) -> Iterator[tuple[Component, str, str]]:
    for program in inventory.components:
        for (name, certificate_flag), key_flag in KEY_FLAGS.items():
            if name == program.program and certificate_flag in program.flags and key_flag in program.flags:
                yield program, certificate_flag, key_flag


def _pair(inventory: Inventory, certificate: str, key: str, host: str) -> KeyPair | None:
    first, second = inventory.file(certificate, host), inventory.file(key, host)
    return KeyPair(first, second) if first and second else None


def _folders(path: str) -> list[str]:
    """The folder of a file, and the PKI's own folder above it: whoever read one file there has seen all of them."""
    folder = path.rpartition("/")[0]
    above = folder.rpartition("/")[0]
    return [folder, above] if above.endswith("/pki") else [folder]


def _concerns(case: Case, *bundles: Bundle) -> bool:
    """Whether the message is about one of these: it names no file, or one of theirs."""
    return not case.symptom.file or any(bundle.path == case.symptom.file for bundle in bundles)


def _any_pair(case: Case) -> bool:
    return any(_concerns(case, pair.certificate, pair.key) for pair in key_pairs(case.inventory))


def _mismatch(pair: KeyPair) -> tuple[Evidence, ...]:
    leaf, key = pair.certificate.certificates[0], pair.key.keys[0]
    return (
        Evidence(
            f"{who(leaf)} has the public key {leaf.public_key_sha256[:16]}… ({leaf.key_type})", pair.certificate.place
        ),
        Evidence(f"the private key's is {key.public_key_sha256[:16]}… ({key.key_type})", pair.key.place),
    )


def _undecided(case: Case) -> list[Evidence]:
    """The certificates of which it cannot be told what Go makes of them."""
    bundles = (bundle for bundle in case.inventory.bundles if _concerns(case, bundle))
    return [Evidence(UNDECIDED, bundle.place) for bundle in bundles for it in bundle.broken if it.error == UNDECIDED]


def _broken(case: Case, wanted: object) -> Judgement:
    test = wanted if callable(wanted) else bool
    bundles = [bundle for bundle in case.inventory.bundles if _concerns(case, bundle)]
    found = [(bundle, block) for bundle in bundles for block in bundle.broken if test(block.error)]
    if found:
        return confirmed(
            *(
                Evidence(
                    f"{block.label or 'content'}: {block.error}{f', line {block.line}' if block.label else ''}",
                    bundle.place,
                )
                for bundle, block in found[:5]
            )
        )
    if unread := _undecided(case):
        return undecided(*unread[:5])
    if bundles:
        return ruled_out(f"no such content in what was read ({len(bundles)} places)")
    return undecided()
