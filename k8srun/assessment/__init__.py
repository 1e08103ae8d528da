"""What needs several domains at once: the diagnosis of a symptom, every check there is."""
