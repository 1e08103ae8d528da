from __future__ import annotations

import pytest

from k8srun.codec import decode, parse_json
from k8srun.errors import InputError


@pytest.mark.parametrize("data", [b"", b"{", b'{"a": "\xff"}', b"[" * 100_000, b'{"a": NaN}'])
def test_what_is_no_json_is_an_input_error_that_names_its_place(data):
    for read in (lambda: parse_json(data, where="x"), lambda: decode(data, dict, where="x")):
        with pytest.raises(InputError) as raised:
            read()
        assert raised.value.where == "x"
