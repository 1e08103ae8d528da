"""From a refusal to the smallest grant that ends it: what is needed, the ways to give it, what each brings about."""
