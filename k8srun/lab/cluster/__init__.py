"""What a cluster makes of the manifests that people write: identities, defaults, pods, addresses, states.

The company's manifests are kept as its teams would write them; a live dump holds far more. What the controllers, the
scheduler, the kubelets and the API server would add is added here, so that an incident that changes a manifest changes
everything that follows from it too.
"""
