"""The shapes that parameters of several commands share."""

from __future__ import annotations

from typing import Annotated

import msgspec

Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$(?!\n)")]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Cents = Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]  # a million yuan
Seconds = Annotated[int, msgspec.Meta(ge=0, le=30 * 24 * 3600)]
Text = Annotated[str, msgspec.Meta(max_length=2_000)]  # the rules cap it again, in graphemes
ShortText = Annotated[str, msgspec.Meta(max_length=200)]
Name = Annotated[str, msgspec.Meta(max_length=200)]
Mentions = Annotated[tuple[Name, ...], msgspec.Meta(max_length=5)]
Url = Annotated[str, msgspec.Meta(max_length=500)]
