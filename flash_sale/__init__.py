"""Scarce stock, orders and money of flash sales.

Nothing here knows rooms, sockets or HTTP; the server turns a stock change into a room event.
"""
