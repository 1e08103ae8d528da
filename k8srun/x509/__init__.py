"""X.509 certificates as plain data."""

from k8srun.x509.certificate import Certificate, MalformedCertificate, certificates_of
from k8srun.x509.extensions import NameConstraints

__all__ = ["Certificate", "MalformedCertificate", "NameConstraints", "certificates_of"]
