"""A small Pulumi provider for the plain resources of Kubernetes, on server-side apply.

It stands in for `pulumi-resource-kubernetes`, which cannot be had on a machine without the internet: same inputs, same
names, same moments of replacement, so that a program that works with the one works with the other. It knows no Helm
releases, charts, kustomize or *Patch resources.

    values     Pulumi's values: secrets, unknowns, what differs
    api        the API server
    ready      when an object is what it was to become
    drift      what others changed
    plugin     the provider's protocol on top of these
"""
