"""`demo`: the main job on this machine, with everything real but the people."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import aiohttp
import click
from rich.console import Console

from ..config import ENV_PREFIX, Settings
from ..domain.accounts import Role
from ..domain.booking import NewLesson, SeatRequest
from ..domain.ids import OccurrenceId
from ..domain.problems import ProblemError
from ..domain.roster import Roster, SchoolClass, SchoolRole
from ..domain.roster_file import parse_roster
from ..simulator.answers import RequestRefusedError
from ..simulator.pushes import VirtualInbox
from ..simulator.recording import Recording, load_recording, make_material, make_recording
from ..simulator.swarm import (
    Administrator,
    Mix,
    Swarm,
    make_terminals,
    open_http,
)
from ..simulator.teacher import VirtualMeeting
from ..simulator.terminal import CommandRefusedError, VirtualTerminal
from .coverage import print_coverage
from .demo_meeting import PlannedMeeting, plan_meeting, print_attendance, virtual_meeting
from .doctor import in_use
from .language import say
from .offline import Offline, open_offline
from .settings import local_settings, serve_settings
from .watch import watch

ROSTER_FILE: Final = Path("config/taicang.toml")
DEMO_DIR: Final = Path("var/demo")
#: The second lesson begins where the first ends: back to back is legal, rooms move by themselves.
LESSON_MINUTES: Final = 15
#: What is pushed to the rooms.
MATERIAL: Final = "unit-6.mp4"
START_TIMEOUT_S: Final = 60.0
#: How long the end may take; then the demo stops whatever is still on its way.
SETTLE_S: Final = 20.0
#: The journal is fetched every two seconds while anything lives: unchanged for longer is complete.
STEADY_S: Final = 3.0
#: How many remote rooms show their own small picture: what the host's wall holds.
THUMBNAILS: Final = 12


@dataclass(frozen=True, slots=True)
class Planned:
    """What the demo prepared: lesson and research session of this minute, rooms, sign-ins."""

    lesson: OccurrenceId
    meeting: PlannedMeeting
    roster: Roster
    host_classroom: str
    remote_classrooms: tuple[str, ...]
    names: dict[str, str]
    logins: tuple[tuple[str, str], ...]


@click.command()
@click.option(
    "--rooms", default=48, show_default=True, type=click.IntRange(1, 48), help="Remote classrooms."
)
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(1024, 65000),
    help="Pages; the relay takes the next two.",
)
@click.option(
    "--lesson",
    "lesson_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Your own recording (H.264) for the virtual teacher to give.",
)
@click.option("--seconds", type=click.IntRange(5, 3600), help="Stop by itself after so long.")
def demo(rooms: int, port: int, lesson_file: Path | None, seconds: int | None) -> None:
    """Run the main job here: a lesson in ROOMS virtual classrooms, a research session, a push."""
    console = Console(highlight=False, soft_wrap=True)
    settings = local_settings(DEMO_DIR, port)
    check_ports(settings)
    end_in_order()
    making = say(
        "正在制作课堂录像（仅第一次）…", "making the lesson's recording (first time only)…"
    )
    with console.status(making):
        recording, thumbnail = _recordings(lesson_file)
    planned = asyncio.run(_prepare(settings, rooms))
    with _server(settings) as server, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(console, settings, server, planned, recording, thumbnail, seconds))
    title = say("刚才这节课的覆盖情况", "Coverage of what just happened")
    console.print(f"\n[bold]{title}[/]")
    asyncio.run(_print_coverage(settings, planned, console))


def end_in_order() -> None:
    """Let a closed window and `kill` end this as Ctrl-C does, which cancels the main task.

    The server must not outlive it. Also where a shell began it with Ctrl-C ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: signal.raise_signal(signal.SIGINT))


def check_ports(settings: Settings) -> None:
    """Refuse to start where somebody listens already: the demo must talk to its own server."""
    for address, kind in (
        (settings.server.listen, socket.SOCK_STREAM),
        (settings.relay.http, socket.SOCK_STREAM),
        (settings.relay.media, socket.SOCK_DGRAM),
    ):
        if error := in_use(address, kind):
            raise ProblemError(
                "demo_port_in_use",
                f"端口 {address} 不能使用（{error.strerror}）。请换一个：make demo PORT=9000",
                f"The port {address} cannot be used ({error.strerror}). Choose another:"
                " make demo PORT=9000",
                field="port",
                value=address,
            )


def _recordings(lesson_file: Path | None) -> tuple[Recording, Recording]:
    """The lesson, and the small picture a remote room shows of itself."""
    lesson = lesson_file or DEMO_DIR / "lesson.mkv"
    small = DEMO_DIR / "room.mkv"
    if not lesson.exists() and lesson_file is None:
        make_recording(lesson)
    if not small.exists():
        make_recording(small, seconds=20, width=320, height=180, fps=5, bitrate_kbps=80)
    material = DEMO_DIR / MATERIAL
    if not material.exists():
        make_material(small, material)
    return load_recording(lesson), load_recording(small)


async def _prepare(settings: Settings, rooms: int) -> Planned:
    """Start from an empty demo database and journal: roster, sign-ins, two lessons, a meeting."""
    for path in DEMO_DIR.glob("sync_classroom.db*"):
        path.unlink()
    # Evidence of lessons that the new database does not know would only stand before today's.
    shutil.rmtree(DEMO_DIR / "relay", ignore_errors=True)
    roster = parse_roster(tomllib.loads(ROSTER_FILE.read_text("utf-8")))
    async with open_offline(serve_settings(settings)) as services:
        await services.roster.apply(roster)
        logins = []
        for role, name in ((Role.ADMIN, "管理员"), (Role.REVIEWER, "教育局")):
            password = secrets.token_urlsafe(9)
            await services.accounts.add_user(
                login=role.value, name=name, role=role, password=password
            )
            logins.append((role.value, password))
        lesson, remote = await _plan_lessons(services, roster, rooms)
        meeting = await plan_meeting(services, roster)
        occurrence = await services.store.get_occurrence(lesson)
    assert occurrence is not None
    return Planned(
        lesson=lesson,
        meeting=meeting,
        roster=roster,
        host_classroom=occurrence.host.classroom,
        remote_classrooms=remote,
        names={
            c.id: f"{roster.schools[c.school].name} {c.name}" for c in roster.classrooms.values()
        },
        logins=(*logins, meeting.visitor),
    )


async def _plan_lessons(
    services: Offline, roster: Roster, rooms: int
) -> tuple[OccurrenceId, tuple[str, ...]]:
    """One lesson that starts this minute, one in a quarter of an hour at the other host school."""
    now = services.clock().replace(second=0, microsecond=0)
    hosts = [s for s in roster.schools.values() if s.role is SchoolRole.HOST]
    remote = [c for c in roster.classrooms.values() if roster.schools[c.school].role
              is SchoolRole.REMOTE][:rooms]  # fmt: skip
    classes: dict[str, list[SchoolClass]] = {}
    for school_class in roster.classes.values():
        classes.setdefault(school_class.school, []).append(school_class)
    seats: list[SeatRequest] = []
    for room in remote:
        own = classes.get(room.school, [])
        taught = own.pop(0) if own else None
        seats.append((room.id, taught.id, taught.enrolment) if taught else (room.id, None, None))
    made = []
    for index, (host, title, subject, start, chosen) in enumerate(
        (
            (hosts[0], "Unit 6 Meet my family", "英语", now, seats),
            (
                hosts[-1],
                "认识水的三种状态",
                "科学",
                now + timedelta(minutes=LESSON_MINUTES),
                seats,
            ),
        )
    ):
        made.append(
            await services.lessons.create(
                _lesson(roster, host.id, title, subject, start, chosen),
                actor="demo",
                key=f"demo-{index}-{secrets.token_hex(4)}",
            )
        )
    return made[0].id, tuple(str(room.id) for room in remote)


def _lesson(
    roster: Roster, host: str, title: str, subject: str, start: datetime, seats: list[SeatRequest]
) -> NewLesson:
    """A lesson of one host school, in its first studio by its first teacher."""
    return NewLesson(
        title=title,
        subject=subject,
        teacher=next(t.id for t in roster.teachers.values() if t.school == host),
        classroom=next(c.id for c in roster.classrooms.values() if c.school == host),
        starts_at=start,
        ends_at=start + timedelta(minutes=LESSON_MINUTES),
        seats=tuple(seats),
    )


@contextlib.contextmanager
def _server(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """The real server as a process of its own, stopped cleanly at the end."""
    environment = os.environ | {
        f"{ENV_PREFIX}SERVER__LISTEN": settings.server.listen,
        f"{ENV_PREFIX}SERVER__DATA_DIR": settings.server.data_dir,
        f"{ENV_PREFIX}RELAY__SPAWN": "true",
        f"{ENV_PREFIX}RELAY__CONTROL": "",
        f"{ENV_PREFIX}RELAY__HTTP": settings.relay.http,
        f"{ENV_PREFIX}RELAY__MEDIA": settings.relay.media,
        f"{ENV_PREFIX}LOG__LEVEL": "info",
    }
    with (DEMO_DIR / "server.log").open("wb") as output:
        # A group of its own: Ctrl-C is for the demo, which then stops the server in order.
        process = subprocess.Popen(
            [sys.executable, "-m", "sync_classroom.cli", "serve", "--stop-relay"],
            env=environment, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _wait_for_server(
    http: aiohttp.ClientSession, url: str, server: subprocess.Popen[bytes]
) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(aiohttp.ClientError):
            async with http.get(f"{url}/readyz") as response:
                if response.status == 200:
                    return
        await asyncio.sleep(0.1)
    log = (DEMO_DIR / "server.log").read_text("utf-8", errors="replace")
    raise ProblemError(
        "server_not_ready",
        f"服务器没有启动；日志 {DEMO_DIR / 'server.log'}：{log[-800:]}",
        f"The server did not start; log {DEMO_DIR / 'server.log'}: {log[-800:]}",
    )


async def _run(
    console: Console,
    settings: Settings,
    server: subprocess.Popen[bytes],
    planned: Planned,
    recording: Recording,
    thumbnail: Recording,
    seconds: int | None,
) -> None:
    """Enrol, teach, show; returns when time is up or Ctrl-C was pressed."""
    url = f"http://{settings.server.listen}"
    async with open_http(url) as http:
        with console.status(say("正在启动服务器…", "starting the server…")):
            await _wait_for_server(http, url, server)
        admin = await Administrator.sign_in(http, url, *planned.logins[0])
        with console.status(say("正在注册终端…", "enrolling terminals…")):
            host_token = await admin.enrol(planned.host_classroom, "virtual host")
            tokens = {
                planned.names[c]: await admin.enrol(c, "virtual terminal")
                for c in planned.remote_classrooms
            }
        push = await _push(admin, planned)
        _print_addresses(console, url, planned, push, recording)
        host = VirtualTerminal(http, url, host_token, name="主讲", recording=recording, book=True)
        remote = make_terminals(
            http, url, tokens, recording=None, thumbnail=None, mix=Mix(hands=0.1), seed=1
        )
        shown = make_terminals(
            http, url, dict(list(tokens.items())[:THUMBNAILS]),
            recording=None, thumbnail=thumbnail, mix=Mix(hands=0.2), seed=1,
        )  # fmt: skip
        swarm = Swarm([host, *shown, *remote[len(shown) :]])
        meeting = virtual_meeting(admin, url, planned.meeting, planned.roster, thumbnail)
        inboxes = [VirtualInbox(http, url, t, seed=n) for n, t in enumerate(tokens.values())]

        async def finish() -> None:
            await _finish(admin, host, planned.lesson, meeting, console)

        try:
            async with asyncio.timeout(seconds):
                await watch(console, swarm, finish, inboxes, meeting)
        except TimeoutError:
            pass  # the time that was asked for is up


async def _push(admin: Administrator, planned: Planned) -> str:
    """Something for the library, pushed to every room that takes part; the order's id."""
    title = say("课前预习：Unit 6", "before the lesson: Unit 6")
    resource = await admin.add_resource(DEMO_DIR / MATERIAL, title, "英语")
    reason = say("课前预习", "to prepare the lesson")
    return await admin.push(resource, planned.remote_classrooms, reason)


async def _finish(
    admin: Administrator,
    host: VirtualTerminal,
    lesson: str,
    meeting: VirtualMeeting,
    console: Console,
) -> None:
    """Press both end buttons, and wait for the evidence of the last seconds."""
    with contextlib.suppress(TimeoutError, RequestRefusedError, CommandRefusedError):
        async with asyncio.timeout(SETTLE_S):
            await asyncio.gather(host.command("end", lesson=lesson), meeting.finish())
            console.print(
                say("已下课，正在收集最后的证据…", "lesson ended; collecting the last evidence…")
            )
            before: object = None
            while (known := (await _credited(admin, lesson), await meeting.look())) != before:
                before = known
                await asyncio.sleep(STEADY_S)


async def _credited(admin: Administrator, lesson: str) -> list[int]:
    """Credited seconds of every seat as the server knows them now."""
    timeline = await admin.get(f"/api/lessons/{lesson}/timeline")
    return [seat["credited_s"] for seat in timeline["seats"]]


def _print_addresses(
    console: Console, url: str, planned: Planned, push: str, recording: Recording
) -> None:
    pages = (
        (url, say("页面", "pages")),
        (f"{url}/lessons/{planned.lesson}", say("正在上的课", "the lesson that is running now")),
        (
            f"{url}/wall",
            say("巡课，能看到翻页的课件", "looking in, with the pages that are turned"),
        ),
        (
            f"{url}/research/{planned.meeting.session}/meeting",
            say("正在开的教研（用 teacher 进入）", "a research session; come in as teacher"),
        ),
        (f"{url}/pushes/{push}", say("正在送达的推送", "a push on its way to all rooms")),
        (f"{url}/terminals", say("各教室的终端和注册码", "classrooms and their enrolment codes")),
        (f"{url}/terminal", say("教室屏幕上的页面", "what a classroom's screen shows")),
    )
    # No table: where the window is narrow, it would cut the addresses.
    longest = max(len(address) for address, _ in pages)
    for address, what in pages:
        console.print(f"[bold]{address}[/]{' ' * (longest - len(address))}   {what}")
    sign_in, word = say("账号", "sign in as"), say("密码", "password")
    for login, password in planned.logins:
        console.print(f"  {sign_in} [bold]{login:<8}[/]  {word} [bold]{password}[/]")
    form = f"{recording.width}×{recording.height} H.264 + Opus"
    speed, rooms = f"{recording.bitrate_kbps:.0f} kbit/s", len(planned.remote_classrooms)
    term = say("一学期的模拟数据：make demo-term", "a whole simulated term: make demo-term")
    console.print(f"  {term}")
    console.print(
        say(
            f"虚拟教师向 {rooms} 间教室播出 {form}，{speed}。按 Ctrl-C 下课。\n",
            f"The virtual teacher gives {form} at {speed} to {rooms} rooms."
            " Ctrl-C ends the lesson.\n",
        )
    )


async def _print_coverage(settings: Settings, planned: Planned, console: Console) -> None:
    async with open_offline(serve_settings(settings)) as services:
        today = services.clock().astimezone(services.zone).date()
        await services.coverage.settle()
        figures = await services.coverage.figures(today, today)
        await print_coverage(services, figures, console)
        await print_attendance(services, planned.meeting.session, figures, console)
    share = f"{figures.rules.held:.0%}"
    console.print(
        say(
            f"收到计划时长的 {share} 才算已开；提前下课不算，听课时长照实计。"
            "今天安排的两节课都算应开。",
            f"A lesson is held from {share} of its planned time; ended earlier it is not, and its"
            " seconds stay. Both lessons planned today are due.",
        )
    )
