"""What the crowd of a room takes part in, as one bundle for whoever serves rooms.

A new activity is one more line here and where `storage/wiring.py` puts it over its store.
"""

from __future__ import annotations

from dataclasses import dataclass

from room.asking import Questions
from room.auctioning import Auctions
from room.claiming import Claiming
from room.follows import Follows
from room.giveaways import Giveaways
from room.handout_ports import HandoutArchive
from room.handouts import Handouts
from room.polling import Polls
from room.prize_ports import Attendance
from room.run_sheets import RunSheets


@dataclass(frozen=True, slots=True)
class Activities:
    """Use cases over their stores."""

    giveaways: Giveaways
    claiming: Claiming
    attendance: Attendance
    auctions: Auctions
    run_sheets: RunSheets
    polls: Polls
    questions: Questions
    handouts: Handouts
    handout_ledger: HandoutArchive
    follows: Follows
