"""The control plane: which Kubernetes a cluster is, and who manages it."""
