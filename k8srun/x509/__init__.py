"""X.509 certificates and requests as plain data."""

from k8srun.x509.certificate import Certificate, MalformedCertificate, certificates_of
from k8srun.x509.extensions import NameConstraints
from k8srun.x509.request import CertificateRequest, MalformedRequest

__all__ = [
    "Certificate",
    "CertificateRequest",
    "MalformedCertificate",
    "MalformedRequest",
    "NameConstraints",
    "certificates_of",
]
