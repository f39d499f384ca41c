"""Every fuzz target by name: `make fuzz` runs them, the suite runs them in small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz import files, journals, media, network, plans, signalling, timetables

Run = Callable[[bytes], None]
#: Inputs that once failed, by target: found by fuzzing, fixed, kept.
FOUND: Final = Path(__file__).parent / "found"


@dataclass(frozen=True, slots=True)
class Target:
    """`make` sets the target up and returns what takes one input; it raises if something is wrong.

    A run that needs cleaning up afterwards has an attribute `close`.
    """

    make: Callable[[], Run]
    seeds: Callable[[], list[bytes]]
    max_bytes: int


TARGETS: Final = {
    "stun": Target(network.stun_target, network.stun_seeds, 4096),
    "payload": Target(network.payload_target, network.payload_seeds, 256),
    "rtp": Target(media.target, media.rtp_seeds, 4096),
    "rtcp": Target(media.target, media.rtcp_seeds, 4096),
    "sdp": Target(signalling.sdp_target, signalling.sdp_seeds, 8192),
    "jwt": Target(signalling.jwt_target, signalling.jwt_seeds, 4096),
    "whip": Target(signalling.whip_target, signalling.whip_seeds, 16384),
    "control": Target(signalling.control_target, signalling.control_seeds, 8192),
    "journal": Target(files.journal_target, files.journal_seeds, 4096),
    "workbook": Target(timetables.workbook_target, timetables.workbook_seeds, 8192),
    "table": Target(timetables.text_target, timetables.text_seeds, 4096),
    "exports": Target(timetables.xml_target, timetables.xml_seeds, 8192),
    "samples": Target(journals.target, journals.seeds, 4096),
    "plan": Target(plans.plan_target, plans.plan_seeds, 8192),
}


def found(name: str) -> list[Path]:
    """The inputs kept for a target."""
    return sorted((FOUND / name).glob("*"))
