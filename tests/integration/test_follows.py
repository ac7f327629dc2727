"""Following the host as a viewer sees it, on several workers."""

from __future__ import annotations

from tests.integration.house import Place


async def test_followers_are_told_in_the_greeting_and_counted_everywhere(
    two_places: tuple[Place, Place],
) -> None:
    here, there = two_places
    lin, kim = await here.enter("lin"), await there.enter("kim")
    assert lin.welcome["user"]["following"] is False
    assert await lin.do("host.follow") == {"following": True, "followers": 1}
    await kim.until(lambda: kim.state["followers"] == 1)
    again = await there.enter("lin")
    assert again.welcome["user"]["following"] is True
    assert await again.do("host.unfollow") == {"following": False, "followers": 0}
    await kim.until(lambda: kim.state["followers"] == 0)
    guest = await here.enter()
    assert await guest.refused("host.follow") == "login_required"
    assert await (await here.host()).refused("host.follow") == "bad_request"
