"""What happens in a live room: comments, cards, sales as they are shown, lotteries, moderation.

No money and no sockets live here; the server puts this package and the sale engine together.
"""
