from __future__ import annotations

import pytest

from sync_classroom.relay.sdp_simulcast import MAX_LAYERS, Layer, answer_lines, offered_layers

RIDS = ["h send", "m send", "l send"]


def taken(rids: list[str], simulcast: str, types: tuple[int, ...] = (96,)) -> list[str]:
    return [layer.rid for layer in offered_layers(rids, [simulcast], types)]


def test_layers_are_taken_in_the_order_of_the_simulcast_line() -> None:
    assert taken(RIDS, "send h;m;l") == ["h", "m", "l"]
    assert taken(RIDS, "send l;m;h") == ["l", "m", "h"]
    assert taken(RIDS, "recv x send l;h") == ["l", "h"]


def test_the_first_alternative_is_meant_and_a_paused_stream_is_taken() -> None:
    assert taken([*RIDS, "b send"], "send h,b;~m;~l,b") == ["h", "m", "l"]


def test_a_layer_without_its_rid_line_or_named_twice_is_left_out() -> None:
    assert taken(["h send"], "send h;m;h") == ["h"]
    assert taken(["h recv"], "send h") == []
    assert taken(["h send"], "recv h") == []
    assert offered_layers(RIDS, [], (96,)) == ()


@pytest.mark.parametrize(
    "line",
    ["", "send", "h", "h send extra\n", "h! send", "x" * 17 + " send", "ü send", "h sendrecv"],
)
def test_what_is_not_a_rid_takes_nothing(line: str) -> None:
    assert taken([line], f"send {line.split(' ')[0]}") == []


def test_restrictions_are_repeated_and_payload_types_narrowed_to_ours() -> None:
    layers = offered_layers(
        ["h send pt=96,98;max-width=1280;max-fps=30", "m send pt=98", "l send max-br=150000"],
        ["send h;m;l"],
        (96, 102),
    )
    assert layers == (
        Layer("h", "pt=96;max-width=1280;max-fps=30"),
        Layer("l", "max-br=150000"),
    )
    assert answer_lines(layers) == [
        "a=rid:h recv pt=96;max-width=1280;max-fps=30",
        "a=rid:l recv max-br=150000",
        "a=simulcast:recv h;l",
    ]


def test_a_layer_with_an_unknown_restriction_or_one_that_depends_on_another_is_left_out() -> None:
    assert taken(["h send max-colour=3", "m send depend=l", "l send"], "send h;m;l") == ["l"]


def test_layers_are_bounded() -> None:
    names = [f"r{number}" for number in range(20)]
    assert (
        taken([f"{name} send" for name in names], "send " + ";".join(names)) == names[:MAX_LAYERS]
    )


def test_without_layers_the_answer_says_nothing_of_them() -> None:
    assert answer_lines(()) == []
