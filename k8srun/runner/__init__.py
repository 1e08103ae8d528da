"""Runs runbooks headless: parameters checked, papermill in a process of its own, and a record that tells the truth."""
