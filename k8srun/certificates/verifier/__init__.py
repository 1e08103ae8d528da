"""Go's verification of certificate chains, one question a module; `k8srun.certificates.verification` asks them."""
