"""How to mend each cause: exact commands for the distribution, the role and the places that were found."""
