"""Certificates: the inventory of a cluster's PKI, verification that answers as Go does, diagnosis, checks."""
