"""Every bound of a room in one table. The rule that enforces a bound says what happens at it."""

from __future__ import annotations

from typing import Final

# What a room holds. A snapshot is sent to every late joiner, so each bound is bytes on their wire.
CARDS_MAX: Final = 200
PRODUCTS_MAX: Final = 500
SALES_MAX: Final = 100
SALE_SKUS_MAX: Final = 50
LOTTERIES_MAX: Final = 100
LOTTERIES_AT_ONCE_MAX: Final = 5
WINNERS_KEPT_MAX: Final = 2_000  # over all lotteries of a room; older results stay in their proofs
COUPONS_MAX: Final = 50
POLLS_MAX: Final = 20  # closed ones beyond it are told to nobody any more
POLLS_OPEN_MAX: Final = 3
PINNED_COMMENTS_MAX: Final = 3
MUTES_MAX: Final = 1_000
BANS_MAX: Final = 10_000
ASSISTANTS_MAX: Final = 50
DELETED_COMMENTS_MAX: Final = 200  # as many as RECENT_COMMENTS_MAX: older ones are shown to nobody

# What is kept beside a room.
RECENT_COMMENTS_MAX: Final = 200
CRITICAL_HISTORY_MAX: Final = 10_000  # events a reconnecting viewer can be replayed from Redis
RING_EVENTS_MAX: Final = 2_048  # events a worker replays from memory
HELD_COMMENTS_MAX: Final = 200  # waiting for staff; past it the comment is refused
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
MENTIONS_MAX: Final = 5  # people one comment calls
SPEAKERS_KNOWN_MAX: Final = 500  # people who spoke last and can be called by name
ROOM_WORDS_MAX: Final = 500  # sensitive words of a room, over its three lists
URL_CHARACTERS_MAX: Final = 1_000
PRICE_CENTS_MAX: Final = 100_000_000_000  # a thousand million yuan, far below 2^53

# Lotteries.
WINNERS_MAX: Final = 1_000
WATCH_S_MAX: Final = 86_400
REASON_GRAPHEMES_MAX: Final = 100
TIERS_MAX: Final = 20
TIER_CHARACTERS_MAX: Final = 64
CLAIM_S_MIN: Final = 1
CLAIM_S_MAX: Final = 30 * 86_400
FORM_FIELDS_MAX: Final = 8
FORM_FIELD_GRAPHEMES_MAX: Final = 20
FORM_VALUE_GRAPHEMES_MAX: Final = 200
ENTRIES_MAX: Final = 200_000  # proof of this size is about 8 MB of JSON
LOTTERY_DURATION_MS_MAX: Final = 7 * 86_400_000

# Polls.
POLL_OPTIONS_MIN: Final = 2
POLL_OPTIONS_MAX: Final = 8
POLL_QUESTION_GRAPHEMES_MAX: Final = 100
POLL_OPTION_GRAPHEMES_MAX: Final = 40
POLL_S_MIN: Final = 1
POLL_S_MAX: Final = 86_400

# Auctions.
AUCTIONS_MAX: Final = 20
AUCTIONS_OPEN_MAX: Final = 2
AUCTION_S_MIN: Final = 1
AUCTION_S_MAX: Final = 3_600
AUCTION_EXTEND_S_MAX: Final = 120
AUCTION_EXTENDED_S_MAX: Final = 1_800  # all extensions together

RUN_SHEET_ITEMS_MAX: Final = 100

# Questions.
QUESTIONS_OPEN_MAX: Final = 500
QUESTIONS_PER_USER_MAX: Final = 5  # open ones
QUESTIONS_KEPT_MAX: Final = 500  # answered ones, and reply times
ANSWERED_KNOWN_MAX: Final = 50  # ids a room remembers, so that an answer is told once
ANSWER_GRAPHEMES_MAX: Final = 200

# Red-packet rains and gifts.
RAIN_COUNT_MAX: Final = 10_000  # proof of this size is about 1 MB of JSON
RAIN_TOTAL_CENTS_MAX: Final = 100_000_000  # a million yuan
RAIN_PER_USER_MAX: Final = 100
RAIN_S_MAX: Final = 600
RAIN_COUNTDOWN_S_MAX: Final = 300
GIFT_QUOTA_MAX: Final = 100_000
GIFTS_MAX: Final = 20
GIFTS_OPEN_MAX: Final = 5

# Rates a host may set; 0 lifts a limit.
SLOW_MODE_S_MAX: Final = 3_600
UNIQUE_CHAT_S_MAX: Final = 3_600
COMMENTS_PER_USER_PER_S_MAX: Final = 1_000
CHAT_PER_VIEWER_PER_S_MAX: Final = 10_000
MUTE_S_MAX: Final = 30 * 86_400
LIKES_PER_COMMAND_MAX: Final = 50
