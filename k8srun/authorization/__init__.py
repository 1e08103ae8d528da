"""Authorization: what the kube-apiserver lets whom do, why not, and the smallest grant that would."""
