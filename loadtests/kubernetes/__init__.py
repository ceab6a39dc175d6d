"""The target `kubernetes`: the stack in a cluster's namespace, found and reached by kubectl."""
