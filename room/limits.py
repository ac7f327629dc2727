"""Every bound of a room in one table. The rule that enforces a bound says what happens at it."""

from __future__ import annotations

from typing import Final

# What a room holds. A snapshot is sent to every late joiner, so each bound is bytes on their wire.
CARDS_MAX: Final = 200
PRODUCTS_MAX: Final = 500
SALES_MAX: Final = 100
SALE_SKUS_MAX: Final = 50
LOTTERIES_MAX: Final = 100
LOTTERIES_OPEN_MAX: Final = 10
WINNERS_KEPT_MAX: Final = 2_000  # over all lotteries of a room; older results stay in their proofs
COUPONS_MAX: Final = 50
PINNED_COMMENTS_MAX: Final = 3
MUTES_MAX: Final = 1_000
BANS_MAX: Final = 10_000
DELETED_COMMENTS_MAX: Final = 200  # as many as RECENT_COMMENTS_MAX: older ones are shown to nobody

# What is kept beside a room.
RECENT_COMMENTS_MAX: Final = 200
CRITICAL_HISTORY_MAX: Final = 10_000  # events a reconnecting viewer can be replayed from Redis
RING_EVENTS_MAX: Final = 2_048  # events a worker replays from memory
WORKERS_RETIRED_MAX: Final = 64  # gone workers whose counts are kept apart, lest they return

# What a person may write, in graphemes unless the name says otherwise.
COMMENT_GRAPHEMES_MAX: Final = 200
COMMENT_BYTES_MAX: Final = 2_000
TEXT_INPUT_CHARACTERS_MAX: Final = 8_192  # looked at before any work is spent on a text
NAME_GRAPHEMES_MAX: Final = 32
TITLE_GRAPHEMES_MAX: Final = 120
ANNOUNCEMENT_GRAPHEMES_MAX: Final = 300
PRIZE_GRAPHEMES_MAX: Final = 80
PHRASE_GRAPHEMES_MAX: Final = 50
REPLY_QUOTE_GRAPHEMES_MAX: Final = 60
URL_CHARACTERS_MAX: Final = 1_000
PRICE_CENTS_MAX: Final = 100_000_000_000  # a thousand million yuan, far below 2^53

# Lotteries.
WINNERS_MAX: Final = 1_000
WATCH_S_MAX: Final = 86_400
ENTRIES_MAX: Final = 200_000  # proof of this size is about 8 MB of JSON
LOTTERY_DURATION_MS_MAX: Final = 7 * 86_400_000

# Rates a host may set; 0 lifts a limit.
SLOW_MODE_S_MAX: Final = 3_600
COMMENTS_PER_USER_PER_S_MAX: Final = 1_000
CHAT_PER_VIEWER_PER_S_MAX: Final = 10_000
MUTE_S_MAX: Final = 30 * 86_400
LIKES_PER_COMMAND_MAX: Final = 50
