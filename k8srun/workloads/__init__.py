"""Workloads: what Pod Security, the security context and the images of pods let run, and why not."""
