"""The HTTP of the one module that writes: a request ends in its time, and what became of it is never guessed."""

from __future__ import annotations

import pytest

from k8srun.apply.writer import Lost, Writer
from k8srun.sources.connection import Connection
from tests.sources.scripted import drop, serving, trickling

POD = "/api/v1/namespaces/shop/pods/web"


@pytest.mark.parametrize("answer", [
    trickling(b"HTTP/1.1 200 OK\r\n", b"A"),
    trickling(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" "),
    drop,
], ids=["header", "100 Continue", "body", "half an answer"])  # fmt: skip
def test_an_answer_that_never_ends_leaves_open_whether_the_request_was_carried_out(answer):
    with serving({POD: [answer]}) as script, pytest.raises(Lost):
        Writer(Connection(script.server), timeout=0.3).send("DELETE", POD)
