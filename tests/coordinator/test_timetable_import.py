"""A file from upload to draft: read once, looked at, answered for, taken as one step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.coordinator import timetable_import
from sync_classroom.coordinator.timetable_import import ImportService, Upload
from sync_classroom.domain.ids import TermId, UserId
from sync_classroom.domain.import_plan import RowKind
from sync_classroom.domain.problems import ProblemError
from tests.support.pages import office
from tests.support.timetable_files import ENGLISH, HEADINGS, MATHS, png, workbook
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
TERM = TermId("2026-autumn")
ME, OTHER = UserId("u-me"), UserId("u-other")


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Site]:
    async with office(tmp_path) as site:
        yield site


async def _take(served: Site, *rows: tuple[str, ...], user: UserId = ME) -> Upload:
    return await served.services.imports.take(
        workbook([HEADINGS, *rows]), name="课表.xlsx", term=TERM, user=user
    )


async def _commit(served: Site, upload: Upload, key: str = "k", **options: object) -> bool:
    draft = await served.services.timetable.draft(TERM)
    answer = await served.services.imports.commit(
        upload.token, user=ME, actor="li", key=key, seen=draft.revision, **options  # type: ignore[arg-type]
    )  # fmt: skip
    return answer is not None


async def _kinds(imports: ImportService, upload: Upload) -> list[RowKind]:
    preview = await imports.preview(upload.token, user=ME)
    return [r.plan.kind for r in preview.trial.rows]


async def _refused(served: Site, token: str, user: UserId = ME) -> str:
    with pytest.raises(ProblemError) as caught:
        served.services.imports.upload(token, user=user)
    return caught.value.code


async def test_import_is_one_step_with_one_undo_and_does_nothing_twice(served: Site) -> None:
    upload = await _take(served, ENGLISH, MATHS)
    assert await _kinds(served.services.imports, upload) == [RowKind.NEW, RowKind.NEW]
    assert await _commit(served, upload)
    timetable = served.services.timetable
    draft = await timetable.draft(TERM)
    assert len(draft.steps) == 1
    assert len(draft.copy.series) == 2
    again = await _take(served, ENGLISH, MATHS)
    assert await _kinds(served.services.imports, again) == [RowKind.SAME, RowKind.SAME]
    assert not await _commit(served, again, "k2")
    await timetable.undo(TERM, seen=draft.revision, actor="li", key="u")
    assert len((await timetable.draft(TERM)).copy.series) == 0


async def test_same_key_imports_once_and_answers_as_the_first_time(served: Site) -> None:
    upload = await _take(served, ENGLISH)
    imports, seen = served.services.imports, 0
    first, again = [
        await imports.commit(upload.token, user=ME, actor="li", key="k", seen=seen) for _ in "ab"
    ]
    assert first is not None
    assert first.step is not None
    assert again == first
    other = await _take(served, MATHS)
    assert await _commit(served, other)
    assert len((await served.services.timetable.draft(TERM)).copy.series) == 1


async def test_rows_with_errors_are_left_out(served: Site) -> None:
    wrong = ("", *MATHS[1:])
    upload = await _take(served, ENGLISH, wrong)
    assert await _kinds(served.services.imports, upload) == [RowKind.NEW, RowKind.WRONG]
    assert await _commit(served, upload)
    assert len((await served.services.timetable.draft(TERM)).copy.series) == 1


async def test_rows_that_clash_can_be_left_out(served: Site) -> None:
    clashing = ("科学", "", "host-1-t2", "host-1-r2", "", "1", "1", "", "", "remote-1-r1", "", "")
    upload = await _take(served, ENGLISH, clashing, MATHS)
    preview = await served.services.imports.preview(upload.token, user=ME)
    assert [bool(r.clashes) for r in preview.trial.rows] == [True, True, False]
    assert await _commit(served, upload, without_clashes=True)
    draft = await served.services.timetable.draft(TERM)
    assert [s.subject for s in draft.copy.series.values()] == ["数学"]


async def test_vanished_rules_go_only_if_asked(served: Site) -> None:
    english_on_friday = (*ENGLISH[:5], "五", *ENGLISH[6:])
    assert await _commit(served, await _take(served, ENGLISH, english_on_friday))
    upload = await _take(served, ENGLISH)
    preview = await served.services.imports.preview(upload.token, user=ME)
    (gone,) = preview.plan.vanished
    assert gone.weekday == 5
    assert not await _commit(served, upload, "k2")
    assert await _commit(served, upload, "k3", remove=[gone.id, "i-unknown"])
    assert gone.id not in (await served.services.timetable.draft(TERM)).copy.series


async def test_answers_are_kept_and_taken_back(served: Site) -> None:
    named = tuple("天文台" if c == "host-1-r1" else c for c in ENGLISH)
    upload = await _take(served, named)
    imports = served.services.imports
    assert await _kinds(imports, upload) == [RowKind.WRONG]
    key = ("classroom", "天文台")
    imports.answer(upload.token, {key: "host-1-r1", ("planet", "x"): "y"}, user=ME)
    assert imports.upload(upload.token, user=ME).chosen == {key: "host-1-r1"}
    assert await _kinds(imports, upload) == [RowKind.NEW]
    imports.answer(upload.token, {key: ""}, user=ME)
    assert await _kinds(imports, upload) == [RowKind.WRONG]


async def test_upload_is_its_owners_for_two_hours(served: Site) -> None:
    upload = await _take(served, ENGLISH)
    assert await _refused(served, upload.token, OTHER) == "upload_unknown"
    served.clock.turn(minutes=119)
    assert served.services.imports.upload(upload.token, user=ME) == upload
    served.clock.turn(minutes=2)
    assert await _refused(served, upload.token) == "upload_unknown"


async def test_uploads_are_bounded_for_each_and_for_all(
    served: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = [await _take(served, ENGLISH) for _ in range(timetable_import.MAX_OWN_UPLOADS + 1)]
    assert await _refused(served, mine[0].token) == "upload_unknown"
    monkeypatch.setattr(timetable_import, "MAX_UPLOADS", 2)
    await _take(served, ENGLISH, user=OTHER)
    assert await _refused(served, mine[1].token) == "upload_unknown"
    assert await _refused(served, mine[2].token) == "upload_unknown"
    assert served.services.imports.upload(mine[3].token, user=ME) == mine[3]


async def test_refusals_keep_nothing(served: Site) -> None:
    imports = served.services.imports
    for data, term, code in (
        (png(), TERM, "file_picture"),
        (workbook([HEADINGS]), TERM, "file_no_rows"),
        (workbook([HEADINGS, ENGLISH]), TermId("never"), "unknown_term"),
    ):
        with pytest.raises(ProblemError) as caught:
            await imports.take(data, name="x", term=term, user=ME)
        assert caught.value.code == code


async def test_preview_is_kept_until_what_it_rests_on_changes(served: Site) -> None:
    imports = served.services.imports
    upload = await _take(served, ENGLISH)
    first = await imports.preview(upload.token, user=ME)
    assert await imports.preview(upload.token, user=ME) is first
    imports.answer(upload.token, {("classroom", "x"): "host-1-r1"}, user=ME)
    second = await imports.preview(upload.token, user=ME)
    assert second is not first
    assert await _commit(served, await _take(served, MATHS))
    third = await imports.preview(upload.token, user=ME)
    assert third.revision == second.revision + 1
    served.clock.turn(minutes=1)
    assert await imports.preview(upload.token, user=ME) is not third
    served.clock.turn(minutes=130)
    assert await _refused(served, upload.token) == "upload_unknown"
    assert imports._previews == {}
