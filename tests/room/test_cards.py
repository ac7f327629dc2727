"""The shelf: products, cards, their order, and what they show of a sale."""

from __future__ import annotations

import pytest

from room import cards, sales
from room.errors import Refused
from room.limits import CARDS_MAX, PRODUCTS_MAX
from room.state import RoomState
from tests.room.people import NOW_MS, a_room, a_sale, after


def stocked(*product_ids: str) -> RoomState:
    state = a_room()
    for product_id in product_ids:
        events = cards.put_product(
            state, product_id=product_id, title=f"商品{product_id}", price_cents=1990
        )
        state = after(state, events)
    return state


def shown(state: RoomState, product_id: str, **more: object) -> RoomState:
    more.setdefault("now_ms", NOW_MS)
    return after(state, cards.show(state, product_id=product_id, **more))  # type: ignore[arg-type]


def order_of(state: RoomState) -> list[str]:
    return [card.product_id for card in state.cards]


def test_a_new_card_comes_first_and_an_old_one_keeps_its_place() -> None:
    state = shown(shown(stocked("a", "b"), "a"), "b")
    assert order_of(state) == ["b", "a"]
    assert order_of(shown(state, "a", mode="explaining")) == ["b", "a"]


def test_explaining_is_counted_from_its_beginning() -> None:
    state = shown(stocked("a"), "a", mode="explaining")
    state = shown(state, "a", mode="explaining", now_ms=NOW_MS + 9)
    assert (state.cards[0].explain_since_ms, state.cards[0].shown_ms) == (NOW_MS, NOW_MS + 9)
    assert shown(state, "a").cards[0].explain_since_ms is None


def test_a_changed_product_changes_its_card() -> None:
    state = shown(stocked("a"), "a")
    state = after(
        state, cards.put_product(state, product_id="a", title="新名", price_cents=5, list_cents=9)
    )
    card = state.cards[0]
    assert (card.title, card.price_cents, card.list_cents) == ("新名", 5, 9)
    again = cards.put_product(state, product_id="a", title="新名", price_cents=5, list_cents=9)
    assert again == ()


def test_order_puts_the_named_first_and_leaves_the_rest() -> None:
    state = shown(shown(shown(stocked("a", "b", "c"), "a"), "b"), "c")
    state = after(state, cards.order(state, ["a", "c"]))
    assert order_of(state) == ["a", "c", "b"]
    assert cards.order(state, ["a"]) == ()
    state = after(state, cards.hide(state, "c"))
    assert order_of(state) == ["a", "b"]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda s: cards.show(s, product_id="zz", now_ms=NOW_MS), "not_found"),
        (lambda s: cards.show(s, product_id="a", sale_id="zz", now_ms=NOW_MS), "not_found"),
        (lambda s: cards.show(s, product_id="a", sku_id="k1", now_ms=NOW_MS), "bad_request"),
        (lambda s: cards.hide(s, "zz"), "not_found"),
        (lambda s: cards.order(s, ["zz"]), "not_found"),
        (lambda s: cards.order(s, ["a", "a"]), "bad_request"),
        (lambda s: cards.put_product(s, product_id="x", title="x", price_cents=-1), "bad_request"),
        (lambda s: cards.put_product(s, product_id="x", title=" ", price_cents=1), "bad_request"),
        (
            lambda s: cards.put_product(
                s, product_id="x", title="x", price_cents=1, image="javascript:alert(1)"
            ),
            "bad_request",
        ),
        (
            lambda s: cards.put_product(s, product_id="x", title="x", price_cents=1, currency="X"),
            "bad_request",
        ),
    ],
)
def test_what_is_refused(act: object, code: str) -> None:
    state = shown(stocked("a"), "a")
    with pytest.raises(Refused) as refused:
        act(state)  # type: ignore[operator]
    assert refused.value.code == code


def test_shelf_and_shop_are_bounded() -> None:
    names = [f"p{n}" for n in range(PRODUCTS_MAX)]
    state = stocked(*names)
    with pytest.raises(Refused, match="500 products"):
        cards.put_product(state, product_id="more", title="x", price_cents=1)
    for name in names[:CARDS_MAX]:
        state = shown(state, name)
    with pytest.raises(Refused, match="200 cards"):
        cards.show(state, product_id=names[CARDS_MAX], now_ms=NOW_MS)
    assert cards.show(state, product_id=names[0], now_ms=NOW_MS)


def test_a_card_tied_to_a_sale_follows_its_stock() -> None:
    state = stocked("p1")
    state = after(state, sales.show(state, a_sale(), {"k1": (10, 1)}))
    state = shown(state, "p1", sale_id="s1")
    assert (state.cards[0].sku_id, state.cards[0].sold_out) == ("k1", False)
    state = after(state, sales.show(state, a_sale(), {"k1": (0, 5)}))
    assert state.cards[0].sold_out
    state = shown(state, "p1", mode="explaining")
    assert (state.cards[0].sale_id, state.cards[0].sold_out) == ("s1", True)
    state = after(state, sales.show(state, a_sale(), {"k1": (1, 6)}))
    assert not state.cards[0].sold_out


@pytest.mark.parametrize(
    "address", ["", "https://a.example/b.png", "/static/x.png", "http://a.example:80/?q=1"]
)
def test_pictures_may_come_from_the_web_or_this_server(address: str) -> None:
    assert cards.put_product(a_room(), product_id="x", title="x", price_cents=1, image=address)


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "data:text/html,x", "ftp://a", "a b", "/\\evil", "http:", "x", "/a\nb"],
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(Refused):
        cards.put_product(a_room(), product_id="x", title="x", price_cents=1, image=address)
