"""Where rooms are kept: Redis for what is live, SQL for what must survive Redis.

Only the composition root of the server imports this package; rules never do.
"""
