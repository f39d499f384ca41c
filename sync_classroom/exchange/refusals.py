"""Why a file is not read: one code, one sentence in both languages, always with the remedy."""

from __future__ import annotations

from typing import Final

from ..domain.problems import ProblemError, ProblemKind

MAX_BYTES: Final = 10_000_000  # a term of a city, 48 rooms × 30 lessons, is 0.2 MB

_SENTENCES: Final = {
    "file_empty": (
        "文件是空的。请选择填好的课表文件。",
        "The file is empty. Choose the timetable file that was filled in.",
    ),
    "file_too_large": (
        "文件超过 10 MB。课表文件通常不到 1 MB：请删除图片和无关的工作表，或按学期分开上传。",
        "The file is larger than 10 MB. A timetable is usually below 1 MB: delete pictures and"
        " unrelated sheets, or upload one term at a time.",
    ),
    "file_expands": (
        "文件解压后过大，不像课表。请把课表复制到新的工作簿，另存为 .xlsx 再上传。",
        "The file expands to far more than a timetable has. Copy the timetable into a new workbook"
        " and save it as .xlsx.",
    ),
    "file_too_many_rows": (
        "表格超过 5000 行。请删除多余的行，或按学期分开上传。",
        "The table has more than 5000 rows. Delete those not needed, or upload one term at a time.",
    ),
    "file_too_many_columns": (
        "表格超过 100 列。请只保留模板里的列。",
        "The table has more than 100 columns. Keep those of the template.",
    ),
    "file_cell_too_long": (
        "有单元格超过 2000 个字。请缩短后再上传。",
        "A cell has more than 2000 characters. Shorten it and upload again.",
    ),
    "file_too_much_text": (
        "文件里的文字超过 300 万字，不像课表。请只保留模板里的列。",
        "The file holds more than 3 million characters. Keep the columns of the template only.",
    ),
    "file_macros": (
        "文件含有宏，不予读取。请另存为不含宏的 .xlsx 再上传。",
        "The file contains macros and is not read. Save it as .xlsx without macros.",
    ),
    "file_encrypted": (
        "文件设有打开密码。请取消密码、另存为 .xlsx 再上传。",
        "The file has a password. Remove the password and save it as .xlsx.",
    ),
    "file_old_excel": (
        "这是旧格式（.xls 或 .et）。请用 Excel 或 WPS 打开，另存为 .xlsx 再上传。",
        "This is the old format (.xls or .et). Open it in Excel or WPS and save it as .xlsx.",
    ),
    "file_binary_excel": (
        "这是二进制工作簿（.xlsb）。请另存为 .xlsx 再上传。",
        "This is a binary workbook (.xlsb). Save it as .xlsx.",
    ),
    "file_ods": (
        "这是 .ods 表格。请另存为 .xlsx 或 CSV 再上传。",
        "This is an .ods spreadsheet. Save it as .xlsx or CSV.",
    ),
    "file_word": (
        "这是 Word 文档。请把课表填入模板（.xlsx）再上传。",
        "This is a Word document. Fill the timetable into the template (.xlsx).",
    ),
    "file_pdf": (
        "这是 PDF。请上传原来的表格，或把课表填入模板（.xlsx）。",
        "This is a PDF. Upload the spreadsheet it was made from, or fill in the template (.xlsx).",
    ),
    "file_picture": (
        "这是图片。请把课表填入模板（.xlsx）再上传。",
        "This is a picture. Fill the timetable into the template (.xlsx).",
    ),
    "file_archive": (
        "这是压缩包，不是表格。请解压后上传其中的课表文件。",
        "This is an archive, not a spreadsheet. Unpack it and upload the timetable file inside.",
    ),
    "file_damaged": (
        "文件已损坏，无法读取。请重新用 Excel 或 WPS 打开并另存为 .xlsx。",
        "The file is damaged and cannot be read. Open it in Excel or WPS and save it again as"
        " .xlsx.",
    ),
    "file_unknown": (
        "认不出这个文件。可以上传：模板（.xlsx 或 CSV）、aSc 导出的 XML、FET 的 .fet。",
        "The file is of no known kind. Upload the template (.xlsx or CSV), an XML export of aSc"
        " Timetables, or a .fet file.",
    ),
    "file_encoding": (
        "文字编码无法识别。请另存为“CSV UTF-8”或 .xlsx 再上传。",
        "The text encoding is not known. Save it as “CSV UTF-8” or .xlsx.",
    ),
    "file_entities": (
        "XML 文件里定义了实体，不予读取。请从 aSc 或 FET 重新导出。",
        "The XML file defines entities and is not read. Export it again from aSc or FET.",
    ),
    "file_xml_damaged": (
        "XML 文件不完整或有错误。请从 aSc 或 FET 重新导出。",
        "The XML file is cut off or wrong. Export it again from aSc or FET.",
    ),
    "file_xml_unknown": (
        "这个 XML 不是 aSc 课表，也不是 FET 文件。请在 aSc 中选“导出 aSc Timetables 2012 XML”，"
        "或上传 FET 的 .fet。",
        "This XML is neither of aSc nor of FET. In aSc choose “Export aSc Timetables 2012 XML”, or"
        " upload the .fet file.",
    ),
    "file_fet_places": (
        "这是 FET 的排课结果，不含教师和科目。请上传同一文件夹里的 *_data_and_timetable.fet。",
        "This is FET's result without teachers and subjects. Upload *_data_and_timetable.fet of the"
        " same folder.",
    ),
    "file_no_header": (
        "没有找到表头。请保留模板的表头行（至少有：科目、主讲教师、主讲教室）。",
        "There is no header row. Keep that of the template (at least subject, teacher, room).",
    ),
    "file_no_rows": (
        "表头下面没有课。请填写后再上传。",
        "There are no lessons below the header. Fill some in and upload again.",
    ),
    "file_slow": (
        "文件读取超时。请把课表复制到新的工作簿，另存为 .xlsx 再上传。",
        "Reading the file took too long. Copy the timetable into a new workbook and save it as"
        " .xlsx.",
    ),
}


def refusal(code: str, value: object = None) -> ProblemError:
    """The problem with this code; `value` is what was given."""
    zh, en = _SENTENCES[code]
    kind = ProblemKind.TOO_MANY if code == "file_slow" else ProblemKind.INVALID
    return ProblemError(code, zh, en, kind=kind, field="file", value=value)


def codes() -> tuple[str, ...]:
    """Every code there is."""
    return tuple(_SENTENCES)
