"""From a confirmed cause to a plan: what a machine can mend as steps, the rest as exact commands in a safe order."""
