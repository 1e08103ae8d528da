"""The journal: what is written stays, and what was tampered with shows."""

from __future__ import annotations

import json
import resource
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from k8srun.apply.audit import audit
from k8srun.apply.journal import FIRST, Event, Journal, default_path, head_path, read_entries
from k8srun.apply.signing import Signer, Verifier
from k8srun.errors import InputError, K8srunError, RefusedError

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "journal.jsonl"


@pytest.fixture
def keys(tmp_path):
    """A signer, its verifier, and a verifier of another key."""
    key = tmp_path / "journal.key"
    key.write_bytes(private_pem(Ed25519PrivateKey.generate()))
    public = tmp_path / "journal.pub"
    public.write_bytes(public_pem(key))
    (tmp_path / "other.key").write_bytes(private_pem(Ed25519PrivateKey.generate()))
    other = tmp_path / "other.pub"
    other.write_bytes(public_pem(tmp_path / "other.key"))
    return Signer.from_file(key), Verifier.from_file(public), Verifier.from_file(other)


def private_pem(key, form=PrivateFormat.PKCS8, encryption=None):
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def public_pem(key_file):
    return subprocess.run(["openssl", "pkey", "-in", key_file, "-pubout"], check=True, capture_output=True).stdout


def write(path, lines=5, signer=None):
    journal = Journal(path, signer=signer, clock=lambda: NOW)
    with journal.writing() as log:
        for number in range(lines):
            log.append(Event.INTENT, run="r", step=number + 1, detail="ümläut <&> \u2028")
    return journal


def lines(path):
    return path.read_bytes().splitlines(keepends=True)


def test_lines_are_chained_private_and_read_back(path):
    journal = write(path)
    assert [entry.step for entry in journal.entries()] == [1, 2, 3, 4, 5]
    assert journal.entries()[0].prev == FIRST
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    found = audit(path)
    assert (found.lines, found.signed, found.problems, found.notes) == (5, 0, (), ())
    assert found.head.startswith("5:")


def test_a_second_run_continues_the_chain(path):
    write(path)
    write(path, 2)
    assert [entry.seq for entry in read_entries(path)] == [1, 2, 3, 4, 5, 6, 7]
    assert audit(path).problems == ()


def test_no_journal_is_an_empty_one(path):
    assert read_entries(path) == ()
    assert audit(path).problems == ()
    assert audit(path).head == ""


TAMPERING = {
    "a line is changed": lambda rows: [*rows[:2], rows[2].replace(b'"step":3', b'"step":8'), *rows[3:]],
    "a line is taken out": lambda rows: rows[:2] + rows[3:],
    "the first line is taken out": lambda rows: rows[1:],
    "two lines change places": lambda rows: [rows[0], rows[2], rows[1], *rows[3:]],
    "a line is there twice": lambda rows: [*rows[:2], rows[1], *rows[2:]],
    "a line is damaged": lambda rows: [*rows[:2], rows[2][:20] + b"\n", *rows[3:]],
    "a line is made up": lambda rows: [*rows[:2], b'{"schema":"k8srun.dev/journal/v1"}\n', *rows[2:]],
    "a line is no text": lambda rows: [*rows[:2], b"\xff\xfe\n", *rows[3:]],
}


@pytest.mark.parametrize("how", TAMPERING)
def test_a_line_that_was_tampered_with_shows_and_is_named(path, how):
    write(path)
    path.write_bytes(b"".join(TAMPERING[how](lines(path))))
    problems = audit(path).problems
    assert problems
    assert any("line" in problem for problem in problems)


def test_every_single_byte_that_is_changed_but_in_the_last_line_shows(path):
    write(path, 3)
    whole = path.read_bytes()
    until = len(b"".join(lines(path)[:-1]))
    for place in range(0, until, 7):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(bytes(changed))
        assert audit(path).problems, place


def test_a_cut_or_rewritten_journal_shows_against_a_head_that_was_kept_elsewhere(path):
    write(path)
    head = audit(path).head
    assert audit(path, anchor=head).problems == ()
    write(path, 1)
    assert audit(path, anchor=head).problems == ()  # it has only grown
    path.write_bytes(b"".join(lines(path)[:3]))
    assert audit(path).problems == ()
    assert "does not hold entry 5 as it was anchored" in audit(path, anchor=head).problems[0]
    path.unlink()
    write(path, 6)
    rewritten = audit(path, anchor=f"5:{'0' * 64}")
    assert "shortened or rewritten" in rewritten.problems[0]
    with pytest.raises(InputError, match="is not NUMBER:HASH"):
        audit(path, anchor="nonsense")


def test_a_signed_journal_shows_what_was_cut_off_rewritten_or_added(path, keys):
    signer, verifier, _other = keys
    write(path, signer=signer)
    assert audit(path, verifier=verifier).problems == ()
    assert audit(path).notes == (
        "it is signed, and the signatures were not checked: give the public key with --public-key",
    )
    rows = lines(path)

    path.write_bytes(b"".join(rows[:3]))
    assert audit(path, verifier=verifier).problems == (
        "the journal was shortened or rewritten: it does not hold entry 5 of the signed head",
    )
    head = head_path(path).read_bytes()
    head_path(path).unlink()
    assert any(
        "the signed head journal.jsonl.head is missing" in one for one in audit(path, verifier=verifier).problems
    )

    path.unlink()
    write(path)  # anew, by somebody without the key
    assert any("journal.jsonl.head is missing" in one for one in audit(path, verifier=verifier).problems)
    head_path(path).write_bytes(head)
    assert any("shortened or rewritten" in one for one in audit(path, verifier=verifier).problems)

    path.write_bytes(b"".join(rows))
    write(path, 1)
    assert "entry 6 is not signed, though earlier ones are" in audit(path, verifier=verifier).problems


def test_what_was_written_before_a_journal_was_signed_is_said_to_be_unsigned(path, keys):
    signer, verifier, _other = keys
    write(path, 2)
    write(path, 3, signer=signer)
    found = audit(path, verifier=verifier)
    assert (found.problems, found.notes) == ((), ("entries 1 to 2 were written before it was signed",))


def test_a_signature_of_another_key_or_of_another_line_shows(path, keys):
    signer, verifier, other = keys
    write(path, signer=signer)
    assert len(audit(path, verifier=other).problems) == 6
    rows = [json.loads(row) for row in lines(path)]
    rows[1]["signature"] = rows[2]["signature"]
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    assert any("entry 2 has a signature" in one for one in audit(path, verifier=verifier).problems)


def test_a_forged_head_shows(path, keys):
    signer, verifier, _other = keys
    write(path, signer=signer)
    head = json.loads(head_path(path).read_text())
    head_path(path).write_text(json.dumps({**head, "seq": 4}))
    assert any("signed head" in one for one in audit(path, verifier=verifier).problems)
    head_path(path).write_text("{")
    assert any("cannot be read" in one for one in audit(path, verifier=verifier).problems)


@pytest.mark.parametrize("cut", [1, 40, -1])
def test_a_process_that_dies_while_it_writes_a_line_leaves_a_chain_that_goes_on(path, cut):
    write(path, 3)
    rows = lines(path)
    path.write_bytes(b"".join(rows[:2]) + rows[2][:cut])
    found = audit(path)
    assert found.problems == ()
    if cut != -1:  # with all but its newline it is whole
        assert "line 3, the last, is not whole" in found.notes[0]
    write(path, 2)
    assert audit(path).problems == ()
    assert audit(path).notes == ()
    events = [entry.event for entry in read_entries(path)]
    torn = [Event.TORN] if cut != -1 else [Event.INTENT]
    assert events == [Event.INTENT, Event.INTENT, *torn, Event.INTENT, Event.INTENT]


def test_damage_cannot_pass_for_a_line_that_was_torn(path):
    write(path, 2)
    with path.open("ab") as file:
        file.write(b'{"schema":"k8s')
    write(path, 2)
    whole = path.read_bytes()
    assert audit(path).problems == ()
    path.write_bytes(whole.replace(b'{"schema":"k8s\n', b'{"schema":"k8x\n'))
    assert "line 3 is damaged" in audit(path).problems[0]


def test_two_runs_cannot_write_at_once(path):
    journal = Journal(path)
    with journal.writing(), pytest.raises(RefusedError, match="another change is being applied"), journal.writing():
        pass
    with journal.writing() as log:
        log.append(Event.ENDED, run="r")


def test_a_journal_in_the_place_of_a_folder_is_an_error_that_says_so(tmp_path):
    with pytest.raises(InputError, match="the journal cannot be"), Journal(tmp_path).writing():
        pass
    with pytest.raises(InputError, match="the journal cannot be read"):
        read_entries(tmp_path)


@pytest.mark.parametrize("content", [b"mine\n", b'{"schema": "k8srun.dev/plan/v1"}\n', b"\x00" * 40])
def test_a_file_that_is_no_journal_is_not_written_to(tmp_path, content):
    mine = tmp_path / "fix.json"
    mine.write_bytes(content)
    with pytest.raises(InputError, match="this is no journal: nothing was written to it"), Journal(mine).writing():
        pass
    assert mine.read_bytes() == content


def test_a_device_is_no_journal():
    with pytest.raises(InputError, match="it is no file"):
        read_entries(Path("/dev/zero"))


def test_a_full_disk_is_an_error_and_the_chain_goes_on_afterwards(path):
    write(path, 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
    try:
        with pytest.raises(K8srunError, match="the journal cannot be written: File too large; nothing more was done"):
            write(path, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    write(path, 1)
    assert audit(path).problems == ()
    assert [entry.event for entry in read_entries(path)] == [Event.INTENT, Event.INTENT, Event.TORN, Event.INTENT]


def test_the_journal_is_where_the_user_says_or_where_state_is_kept():
    assert str(default_path({"K8SRUN_JOURNAL": "/x/j", "HOME": "/h"})) == "/x/j"
    assert str(default_path({"XDG_STATE_HOME": "/s", "HOME": "/h"})) == "/s/k8srun/journal.jsonl"
    assert str(default_path({"HOME": "/h"})) == "/h/.local/state/k8srun/journal.jsonl"


def test_a_key_in_openssh_format_signs(tmp_path, path):
    key = Ed25519PrivateKey.generate()
    (tmp_path / "id").write_bytes(private_pem(key, PrivateFormat.OpenSSH))
    (tmp_path / "id.pub").write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    write(path, signer=Signer.from_file(tmp_path / "id"))
    assert audit(path, verifier=Verifier.from_file(tmp_path / "id.pub")).problems == ()


def test_a_key_that_cannot_sign_is_refused_and_not_shown(tmp_path):
    locked = private_pem(Ed25519PrivateKey.generate(), encryption=BestAvailableEncryption(b"x"))
    for content, said in ((locked, "is encrypted"), (b"hunter2", "not a private key"), (b"", "not a private key")):
        (tmp_path / "key").write_bytes(content)
        with pytest.raises(InputError, match=said) as error:
            Signer.from_file(tmp_path / "key")
        assert "hunter2" not in str(error.value)
    with pytest.raises(InputError, match="cannot be read"):
        Signer.from_file(tmp_path / "none")
    with pytest.raises(InputError, match="not a public key"):
        Verifier.from_file(tmp_path / "key")
