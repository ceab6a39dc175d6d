"""A Docker engine to throw away, in namespaces of its own: for building the image and for trying compose.yaml."""
