"""Simulated viewers, buyers and hosts, and the checks of what they saw.

Everything here talks to a liveroom server over its public protocol only. No server code may be
imported: a check that shares code with what it checks proves nothing.
"""
