"""Typed reading of untrusted mappings: every refusal names the record, the field and the value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, Final, TypeVar

from .ids import checked
from .problems import ProblemError

E = TypeVar("E", bound=StrEnum)

# A value that is quoted in a sentence, so a megabyte of rubbish stays readable.
_SHOWN: Final = 80


class MalformedError(ProblemError, ValueError):
    """Data that cannot be read. `where` names the record (and the line), `field` the field."""

    def __init__(
        self, where: str, field: str | None, zh: str, en: str, *, value: object = None
    ) -> None:
        named_zh = where if field is None else f"{where}：字段 {field}"
        named_en = where if field is None else f"{where}: field {field!r}"
        super().__init__(
            "malformed_data", f"{named_zh} {zh}", f"{named_en} {en}", field=field, value=value
        )
        self.where = where
        self._parts = (field, zh, en, value)

    def within(self, outer: str) -> MalformedError:
        """The same error, told from further out: `line 12, fact 'x': …`."""
        field, zh, en, value = self._parts
        return MalformedError(f"{outer}, {self.where}", field, zh, en, value=value)


def shown(value: object) -> str:
    """A short form of any value for a sentence."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class Fields:
    """One record of untrusted data. `where` says which, for the error sentence."""

    __slots__ = ("values", "where")

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, Mapping):
            raise MalformedError(
                where,
                None,
                f"应为一组字段，现为 {shown(values)}",
                f"must be an object with fields, not {shown(values)}",
                value=values,
            )
        self.values: Mapping[str, Any] = values
        self.where = where

    def wrong(self, field: str, zh: str, en: str) -> MalformedError:
        """The error for a field, whose value is quoted; `zh`, `en` say what it should be."""
        value = self.values.get(field)
        if field not in self.values:
            return MalformedError(
                self.where, field, f"缺少；应为{zh}", f"is missing; it must be {en}"
            )
        return MalformedError(
            self.where,
            field,
            f"应为{zh}，现为 {shown(value)}",
            f"must be {en}, not {shown(value)}",
            value=value,
        )

    def has(self, field: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(field) is not None

    def only(self, *known: str) -> None:
        """Refuse fields nobody knows: a misspelt optional field would be lost silently."""
        for field in self.values:
            if field not in known:
                names = ", ".join(known)
                raise MalformedError(
                    self.where,
                    str(field),
                    f"无此字段；可用：{names}",
                    f"is not known; there are {names}",
                    value=self.values[field],
                )

    def text(self, field: str, *, default: str | None = None) -> str:
        """A string, possibly empty."""
        value = self.values.get(field, default)
        if not isinstance(value, str):
            raise self.wrong(field, "文字", "a string")
        return value

    def ident(self, field: str) -> str:
        """A well-formed identifier."""
        value = self.values.get(field)
        if isinstance(value, str):
            try:
                return checked(value)
            except ValueError:
                pass
        raise self.wrong(
            field,
            "编号（1–96 个字母、数字或 . _ : -，以字母或数字开头）",
            "an identifier (1 to 96 letters, digits, '.', '_', ':' or '-',"
            " beginning with a letter or digit)",
        )

    def ident_or_none(self, field: str) -> str | None:
        """An identifier, or None if absent or null."""
        return self.ident(field) if self.has(field) else None

    def count(self, field: str, *, least: int = 0, most: int | None = None) -> int:
        """A whole number from `least` to `most`."""
        value = self.values.get(field)
        # bool is an int in Python, never in data
        if type(value) is not int or value < least or (most is not None and value > most):
            to_zh = "" if most is None else f"，不大于 {most}"
            to_en = "" if most is None else f" and at most {most}"
            raise self.wrong(
                field, f"整数，不小于 {least}{to_zh}", f"a whole number, {least} or more{to_en}"
            )
        return value

    def count_or_none(self, field: str, *, least: int = 0, most: int | None = None) -> int | None:
        """A whole number, or None if absent or null."""
        return self.count(field, least=least, most=most) if self.has(field) else None

    def flag(self, field: str, *, default: bool | None = None) -> bool:
        """True or false."""
        value = self.values.get(field, default)
        if not isinstance(value, bool):
            raise self.wrong(field, " true 或 false", "true or false")
        return value

    def choice(self, field: str, kind: type[E]) -> E:
        """One of the values of an enumeration."""
        try:
            return kind(self.values.get(field))  # type: ignore[arg-type]  # any value may be asked
        except ValueError:
            names = ", ".join(kind)
            raise self.wrong(field, f"以下之一：{names}", f"one of {names}") from None

    def instant(self, field: str) -> datetime:
        """An ISO 8601 instant with its offset from UTC."""
        value = self.values.get(field)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                value = None
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value
        raise self.wrong(
            field,
            "带时区的时刻，如 2026-09-07T10:20:00+08:00",
            "an instant with offset, such as 2026-09-07T10:20:00+08:00",
        )

    def day(self, field: str) -> date:
        """A civil date."""
        value = self.values.get(field)
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError:
                value = None
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        raise self.wrong(field, "日期，如 2026-09-01", "a date, such as 2026-09-01")

    def day_or_none(self, field: str) -> date | None:
        """A civil date, or None if absent or null."""
        return self.day(field) if self.has(field) else None

    def clock(self, field: str) -> time:
        """A civil clock time to the minute."""
        value = self.values.get(field)
        if isinstance(value, str) and len(value) == len("HH:MM"):
            try:
                value = time.fromisoformat(value)
            except ValueError:
                value = None
        if isinstance(value, time) and value.tzinfo is None:
            return value
        raise self.wrong(field, "钟点，如 08:10", "a clock time, such as 08:10")

    def items(self, field: str) -> list[Any]:
        """A list; absent or null is an empty one."""
        value = self.values.get(field)
        if value is None:
            return []
        if not isinstance(value, (list, tuple)):
            raise self.wrong(field, "列表", "a list")
        return list(value)

    def records(self, field: str, *, named_by: str | None = "id") -> Iterator[Fields]:
        """The records of a list, each called `field 'its id'` or `field[n]`."""
        for n, item in enumerate(self.items(field)):
            yield self.record(field, n, item, named_by=named_by)

    def record(self, field: str, n: int, item: object, *, named_by: str | None = "id") -> Fields:
        """The `n`th record of a list, which is `item`; called as by `records`."""
        where = f"{field}[{n}]"
        if named_by is not None and isinstance(item, Mapping):
            name = item.get(named_by)
            if isinstance(name, str):
                where = f"{field} {shown(name)}"
        return Fields(item, where if not self.where else f"{self.where}, {where}")
