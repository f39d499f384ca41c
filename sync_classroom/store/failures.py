"""What a database's failure means to the people who run it, and what they can do about it.

SQLAlchemyError / OSError / OverflowError / TimeoutError
  -> database_file         the file cannot be made, read or written
  -> database_corrupt      the file is not a database, or a damaged one
  -> database_locked       another program holds the write lock
  -> database_refused      PostgreSQL refused user, password or database name
  -> database_value        a value does not fit (text with a zero character, a huge number)
  -> database_unavailable  everything else: no answer, connection lost
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from ..domain.problems import ProblemError, ProblemKind

# SQLSTATE classes by which PostgreSQL says "not you" or "not here" (PostgreSQL manual, appendix A):
# invalid authorization, invalid catalog (database) name, insufficient privilege.
_REFUSED: Final = ("28", "3D", "42501")
# SQLSTATE class "data exception".
_DATA: Final = "22"
RETRY_AFTER_S: Final = 5


def problem_of(error: BaseException, shown: str) -> ProblemError:
    """The ProblemError for a failure of the database at `shown`."""
    for cause in _causes(error):
        if isinstance(cause, sqlite3.Error):
            return _sqlite_problem(cause, shown)
        state = getattr(cause, "sqlstate", None) or ""
        if state.startswith(_REFUSED):
            return _refused(cause, shown)
        # asyncpg's own refusals of a value are ValueErrors without a state.
        if state.startswith(_DATA) or isinstance(cause, (ValueError, OverflowError)):
            return _bad_value()
    return _unreachable(shown, error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it; bounded, since a chain can be made circular."""
    current: BaseException | None = error
    for _ in range(8):
        if current is None:
            return
        yield current
        current = getattr(current, "orig", None) or current.__cause__ or current.__context__


def _sqlite_problem(error: sqlite3.Error, shown: str) -> ProblemError:
    said = str(error)
    if "not a database" in said or "malformed" in said:
        return ProblemError(
            "database_corrupt",
            f"数据库文件 {shown} 已损坏或不是 SQLite 数据库（{said}）。请换回最近的备份，"
            "或把该文件移走后重新启动以新建数据库。",
            f"{shown} is damaged or not an SQLite database ({said}): put the latest backup in its"
            " place, or move the file away and start again to make a new one",
            kind=ProblemKind.UNAVAILABLE,
            value=shown,
        )
    if "locked" in said or "busy" in said:
        return ProblemError(
            "database_locked",
            f"数据库文件 {shown} 正被另一个程序占用（{said}）。请关闭打开它的工具，稍后再试。",
            f"another program holds {shown} ({said}): close the tool that has it open and try"
            " again",
            kind=ProblemKind.UNAVAILABLE,
            value=shown,
            retry_after_s=RETRY_AFTER_S,
        )
    if "unable to open" in said or "readonly" in said or "disk" in said or "full" in said:
        return _file_problem(shown, said)
    return _unreachable(shown, error)


def _file_problem(shown: str, said: str) -> ProblemError:
    return ProblemError(
        "database_file",
        f"无法读写数据库文件 {shown}（{said}）。请检查所在目录是否存在、当前用户是否有写权限、"
        "磁盘是否已满，或修改 store.url。",
        f"the database file {shown} cannot be written ({said}): check that its folder exists, that"
        " this user may write there and that the disk is not full, or change store.url",
        kind=ProblemKind.UNAVAILABLE,
        field="store.url",
        value=shown,
    )


def _refused(error: BaseException, shown: str) -> ProblemError:
    said = str(error)
    return ProblemError(
        "database_refused",
        f"PostgreSQL {shown} 拒绝了连接（{said}）。请检查 store.url 中的用户、密码和数据库名。",
        f"PostgreSQL at {shown} refused ({said}): check user, password and database name in"
        " store.url",
        kind=ProblemKind.UNAVAILABLE,
        field="store.url",
        value=shown,
    )


def _bad_value() -> ProblemError:
    return ProblemError(
        "database_value",
        "数据库不接受其中一个值（例如含有零字符的文字，或过大的数字）。请改正后再提交。",
        "the database does not accept one of the values (text with a zero character, or a number"
        " that is too large): correct it and send it again",
    )


def _unreachable(shown: str, error: BaseException) -> ProblemError:
    """No answer from the database at `shown`, or its file cannot be opened."""
    said = _reason(error)
    if not shown.startswith("postgresql:"):
        return _file_problem(shown, said)
    return ProblemError(
        "database_unavailable",
        f"连不上数据库 {shown}（{said}）。请检查 PostgreSQL 是否在运行、网络是否可达，"
        "以及 store.url 中的主机和端口。",
        f"the database {shown} does not answer ({said}): check that PostgreSQL is running and"
        " reachable, and host and port in store.url",
        kind=ProblemKind.UNAVAILABLE,
        field="store.url",
        value=shown,
        retry_after_s=RETRY_AFTER_S,
    )


def _reason(error: BaseException) -> str:
    """Why, in the words of the innermost error; a driver's statement text is left out."""
    last = list(_causes(error))[-1]
    if isinstance(last, OSError) and last.strerror:
        return last.strerror
    return str(last).partition("\n")[0] or type(last).__name__
