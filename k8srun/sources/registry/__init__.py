"""The only code that talks to image registries: it pulls manifests and small blobs, never an image, and writes nothing.

Source: OCI distribution specification 1.1, and the token flow of distribution's "Token Authentication Specification".
"""
