"""Redis in use: one server or a cluster of them, behind the one client that the stores know.

`slots.py` decides who owns a key, `client.py` and `pipelines.py` carry calls there, `lines.py`
keeps the subscriptions, `confirming.py` waits for replicas, `clients.py` connects.
"""
