"""The Pod Security Standards: every control of baseline and restricted at every version, and what violates it."""
