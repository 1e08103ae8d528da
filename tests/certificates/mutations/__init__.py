"""Mutations of chains: what each does is said by its name. Importing them registers them."""

from tests.certificates.mutations import fields, limits, names, signing, trust
from tests.certificates.mutations.base import BEYOND, MUTATIONS, Scenario

__all__ = ["BEYOND", "MUTATIONS", "Scenario", "fields", "limits", "names", "signing", "trust"]
