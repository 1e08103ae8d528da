"""Clusters and reviews made by chance, from a vocabulary small enough that they meet, with every form there is."""

from __future__ import annotations

import random
from typing import Any

from k8srun.authorization.attributes import Attributes, Identity
from tests.authorization.cluster import GROUP

NAMESPACES = ("authz-a", "authz-b", "authz-c")
GROUPS = ("", "apps", "batch", "metrics.k8s.io", "*", "APPS")
RESOURCES = (
    "pods", "pods/log", "pods/exec", "pods/*", "*/scale", "*/*", "*", "secrets", "deployments", "deployments/scale",
    "namespaces", "nodes", "nodes/proxy", "widgets", "Pods", "*/log", "services/proxy",
)  # fmt: skip
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "*", "GET", "use", "bind")
NAMES = ("one", "two", "tls.crt", "a:b", "*")
URLS = ("/healthz", "/healthz/*", "/foo*", "/foo/*", "*", "/", "/metrics", "/api/*", "/a**")
PATHS = (
    "/healthz", "/healthz/", "/healthz/ping", "/foo", "/foobar", "/foo/bar", "/", "/metrics", "/api/v1", "/a*", "*", "",
)  # fmt: skip
USERS = ("jane", "Jane", "bob@example.com", "system:serviceaccount:authz-a:web", "system:serviceaccount:authz-b:web",
         "system:anonymous", "oidc:eve/ops", "web", "*", 'quo"te')  # fmt: skip
TEAMS = ("dev", "Dev", "system:authenticated", "system:unauthenticated", "system:serviceaccounts",
         "system:serviceaccounts:authz-a", "ops team", "*", "jane")  # fmt: skip
ACCOUNTS = ("web", "default", "builder")


class Generated:
    """One cluster; equal seeds make equal clusters. Its objects are told by `prefix` from those of others."""

    def __init__(self, seed: int, prefix: str) -> None:
        self.random = random.Random(seed)
        self.prefix = prefix
        self.objects = [*self._cluster_roles(), *self._roles(), *self._bindings()]

    def _some(self, values: tuple[str, ...], most: int = 3) -> list[str]:
        return [self.random.choice(values) for _ in range(self.random.randint(1, most))]

    def _rule(self, *, in_namespace: bool) -> dict[str, Any]:
        if not in_namespace and self.random.random() < 0.25:
            return {"verbs": self._some(VERBS), "nonResourceURLs": self._some(URLS)}
        rule = {"verbs": self._some(VERBS), "apiGroups": self._some(GROUPS), "resources": self._some(RESOURCES)}
        if self.random.random() < 0.3:
            rule["resourceNames"] = self._some(NAMES, 2)
        return rule

    def _rules(self, *, in_namespace: bool) -> list[dict[str, Any]]:
        return [self._rule(in_namespace=in_namespace) for _ in range(self.random.randint(0, 4))]

    def _cluster_roles(self) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        for number in range(10):
            name = f"{self.prefix}cr-{number}" if number else f"{self.prefix}odd:name-{number}"
            labels = {f"{self.prefix}tier": self.random.choice(("low", "high"))}
            item: dict[str, Any] = {
                "apiVersion": f"{GROUP}/v1",
                "kind": "ClusterRole",
                "metadata": {"name": name, "labels": labels},
                "rules": self._rules(in_namespace=False),
            }
            if number in {7, 8, 9}:  # roles that gather, the last ones gathering each other too
                item["aggregationRule"] = {"clusterRoleSelectors": [self._selector() for _ in range(1 + number % 2)]}
                item["rules"] = []
            made.append(item)
        return made

    def _selector(self) -> dict[str, Any]:
        key = f"{self.prefix}tier"
        return self.random.choice(
            (
                {"matchLabels": {key: "low"}},
                {"matchExpressions": [{"key": key, "operator": "In", "values": ["high", "none"]}]},
                {"matchLabels": {key: "high"}, "matchExpressions": [{"key": key, "operator": "Exists"}]},
            )
        )

    def _roles(self) -> list[dict[str, Any]]:
        return [
            {
                "apiVersion": f"{GROUP}/v1",
                "kind": "Role",
                "metadata": {"name": f"{self.prefix}r-{number}", "namespace": namespace},
                "rules": self._rules(in_namespace=True),
            }
            for namespace in NAMESPACES
            for number in range(3)
        ]

    def _bindings(self) -> list[dict[str, Any]]:
        made = []
        for number in range(28):
            namespace = "" if number % 4 == 0 else self.random.choice(NAMESPACES)
            role = self.random.random() < 0.4 and bool(namespace)
            # Some lead nowhere.
            name = f"{self.prefix}r-{self.random.randint(0, 3)}" if role else self._cluster_role_name()
            metadata = {"name": f"{self.prefix}b-{number}", **({"namespace": namespace} if namespace else {})}
            made.append(
                {
                    "apiVersion": f"{GROUP}/v1",
                    "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
                    "metadata": metadata,
                    "roleRef": {"apiGroup": GROUP, "kind": "Role" if role else "ClusterRole", "name": name},
                    "subjects": [self._subject(namespace) for _ in range(self.random.randint(0, 3))],
                }
            )
        return made

    def _cluster_role_name(self) -> str:
        number = self.random.randint(0, 10)
        return f"{self.prefix}cr-{number}" if number else f"{self.prefix}odd:name-0"

    def _subject(self, namespace: str) -> dict[str, Any]:
        kind = self.random.choice(("User", "Group", "ServiceAccount"))
        if kind == "User":
            return {"kind": kind, "apiGroup": GROUP, "name": self.random.choice(USERS)}
        if kind == "Group":
            return {"kind": kind, "apiGroup": GROUP, "name": self.random.choice(TEAMS)}
        return {"kind": kind, "name": self.random.choice(ACCOUNTS), "namespace": self.random.choice(NAMESPACES)}

    def pair(self) -> tuple[Identity, Attributes]:
        """Who asks for what: by chance, or near to what a binding gives, so that both answers are frequent."""
        if self.random.random() < 0.5:
            return self.identity(), self.request()
        binding = self.random.choice([item for item in self.objects if item.get("subjects")])
        name, namespace = binding["roleRef"]["name"], binding["metadata"].get("namespace", "")
        roles = [item for item in self.objects if item["metadata"]["name"] == name and item.get("rules")]
        identity = self._named(self.random.choice(binding["subjects"]))
        if not roles:
            return identity, self.request()
        return identity, self._within(self.random.choice(roles[0]["rules"]), namespace)

    def _named(self, subject: dict[str, Any]) -> Identity:
        if subject["kind"] == "Group":
            return Identity(self.random.choice(USERS), (subject["name"],))
        if subject["kind"] == "User":
            return Identity(subject["name"])
        return Identity(f"system:serviceaccount:{subject['namespace']}:{subject['name']}")

    def _within(self, rule: dict[str, Any], namespace: str) -> Attributes:
        verb = self.random.choice(rule["verbs"])
        if "nonResourceURLs" in rule:
            return Attributes(verb, path=self.random.choice(rule["nonResourceURLs"]).replace("*", "x"))
        resource, _, subresource = self.random.choice(rule["resources"]).partition("/")
        name = self.random.choice(rule.get("resourceNames", ["", "one"]))
        return Attributes(verb, self.random.choice(rule["apiGroups"]), resource, subresource, namespace, name)

    def identity(self) -> Identity:
        user = self.random.choice((*USERS, "system:serviceaccount:authz-c:builder", "nobody"))
        return Identity(user, tuple(self.random.sample(TEAMS, self.random.randint(0, 3))))

    def request(self) -> Attributes:
        verb = self.random.choice((*VERBS, "escalate"))
        if self.random.random() < 0.2:
            return Attributes(verb, path=self.random.choice(PATHS))
        resource, _, subresource = self.random.choice(RESOURCES).partition("/")
        return Attributes(
            verb,
            self.random.choice(GROUPS),
            resource,
            subresource,
            self.random.choice((*NAMESPACES, "", "authz-nowhere")),
            self.random.choice((*NAMES, "", "", "other")),
        )
