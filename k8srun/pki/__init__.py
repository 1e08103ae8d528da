"""Keys, certificates, requests and kubeconfigs, made and written: a cluster's PKI, and what one user needs."""
