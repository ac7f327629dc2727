"""What fan-out is compared with: small servers of other makes, and the load that all of them get.

The servers relay what a client says to all clients, in the way each one's own documentation shows.
None of their code is in this repository: `install.sh` brings it from the package registries.
"""
