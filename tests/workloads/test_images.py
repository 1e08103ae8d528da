from __future__ import annotations

import random
import re

import pytest

from k8srun.errors import InputError
from k8srun.workloads.image_policy import ImagePolicy, ImageRule
from k8srun.workloads.images import parse_image
from k8srun.workloads.keyring import RegistryKey, lookup, nearest
from tests.workloads.goimages import ask

DIGEST = "sha256:" + "0a" * 32

_PARTS = (
    "", "nginx", "a", "A", "shop", "web-1", "web_1", "web__1", "web___1", "web--1", "-web", "web-", "a.b", "a..b",
    "a.B",
    "localhost", "LOCALHOST", "docker.io", "index.docker.io", "library", "registry.example", "registry.example:5000",
    "registry.example:", "registry.example:x", "10.0.0.1:80", "[::1]", "[::1]:5000", "[fe80::1%25eth0]", "x" * 260,
    "ab" * 32, "AB" * 32, "süß", "a b", "a\n", "quay.io", "a_b.c", "-", "_",
)  # fmt: skip
_TAGS = ("", ":1.4", ":latest", ":", ":a:b", ":" + "t" * 128, ":" + "t" * 129, ":-x", ":_x", ":ü", ":1/2")
_DIGESTS = (
    "", f"@{DIGEST}", "@sha256:" + "0A" * 32, "@sha256:" + "0" * 63, "@sha512:" + "0" * 128, "@sha384:" + "0" * 64,
    "@md5:" + "0" * 32, "@MD5:" + "0" * 32, "@sha256+b64:" + "0" * 64, "@", "@sha256", f"@{DIGEST}@{DIGEST}",
)  # fmt: skip
_KEYS = (
    "registry.example", "https://registry.example", "http://registry.example/v1/", "registry.example/v2/", "*.example",
    "*", "*.*", "registry.*", "reg*.example", "registry.example:5000", "registry.example:80", "registry.example/shop",
    "registry.example/sho", "registry.example/shop/web", "registry.example/", "registry.example/v1/shop",
    "https://index.docker.io/v1/", "index.docker.io", "docker.io", "docker.io/library", "https://docker.io/v2/x",
    "*.docker.io", "quay.io", "localhost", "localhost:5000", "10.0.0.1:80", "[::1]:5000", "registr[xy].example",
    "registr[^x].example", "registr[.example", "registr?.example", "user@registry.example", "registry.example?x=1",
    "registry.example#f", "registry .example", "", "https://", "registry.example/%73hop", "*.registry.example",
    "registry.example:*", "registry.example/*",
)  # fmt: skip


def drawn(count: int) -> list[dict]:
    rng = random.Random(1)
    questions = []
    for _ in range(count):
        parts = rng.choices(_PARTS, k=rng.choice((1, 1, 2, 2, 3)))
        tag, digest = (rng.choice(options) if rng.random() < 0.3 else "" for options in (_TAGS, _DIGESTS))
        questions.append({"image": "/".join(parts) + tag + digest, "keys": rng.sample(_KEYS, rng.choice((1, 2, 4, 8)))})
    return questions


def matching(count: int) -> list[dict]:
    rng = random.Random(2)
    images = (
        "nginx", "library/nginx:1", "docker.io/a/b", "registry.example/shop/web:1.4", "registry.example/shopping/web",
        "registry.example:5000/shop/web", "localhost:5000/x", "localhost/x", "10.0.0.1:80/x", "quay.io/a/b",
        "[::1]:5000/x", "a.registry.example/x", "index.docker.io/x",
    )  # fmt: skip
    return [{"image": rng.choice(images), "keys": rng.sample(_KEYS, rng.choice((1, 2, 4, 8)))} for _ in range(count)]


def test_references_are_read_as_the_kubelet_reads_them(kubelet_images):
    questions = drawn(20_000)

    answers = ask(kubelet_images, questions)

    valid = 0
    for question, answer in zip(questions, answers, strict=True):
        try:
            found = parse_image(question["image"])
        except InputError as error:
            reason = error.what.rpartition("is no image reference: ")[2]
            assert answer["error"], question["image"]
            assert reason in re.sub(r" \(.*\) must", " must", answer["error"], flags=re.DOTALL), answer["error"]
        else:
            assert answer["error"] == "", question["image"]
            assert (found.name, found.tag or found.pulled_tag, found.digest) == (
                answer["name"], answer["tag"], answer["digest"],
            )  # fmt: skip
            valid += 1
    assert 2_000 < valid < 18_000


def test_credentials_are_matched_and_ordered_as_the_kubelet_does(kubelet_images):
    questions = matching(20_000)

    answers = ask(kubelet_images, questions)

    matched = 0
    for question, answer in zip(questions, answers, strict=True):
        keys = [RegistryKey(key) for key in question["keys"]]
        assert [key.host for key in lookup(keys, parse_image(question["image"]).name)] == answer["matches"], question
        matched += bool(answer["matches"])
    assert 4_000 < matched < 18_000


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("shop/web:1", "docker.io/shop/web:1", "shop/web:1"),
        (f"nginx:1@{DIGEST}", f"docker.io/library/nginx@{DIGEST}", f"nginx@{DIGEST}"),
        ("index.docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("localhost/web", "localhost/web:latest", "localhost/web:latest"),
        ("Registry/web", "Registry/web:latest", "Registry/web:latest"),
    ],
)
def test_a_reference_is_completed_and_shortened(text, canonical, familiar):
    found = parse_image(text)

    assert (found.canonical, found.familiar) == (canonical, familiar)


def test_a_digest_decides_and_the_tag_beside_it_is_not_looked_at():
    found = parse_image(f"registry.example/web:latest@{DIGEST}")

    assert found.tag == "latest"
    assert found.pulled_tag == ""
    assert list(ImagePolicy(forbidden_tags=("latest",), digest=True).violations(found)) == []


def test_a_long_hostile_reference_is_refused_at_once_and_shown_short():
    with pytest.raises(InputError) as refused:
        parse_image("a-" * 200_000 + "\x1b[2J!")

    assert len(str(refused.value)) < 1_000
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("registry.example", True),
        ("registry.example/shop", True),
        ("registry.example/sho", False),
        ("registry.example/shop/web/", True),
        ("*.example/*", True),
        ("*.example", False),
        ("example", False),
    ],
)
def test_an_allowed_registry_is_matched_by_whole_parts(pattern, allowed):
    broken = ImagePolicy(registries=(pattern,)).violations(parse_image("registry.example/shop/web:1"))

    assert [rule for rule, _ in broken] == ([] if allowed else [ImageRule.REGISTRY])


@pytest.mark.parametrize(
    ("keys", "near"),
    [
        (("registry.example:5000",), "registry.example:5000"),
        (("quay.io", "*.registry.example"), "*.registry.example"),
        (("quay.io",), None),
    ],
)
def test_the_key_that_nearly_matches_is_named(keys, near):
    found = nearest([RegistryKey(key) for key in keys], "registry.example/shop/web")

    assert (found.host if found else None) == near
