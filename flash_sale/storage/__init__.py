"""Where sales are kept: Redis decides, SQL remembers. Only the composition root imports this."""
