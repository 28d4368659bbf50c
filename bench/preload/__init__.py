"""Python finds `sitecustomize` here in the processes of a host that is measured."""
