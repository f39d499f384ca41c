"""What can be wrong with the library and what is sent to it, for people."""

from __future__ import annotations

from ..domain.problems import ProblemError, ProblemKind


def unknown(ident: str) -> ProblemError:
    """There is no such resource, or it was deleted."""
    return ProblemError(
        "resource_unknown",
        "资源库里没有这个资源，它可能已被删除。请回到资源库查看。",
        "There is no such resource; it may have been deleted. Look in the library.",
        kind=ProblemKind.NOT_FOUND,
        value=ident,
    )


def upload_unknown(ident: str) -> ProblemError:
    """There is no such upload, or it was given up."""
    return ProblemError(
        "upload_unknown",
        "没有这个上传，它可能已经完成、取消或超过 7 天没有续传。请重新上传。",
        "There is no such upload; it was finished, cancelled, or not resumed for 7 days. Upload the"
        " file again.",
        kind=ProblemKind.NOT_FOUND,
        value=ident,
    )


def upload_busy(ident: str) -> ProblemError:
    """Somebody is sending to this upload right now, perhaps over a line that broke."""
    return ProblemError(
        "upload_busy",
        "这个上传正在另一个连接上进行，请稍后自动续传。",
        "This upload is going on over another connection; resume a little later.",
        kind=ProblemKind.CONFLICT,
        value=ident,
        retry_after_s=5,
    )


def wrong_offset(given: int, offset: int) -> ProblemError:
    """What is sent does not follow on what is there."""
    return ProblemError(
        "upload_offset",
        f"已收到 {offset} 字节，请从那里续传，而不是从 {given}。",
        f"{offset} bytes are here; go on from there, not from {given}.",
        kind=ProblemKind.CONFLICT,
        field="Upload-Offset",
        value=given,
    )


def disk(said: str) -> ProblemError:
    """The disk refuses to write."""
    return ProblemError(
        "upload_disk",
        "服务器磁盘写不进去，已收到的部分保留。请联系管理员检查磁盘，之后可以续传。",
        "The server's disk cannot be written; what arrived is kept. Ask an administrator to look at"
        " the disk, then resume.",
        kind=ProblemKind.UNAVAILABLE,
        field="file",
        value=said,
    )


def incomplete(offset: int, size: int) -> ProblemError:
    """A file is not all there."""
    return ProblemError(
        "upload_incomplete",
        f"文件还没有传完：{size} 字节里收到 {offset} 字节。请续传。",
        f"The file is not all here: {offset} of {size} bytes. Resume it.",
        kind=ProblemKind.CONFLICT,
        field="upload",
        value=offset,
    )


def too_many_uploads(most: int) -> ProblemError:
    """One person began more uploads than anybody needs."""
    return ProblemError(
        "uploads_open",
        f"您有 {most} 个上传还没有完成。请先续传或取消它们。",
        f"{most} of your uploads are not finished; resume or cancel them first.",
        kind=ProblemKind.TOO_MANY,
        value=most,
        retry_after_s=60,
    )


def busy() -> ProblemError:
    """More files are being checked or cut than the queue takes."""
    return ProblemError(
        "library_busy",
        "正在处理的文件太多，请一分钟后再试。",
        "Too many files are being worked on; try again in a minute.",
        kind=ProblemKind.TOO_MANY,
        retry_after_s=60,
    )


def infected(said: str) -> ProblemError:
    """The scanner found something."""
    return ProblemError(
        "file_infected",
        f"病毒扫描拒绝了这个文件，已删除：{said or '扫描程序没有说明'}。请先在电脑上杀毒。",
        f"The virus scan refused this file and it was deleted: {said or 'no reason given'}. Clean"
        " the computer it came from first.",
        field="file",
        value=said,
    )


def not_scanned(said: str) -> ProblemError:
    """The scanner did not do its work, so nobody knows."""
    return ProblemError(
        "scan_failed",
        "病毒扫描没有完成，文件暂不入库，已上传的部分保留。请稍后再试；仍不行请联系管理员检查"
        " library.scan_command。",
        "The virus scan did not finish, so the file is not taken in; what was uploaded is kept. Try"
        " again later, or have an administrator look at library.scan_command.",
        kind=ProblemKind.UNAVAILABLE,
        field="file",
        value=said,
    )


def not_recorded(lesson: str, file: str) -> ProblemError:
    """There is no such recorded file to cut from."""
    return ProblemError(
        "recording_not_ready",
        "没有这个录像文件，或它还没有整理好、已按规定删除。请在课次页上查看录像状态。",
        "There is no such recorded file, or it is not finished yet or was deleted by age. The"
        " lesson's page says what is there.",
        kind=ProblemKind.NOT_FOUND,
        field="file",
        value=f"{lesson}/{file}",
    )


def not_cut(said: str) -> ProblemError:
    """Cutting failed."""
    return ProblemError(
        "cut_failed",
        f"剪取没有成功：{said or '原因不明'}。请换一段时间再试，或联系管理员。",
        f"Cutting failed: {said or 'no reason given'}. Try other marks, or ask an administrator.",
        kind=ProblemKind.UNAVAILABLE,
        field="from",
        value=said,
    )


def too_many_versions(most: int) -> ProblemError:
    """A resource has as many versions as one may have."""
    return ProblemError(
        "versions_full",
        f"一个资源最多 {most} 个版本。请另建一个资源。",
        f"A resource has at most {most} versions; make another one.",
        kind=ProblemKind.CONFLICT,
        value=most,
    )


def no_reason() -> ProblemError:
    """Deleting needs a reason."""
    return ProblemError(
        "reason_missing",
        "请写明原因，它会留在记录里。",
        "Say why; it stays in the record.",
        field="reason",
        value="",
    )
