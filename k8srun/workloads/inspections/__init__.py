"""What the checks of workloads look at, family by family."""
