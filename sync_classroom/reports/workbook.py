"""The report as a workbook that can be checked with nothing but itself.

The sheet of seats holds plain values; every sum, count and rate of the other sheets is a formula
over it, stored with the value that we computed, so that whoever opens the file sees the same and
may recompute. Groups are found by their numbers, never by their names. Names are written as text
and never as formulas.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from ..domain.crediting import Cause
from ..domain.definitions import CAUSES, DEFINITIONS, MODES, Unit, kind_name
from ..domain.rules import Rules
from ..domain.writing import NOTHING
from .charts import week_label
from .print_setup import on_a4, set_columns
from .seat_sheet import SeatSheet, text
from .words import RULES, lines, pick, word

_HEAD_ROW: Final = 2
#: Group of a table → (its number's column among the seats, which flags count its lessons once).
_KEYS: Final[Mapping[str, tuple[str, str]]] = {
    "school": ("school_no", "_school"),
    "classroom": ("classroom_no", "_room"),
    "subject": ("subject_no", ""),
    "week": ("week_no", ""),
    "teacher": ("teacher_no", ""),
    "host_school": ("host_school_no", ""),
}
_FORMULA_CHARS: Final = 70
#: Measures of a group in the order of the columns; what is in brackets is no measure of its own.
COLUMNS: Final = (
    "due_periods", "held_periods", "held_rate", "credited_s", "[credited_due]", "[host_due]",
    "fidelity", "[adjusted]", "adjusted_share", "due_seats", "held_seats", "partial_seats",
    "missed_seats", "unknown_seats", "cancelled_unexcused_seats", "cancelled_excused_seats",
    "moved_seats", "evidence_complete", "[interacted]", "interaction_rate", "host_s",
    "[host_window]", "host_rate", "host_periods", "pupil_attendances", "pupils_reached",
)  # fmt: skip
#: Where the value of a helper column stands in the figures.
_PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "[credited_due]": ("fidelity", "numerator"),
    "[host_due]": ("fidelity", "denominator"),
    "[adjusted]": ("adjusted_share", "numerator"),
    "[interacted]": ("interaction_rate", "numerator"),
    "[host_window]": ("host_rate", "denominator"),
}
_PART_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "[credited_due]": ("应开席听课秒", "Credited s of due seats"),
    "[host_due]": ("应开席主讲秒", "Host s of due seats"),
    "[adjusted]": ("人工认定秒", "Adjusted s"),
    "[interacted]": ("有互动的已开席", "Held seats with interaction"),
    "[host_window]": ("计划秒（每课一次）", "Planned s, once a lesson"),
}
#: Rates: numerator and denominator by the names of columns.
_RATES: Final[Mapping[str, tuple[str, str]]] = {
    "held_rate": ("held_periods", "due_periods"),
    "fidelity": ("[credited_due]", "[host_due]"),
    "adjusted_share": ("[adjusted]", "credited_s"),
    "interaction_rate": ("[interacted]", "held_seats"),
    "host_rate": ("host_s", "[host_window]"),
}


def make_workbook(content: Mapping[str, Any]) -> bytes:
    """The workbook."""
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
              "strings_to_numbers": False},
    )  # fmt: skip
    _Workbook(workbook, content).write()
    workbook.close()
    return out.getvalue()


class _Workbook:
    def __init__(self, workbook: xlsxwriter.Workbook, content: Mapping[str, Any]) -> None:
        self._book = workbook
        self._content = content
        self._language: str = content["language"]
        self._figures: Mapping[str, Any] = content["figures"]
        self._tables: Mapping[str, Sequence[Mapping[str, Any]]] = content["tables"]
        self._totals: Mapping[str, Any] = self._figures["totals"]
        font = {"font_name": "Microsoft YaHei", "font_size": 10, "valign": "top"}
        self._plain = workbook.add_format(font)
        self._wrapped = workbook.add_format(
            {**font, "text_wrap": True, "align": "left", "indent": 1}
        )
        self._head = workbook.add_format(
            {**font, "bold": True, "text_wrap": True, "bottom": 1, "bg_color": "#E4F0ED",
             "valign": "bottom"}
        )  # fmt: skip
        self._title = workbook.add_format({**font, "bold": True, "font_size": 14})
        self._soft = workbook.add_format({**font, "font_color": "#63707D"})
        total = {**font, "bold": True, "top": 1, "bg_color": "#F4F6F4"}
        self._number = workbook.add_format({**font, "num_format": "#,##0"})
        self._rate = workbook.add_format({**font, "num_format": "0.0%", "align": "right"})
        self._total = workbook.add_format(total)
        self._total_number = workbook.add_format({**total, "num_format": "#,##0"})
        self._total_rate = workbook.add_format({**total, "num_format": "0.0%", "align": "right"})
        workbook.set_properties({
            "title": f"{word('title_' + content['kind'], self._language)} {self._period()}",
            "created": datetime.fromisoformat(content["cut_off"]).replace(tzinfo=None),
        })  # fmt: skip
        # Sheets keep the order in which they are made; the seats are last, so all come first here.
        self._summary = self._sheet("summary")
        self._groups = {name: self._sheet(name) for name in _KEYS}
        self._heat = self._sheet("heat")
        self._causes = self._sheet("causes")
        self._modes = self._sheet("matrix")
        self._vouched = self._sheet("adjustments")
        self._seats = SeatSheet(
            self._sheet("raw"), content, head=self._head, plain=self._plain, title=self._title
        )
        self._positions: dict[str, dict[str, int]] = {}

    def write(self) -> None:
        """Every sheet."""
        self._seats.write()
        for name in _KEYS:
            self._write_group(name)
        self._write_heat()
        self._write_causes()
        self._write_modes()
        self._write_adjustments()
        self._write_summary()

    # ------------------------------------------------------------------ helpers

    def _w(self, key: str, *values: object) -> str:
        return word(key, self._language, *values)

    def _period(self) -> str:
        return f"{self._figures['period']['from']} – {self._figures['period']['to']}"

    def _sheet(self, key: str) -> Worksheet:
        """A sheet that prints on A4 with the hash below."""
        sheet = self._book.add_worksheet(self._w(key)[:31])
        on_a4(sheet)
        sheet.set_row(0, 24)
        digest = self._content["sha256"].get("facts.ndjson", "")[:16]
        sheet.set_footer(f"&L&8{self._w('hash_facts')} {digest}&R&8&P / &N")
        return sheet

    def _begin(
        self, sheet: Worksheet, title: str, heads: Sequence[str], widths: Sequence[int], leads: int
    ) -> None:
        sheet.write_string(0, 0, f"{title} · {self._period()}", self._title)
        for column, head in enumerate(heads):
            sheet.write_string(_HEAD_ROW, column, head, self._head)
        set_columns(sheet, widths, leads)
        tallest = max((lines(h, w) for h, w in zip(heads, widths, strict=True)), default=1)
        sheet.set_row(_HEAD_ROW, 14 * tallest + 4)
        sheet.freeze_panes(_HEAD_ROW + 1, leads)
        sheet.repeat_rows(0, _HEAD_ROW)

    def _put(
        self, sheet: Worksheet, row: int, column: int, formula: str, value: Any, *, total: bool
    ) -> None:
        """A formula with the value that it gives."""
        ratio = isinstance(value, Mapping)
        if ratio:
            n, d = value["numerator"], value["denominator"]
            value = n / d if d else NOTHING
        formats = (self._total_rate, self._total_number) if total else (self._rate, self._number)
        sheet.write_formula(row, column, formula, formats[0 if ratio else 1], value)

    # ------------------------------------------------------------------ groups

    def _write_group(self, name: str) -> None:
        sheet, rows = self._groups[name], self._tables[name]
        leads = self._leads(name)
        heads = [title for title, _ in leads] + [self._column_name(code) for code in COLUMNS]
        widths = [6] + [16] * (len(leads) - 1) + [10] * len(COLUMNS)
        self._begin(sheet, self._w(name), heads, widths, len(leads))
        columns = {code: len(leads) + n for n, code in enumerate(COLUMNS)}
        self._positions[name] = columns
        for at, row in enumerate(rows, start=_HEAD_ROW + 1):
            sheet.write_number(at, 0, row["no"], self._plain)
            for column, (_, read) in enumerate(leads[1:], start=1):
                sheet.write_string(at, column, text(read(row)), self._plain)
            self._measures(sheet, at, columns, row, *_KEYS[name])
        last = _HEAD_ROW + 1 + len(rows)
        for column in range(len(leads)):
            sheet.write_string(last, column, self._w("total") if column == 1 else "", self._total)
        self._measures(sheet, last, columns, self._totals, None, "", total=True)
        if rows:
            sheet.autofilter(_HEAD_ROW, 0, last - 1, len(heads) - 1)

    def _leads(self, name: str) -> list[tuple[str, Callable[[Mapping[str, Any]], str]]]:
        """The columns before the figures: number, names, id."""

        def field(key: str) -> Callable[[Mapping[str, Any]], str]:
            return lambda row: str(row[key])

        leads = [(self._w("number"), field("no"))]
        if name == "classroom":
            leads.append((self._w("school"), field("school")))
        if name == "teacher":
            leads.append((self._w("host_school"), field("school")))
        if name == "week":
            return [*leads, (self._w("week"), lambda row: week_label(row, self._language)),
                    (self._w("identifier"), field("id"))]  # fmt: skip
        leads.append((self._w(name), field("name")))
        return [*leads, (self._w("identifier"), field("id"))] if name != "subject" else leads

    def _column_name(self, code: str) -> str:
        if code in _PART_NAMES:
            return pick(_PART_NAMES[code], self._language)
        seconds = DEFINITIONS[code].unit is Unit.SECONDS
        unit = ("（秒）", " (s)")[self._language != "zh"] if seconds else ""
        return f"{DEFINITIONS[code].name(self._language)}{unit}"

    def _measures(
        self,
        sheet: Worksheet,
        row: int,
        columns: Mapping[str, int],
        figures: Mapping[str, Any],
        key: str | None,
        flags: str,
        *,
        total: bool = False,
    ) -> None:
        """The measures of one row: of the group whose number is in column A, or of all seats."""
        where = [] if key is None else [(key, f"$A{row + 1}")]
        for code, column in columns.items():
            if code == "pupils_reached":  # a class counts once with its greatest head count
                format_ = self._total_number if total else self._number
                sheet.write_number(row, column, figures[code], format_)
                continue
            if code in _RATES:
                top, below = (xl_rowcol_to_cell(row, columns[c]) for c in _RATES[code])
                formula = f'=IF({below}=0,"{NOTHING}",{top}/{below})'
            elif code == "evidence_complete":
                due, lost = (
                    xl_rowcol_to_cell(row, columns[c]) for c in ("due_seats", "unknown_seats")
                )
                formula = f'=IF({due}=0,"{NOTHING}",({due}-{lost})/{due})'
            else:
                formula = "=" + self._seats.sum_of(code, where, flags)
            self._put(sheet, row, column, formula, _value(figures, code), total=total)

    # ------------------------------------------------------------------ other sheets

    def _write_heat(self) -> None:
        """Held rate of every week and school."""
        weeks, schools = self._tables["week"], self._tables["school"]
        known = {(w, s): (held, due) for w, s, held, due in self._content["week_school"]}
        heads = [self._w("number"), self._w("week"), *(text(s["name"]) for s in schools)]
        self._begin(self._heat, self._w("heat"), heads, [6, 14, *[12] * len(schools)], 2)
        for column, school in enumerate(schools, start=2):
            self._heat.write_number(1, column, school["no"], self._soft)
        for at, week in enumerate(weeks, start=_HEAD_ROW + 1):
            self._heat.write_number(at, 0, week["no"], self._plain)
            self._heat.write_string(at, 1, week_label(week, self._language), self._plain)
            for column, school in enumerate(schools, start=2):
                held, due = known.get((week["no"], school["no"]), (0, 0))
                where = [("week_no", f"$A{at + 1}"),
                         ("school_no", f"{xl_col_to_name(column)}$2")]  # fmt: skip
                top = self._seats.sum_of("held_periods", where, "")
                below = self._seats.sum_of("due_periods", where, "")
                value = {"numerator": held, "denominator": due}
                formula = f'=IF({below}=0,"{NOTHING}",{top}/{below})'
                self._put(self._heat, at, column, formula, value, total=False)
        if weeks and schools:
            self._heat.conditional_format(
                _HEAD_ROW + 1, 2, _HEAD_ROW + len(weeks), 1 + len(schools),
                {"type": "3_color_scale", "min_type": "num", "mid_type": "num",
                 "max_type": "num", "min_value": 0, "mid_value": 0.5, "max_value": 1,
                 "min_color": "#F7ECD9", "mid_color": "#9CC9B4", "max_color": "#3E9A84"},
            )  # fmt: skip

    def _write_causes(self) -> None:
        """Causes in all, then by school."""
        rules = Rules(**self._figures["rules"])
        schools = self._content["causes_by_school"]
        names = {r["no"]: r["name"] for r in self._tables["school"]}
        heads = [self._w("cause"), self._w("meaning"), self._w("total"),
                 *(text(names[r["school_no"]]) for r in schools)]  # fmt: skip
        self._begin(self._causes, self._w("causes"), heads, [12, 40, *[12] * (len(heads) - 2)], 2)
        for column, row in enumerate(schools, start=3):
            self._causes.write_number(1, column, row["school_no"], self._soft)
        for at, cause in enumerate(Cause, start=_HEAD_ROW + 1):
            named = CAUSES[cause]
            self._causes.write_string(at, 0, named.name(self._language), self._plain)
            self._causes.write_string(at, 1, named.meaning(self._language, rules), self._wrapped)
            formula = "=" + self._seats.count_cause(named.name(self._language), None)
            self._put(self._causes, at, 2, formula, self._figures["causes"][cause.value],
                      total=False)  # fmt: skip
            for column, row in enumerate(schools, start=3):
                school = f"{xl_col_to_name(column)}$2"
                formula = "=" + self._seats.count_cause(named.name(self._language), school)
                self._put(self._causes, at, column, formula, row[cause.value], total=False)

    def _write_modes(self) -> None:
        heads = [self._w("school"), *(m.name(self._language) for m in MODES.values())]
        self._begin(self._modes, self._w("matrix"), heads, [18] * len(heads), 1)
        matrix = self._figures["mode_matrix"]
        rows = [r for r in self._tables["school"] if r["id"] in matrix]
        for at, row in enumerate(rows, start=_HEAD_ROW + 1):
            self._modes.write_string(at, 0, text(row["name"]), self._plain)
            for column, mode in enumerate(MODES, start=1):
                self._modes.write_number(at, column, matrix[row["id"]][mode], self._number)

    def _write_adjustments(self) -> None:
        heads = [self._w(k) for k in ("when", "school", "classroom", "lesson", "seat", "length",
                                      "who", "reason")]  # fmt: skip
        self._begin(self._vouched, self._w("adjustments"), heads, [18] * len(heads), 0)
        zone = ZoneInfo(self._content["zone"])
        schools = {r["no"]: r["name"] for r in self._tables["school"]}
        rooms = {r["no"]: r["name"] for r in self._tables["classroom"]}
        for at, found in enumerate(self._content["adjustments"], start=_HEAD_ROW + 1):
            began = datetime.fromisoformat(found["from"]).astimezone(zone)
            values = (
                began.strftime("%Y-%m-%d %H:%M:%S"), schools.get(found["school_no"], NOTHING),
                rooms.get(found["classroom_no"], NOTHING), found["occurrence"], found["seat"],
            )  # fmt: skip
            for column, value in enumerate(values):
                self._vouched.write_string(at, column, text(value), self._plain)
            self._vouched.write_number(at, 5, found["seconds"], self._number)
            self._vouched.write_string(at, 6, text(found["by"]), self._plain)
            self._vouched.write_string(at, 7, text(found["reason"]), self._wrapped)

    # ------------------------------------------------------------------ summary

    def _write_summary(self) -> None:
        content, sheet = self._content, self._summary
        for column, width in enumerate((26, 24, 13, 13, 13, _FORMULA_CHARS)):
            sheet.set_column(column, column, width)
        title = f"{content['programme']} · {self._w('title_' + content['kind'])}"
        sheet.write_string(0, 0, text(title), self._title)
        zone = ZoneInfo(content["zone"])
        cut_off = datetime.fromisoformat(content["cut_off"]).astimezone(zone)
        rules = self._figures["rules"]
        about = [
            (self._w("period"), self._period()),
            (self._w("cut_off"), f"{cut_off:%Y-%m-%d %H:%M:%S} ({content['zone']})"),
            (self._w("rules"), self._w("rules_version", rules["name"], rules["version"])),
            (self._w("made_by"), f"sync-classroom {content['version']}"),
            *((f"SHA-256 {name}", digest) for name, digest in sorted(content["sha256"].items())),
        ]  # fmt: skip
        if content["chain"]:
            about.append((self._w("hash_chain"), content["chain"]))
        for at, (label, value) in enumerate(about, start=1):
            sheet.write_string(at, 0, label, self._soft)
            sheet.write_string(at, 1, text(value), self._plain)
        head = len(about) + 2
        heads = ("measure", "code", "value", "numerator", "denominator", "formula")
        for column, key in enumerate(heads):
            sheet.write_string(head, column, self._w(key), self._head)
        sheet.repeat_rows(head)
        sheet.freeze_panes(1, 0)
        after = self._write_measures(head + 1)
        after = self._write_pairs(
            after + 1, self._w("threshold"),
            [(pick(RULES[k], self._language), k, rules[k]) for k in RULES],
        )  # fmt: skip
        after = self._write_pairs(
            after + 1, self._w("facts_by_kind"),
            [(kind_name(k, self._language), k, n)
             for k, n in sorted(content["facts"].items())],
        )  # fmt: skip
        self._charts(after + 1)

    def _write_measures(self, at: int) -> int:
        """Every measure of the whole period; those that seats prove are formulas."""
        sheet = self._summary
        rules = Rules(**self._figures["rules"])
        total_row = _HEAD_ROW + 1 + len(self._tables["school"])
        columns = self._positions["school"]
        school_sheet = f"'{self._w('school')}'!"
        for code, definition in DEFINITIONS.items():
            value = self._totals[code]
            sheet.write_string(at, 0, self._column_name(code), self._plain)
            sheet.write_string(at, 1, code, self._plain)
            if isinstance(value, Mapping):
                self._write_ratio(at, code, value)
            elif code in columns:
                cell = xl_rowcol_to_cell(total_row, columns[code])
                self._put(sheet, at, 2, f"={school_sheet}{cell}", value, total=False)
            else:
                sheet.write_number(at, 2, value, self._number)
            formula = definition.formula(self._language, rules)
            sheet.write_string(at, 5, formula, self._wrapped)
            sheet.set_row(at, 16 * lines(formula, _FORMULA_CHARS + 8))
            at += 1
        return at

    def _write_ratio(self, at: int, code: str, value: Mapping[str, int]) -> None:
        """Numerator and denominator, from the sheets where they can be counted, and the rate."""
        for column, part in ((3, "numerator"), (4, "denominator")):
            formula = self._part(code, part)
            if formula is None:
                self._summary.write_number(at, column, value[part], self._number)
            else:
                self._put(self._summary, at, column, formula, value[part], total=False)
        n, d = (xl_rowcol_to_cell(at, c) for c in (3, 4))
        self._put(self._summary, at, 2, f'=IF({d}=0,"{NOTHING}",{n}/{d})', value, total=False)

    def _part(self, code: str, part: str) -> str | None:
        """The formula of a rate's numerator or denominator; None where seats do not prove it."""
        columns = self._positions["school"]
        row = _HEAD_ROW + 1 + len(self._tables["school"])
        sheet = f"'{self._w('school')}'!"
        if code in _RATES:
            name = _RATES[code][0 if part == "numerator" else 1]
            return f"={sheet}{xl_rowcol_to_cell(row, columns[name])}"
        if code == "evidence_complete":
            due = f"{sheet}{xl_rowcol_to_cell(row, columns['due_seats'])}"
            lost = f"{sheet}{xl_rowcol_to_cell(row, columns['unknown_seats'])}"
            return f"={due}-{lost}" if part == "numerator" else f"={due}"
        group = {"school_coverage": "school", "classroom_coverage": "classroom"}.get(code)
        if (
            group is None
            or not self._tables[group]
            or not all(r["member"] for r in self._tables[group])
        ):
            return None
        last = _HEAD_ROW + len(self._tables[group])
        held = xl_col_to_name(self._positions[group]["held_seats"])
        area = f"'{self._w(group)}'!${held}${_HEAD_ROW + 2}:${held}${last + 1}"
        return f'=COUNTIF({area},">0")' if part == "numerator" else f"=ROWS({area})"

    def _write_pairs(
        self, at: int, title: str, rows: Sequence[tuple[str, str, int | float]]
    ) -> int:
        self._summary.write_string(at, 0, title, self._head)
        self._summary.write_string(at, 1, self._w("code"), self._head)
        self._summary.write_string(at, 2, self._w("value"), self._head)
        for at, (name, code, value) in enumerate(rows, start=at + 1):  # noqa: B020
            self._summary.write_string(at, 0, name, self._plain)
            self._summary.write_string(at, 1, code, self._plain)
            self._summary.write_number(at, 2, value, self._plain)
        return at + 1

    def _charts(self, at: int) -> None:
        """Native charts over the sheets, so that they follow whoever corrects a cell."""
        made = (
            ("bar", "school", "chart_held", "held_rate", len(self._tables["school"]), "#0B6B5D"),
            ("line", "week", "chart_weeks", "held_rate", len(self._tables["week"]), "#0B6B5D"),
        )
        for n, (kind, group, title, code, count, colour) in enumerate(made):
            if count:
                column = self._positions[group][code]
                self._chart(kind, self._w(group), self._w(title), (1, column), count, colour,
                            at + 20 * n, rate=True)  # fmt: skip
        self._chart("bar", self._w("causes"), self._w("chart_causes"), (0, 2), len(Cause),
                    "#9B2C2C", at + 40, rate=False)  # fmt: skip

    def _chart(
        self, kind: str, sheet: str, title: str, columns: tuple[int, int], count: int,
        colour: str, at: int, *, rate: bool,
    ) -> None:  # fmt: skip
        chart = self._book.add_chart({"type": kind})
        first, last = _HEAD_ROW + 1, _HEAD_ROW + count
        chart.add_series({
            "name": title,
            "categories": [sheet, first, columns[0], last, columns[0]],
            "values": [sheet, first, columns[1], last, columns[1]],
            "fill": {"color": colour}, "line": {"color": colour, "width": 2},
            "marker": {"type": "circle", "size": 6, "fill": {"color": colour}},
            "data_labels": {"value": True, "num_format": "0.0%" if rate else "0"},
            "gap": 60,
        })  # fmt: skip
        chart.set_title({"name": title, "name_font": {"size": 12}})
        chart.set_legend({"none": True})
        numbers: dict[str, Any] = {"num_format": "0%" if rate else "0",
                                   "major_gridlines": {"visible": True,
                                                       "line": {"color": "#DFE3E0"}}}  # fmt: skip
        if rate:
            numbers |= {"min": 0, "max": 1}
        if kind == "bar":
            chart.set_y_axis({"reverse": True})
            chart.set_x_axis(numbers)
        else:
            chart.set_y_axis(numbers)
        chart.set_size({"width": 720, "height": 360})
        self._summary.insert_chart(at, 0, chart, {"description": title})


def _value(figures: Mapping[str, Any], code: str) -> Any:
    """What a column's formula gives, from the figures."""
    if code in _PARTS:
        measure, part = _PARTS[code]
        return figures[measure][part]
    return figures[code]
