"""Network policies: who reaches whom, what is in the way, and the smallest policy that lets it through."""
