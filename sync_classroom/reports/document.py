"""A report's content put into sections, every figure written out: what the page layout is fed.

Which sections there are, in what order and with which words, is decided here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ..domain.crediting import Cause
from ..domain.definitions import CAUSES, DEFINITIONS, MODES, kind_name
from ..domain.writing import duration, percent
from .blocks import MOST_NAME, Block, Cell, Writer
from .charts import week_label
from .fonts import Typeface
from .words import RULES, pick, word

# More rows than these are in the XLSX only: a report is read, not searched.
MOST_ADJUSTMENTS: Final = 30
MOST_DIFFERENCES: Final = 20

# A page is 170 mm wide, which `charts.WIDTH` pixels of 0.75 pt would overfill.
CHART_SCALE: Final = 482 / 480

_HEADLINES: Final = (
    "held_rate", "school_coverage", "classroom_coverage", "held_periods", "credited_s",
    "build_progress", "regular_rate", "fidelity", "pupils_reached",
)  # fmt: skip
_GROUP: Final = (
    "due_periods", "held_periods", "held_rate", "credited_s", "fidelity", "evidence_complete",
)  # fmt: skip
_GIVEN: Final = ("host_periods", "host_rate", "held_periods", "held_rate", "interaction_rate")


def compose(content: Mapping[str, Any], typeface: Typeface, charts: Collection[str]) -> Block:
    """What the layout prints. `charts` names those that were drawn."""
    return _Document(content, typeface, charts).made()


class _Document(Writer):
    def made(self) -> Block:
        """The whole document."""
        content = self.content
        title = self.w(f"title_{content['kind']}")
        programme = self.clean(content["programme"], MOST_NAME)
        cut_off = datetime.fromisoformat(content["cut_off"]).astimezone(self.zone)
        before, between, after = word("page_of", self.language).split("{}")
        facts = content["sha256"].get("facts.ndjson", "")
        return {
            "lang": self.language,
            "families": list(self.typeface.families),
            "title": title,
            "programme": programme,
            "period": self.period(),
            "running": f"{programme} · {title}",
            "chart-scale": CHART_SCALE,
            "date": [cut_off.year, cut_off.month, cut_off.day],
            "page-of": [before, between, after],
            "short-hash": f"{self.w('hash_facts')} {facts[:16]}…" if facts else "",
            "cover": self._cover(),
            "hashes": [
                [self.w(f"hash_{key}"), content["sha256"][file]]
                for key, file in (
                    ("plan", "plan.json"), ("facts", "facts.ndjson"), ("rules", "rules.json")
                )
                if file in content["sha256"]
            ]
            + ([[self.w("hash_chain"), content["chain"]]] if content["chain"] else []),
            "note": self.w("cover_note"),
            "blocks": [
                *self._headlines(), *self._schools(), *self._weeks(), *self._not_held(),
                *self._modes(), *self._rooms(), *self._subjects(), *self._hosts(),
                *self._evidence(), *self._restatements(), *self._signatures(),
                *self._definitions(), *self._appendix(),
            ],
        }  # fmt: skip

    def _cover(self) -> list[list[str]]:
        content, rules = self.content, self.rules
        members = self.tables["school"], self.tables["classroom"]
        remote, rooms = (sum(r["member"] for r in rows) for rows in members)
        hosts = len(self.tables["host_school"])
        return [
            [self.w("period"), self.period()],
            [self.w("programme"), self.w("programme_size", hosts, remote, rooms)],
            [self.w("cut_off"), f"{self.instant(content['cut_off'])} ({content['zone']})"],
            [
                self.w("rules"),
                self.w("rules_version", self.clean(rules.name), self.clean(rules.version)),
            ],
            [self.w("facts_read"), self.w("facts_count", sum(content["facts"].values()))],
            [self.w("made_by"), f"sync-classroom {content['version']}"],
        ]

    def _headlines(self) -> list[Block]:
        totals = self.figures["totals"]
        items = []
        for code in _HEADLINES:
            cell = self.measure(code, totals[code])
            value, fraction = (cell["v"], cell["s"]) if isinstance(cell, dict) else (cell, "")
            definition = DEFINITIONS[code]
            items.append({
                "name": definition.name(self.language), "value": value, "fraction": fraction,
                "formula": definition.formula(self.language, self.rules),
            })  # fmt: skip
        return [
            self.heading(self.w("headlines"), on_new_page=True),
            {"type": "tiles", "items": items},
            self.heading(self.w("build"), 2),
            *self.chart("build", self._build_alt()),
            self.para(self.w("build_note")),
        ]

    def _build_alt(self) -> str:
        progress = self.figures["totals"]["build_progress"]
        return f"{self.w('build')}: {progress['numerator']}/{progress['denominator']}"

    def _schools(self) -> list[Block]:
        rows = self.tables["school"]
        return [
            self.heading(self.w("schools"), on_new_page=True),
            self.heading(self.w("states_chart"), 2),
            *self.chart("states", self._alt("states_chart", rows)),
            self.groups(self.w("school"), rows, _GROUP),
            self.para(""),
            self.groups(
                self.w("school"), rows,
                ("classroom_coverage", "class_coverage", "regular_rate", "interaction_rate",
                 "pupils_reached"),
                total=True,
            ),
        ]  # fmt: skip

    def _alt(self, key: str, rows: Sequence[Mapping[str, Any]]) -> str:
        """What a chart of held rates shows, in words."""
        rates = "; ".join(
            f"{self.name(r)} " + percent(r["held_rate"]["numerator"], r["held_rate"]["denominator"])
            for r in rows
        )
        return f"{self.w(key)}: {rates}"

    def _weeks(self) -> list[Block]:
        rows = self.tables["week"]

        def named(row: Mapping[str, Any]) -> str:
            return f"{week_label(row, self.language)} ({row['id'][5:]})"

        return [
            self.heading(self.w("weeks")),
            self.heading(self.w("trend"), 2),
            *self.chart("trend", self._alt("trend", rows)),
            self.heading(self.w("heat"), 2),
            *self.chart("heat", self._alt("heat", self.tables["school"])),
            self.para(self.w("heat_note")),
            self.groups(self.w("week"), rows, _GROUP, named=named),
        ]

    def _not_held(self) -> list[Block]:
        found = self.figures["causes"]
        head = self.heading(self.w("causes"))
        total = sum(found.values())
        if not total:
            return [head, self.para(self.w("causes_none"))]
        rows: list[list[Cell]] = [
            [
                CAUSES[c].name(self.language), str(found[c.value]),
                percent(found[c.value], total), CAUSES[c].meaning(self.language, self.rules),
            ]
            for c in Cause
        ]  # fmt: skip
        names = {r["no"]: self.name(r) for r in self.tables["school"]}
        by_school: list[list[Cell]] = [
            [names[r["school_no"]], *(str(r[c.value]) for c in Cause)]
            for r in self.content["causes_by_school"]
        ]
        by_school.append([self.w("total"), *(str(found[c.value]) for c in Cause)])
        alt = ", ".join(f"{CAUSES[c].name(self.language)} {found[c.value]}" for c in Cause)
        return [
            head,
            *self.chart("causes", f"{self.w('causes')}: {alt}"),
            self.table(
                [(self.w("cause"), False, 1.2), (self.w("seats"), True, 0.6),
                 (self.w("share"), True, 0.7), (self.w("meaning"), False, 3.4)],
                rows,
            ),
            self.para(""),
            self.table(
                [(self.w("school"), False, 1.6),
                 *((CAUSES[c].name(self.language), True, 1.0) for c in Cause)],
                by_school, total=True,
            ),
        ]  # fmt: skip

    def _modes(self) -> list[Block]:
        totals = self.figures["totals"]
        matrix = self.figures["mode_matrix"]
        names = {r["id"]: self.name(r) for r in self.tables["school"]}
        alt = "; ".join(
            f"{names[school]}: "
            + ", ".join(f"{MODES[m].name(self.language)} {n}" for m, n in row.items())
            for school, row in matrix.items()
        )
        cell = self.measure("mode_coverage", totals["mode_coverage"])
        assert isinstance(cell, dict)
        codes = [c for c in DEFINITIONS if c.startswith(("research_", "push_"))]
        return [
            self.heading(self.w("matrix")),
            *self.chart("matrix", f"{self.w('matrix')}: {alt}"),
            self.para(
                f"{DEFINITIONS['mode_coverage'].name(self.language)} {cell['v']} {cell['s']}",
                soft=False,
            ),
            self.para(self.w("matrix_note")),
            self.heading(self.w("other_modes"), 2),
            self._measures(codes),
        ]

    def _measures(self, codes: Sequence[str], *, size: float = 8.5) -> Block:
        """Measures of the whole period with their values and formulas."""
        totals = self.figures["totals"]
        rows: list[list[Cell]] = [
            [
                DEFINITIONS[c].name(self.language), c, self.measure(c, totals[c]),
                DEFINITIONS[c].formula(self.language, self.rules),
            ]
            for c in codes
        ]  # fmt: skip
        return self.table(
            [(self.w("measure"), False, 1.25), (self.w("code"), False, 1.45),
             (self.w("value"), True, 1.6), (self.w("formula"), False, 3.6)],
            rows, size=size,
        )  # fmt: skip

    def _rooms(self) -> list[Block]:
        def named(row: Mapping[str, Any]) -> str:
            return f"{self.clean(row['school'], MOST_NAME)} · {self.name(row)}"

        return [
            self.heading(self.w("classrooms")),
            self.groups(
                self.w("classroom"), self.tables["classroom"], _GROUP, named=named, name_share=2.9
            ),
        ]

    def _subjects(self) -> list[Block]:
        return [
            self.heading(self.w("subjects")),
            self.groups(self.w("subject"), self.tables["subject"], _GROUP),
        ]

    def _hosts(self) -> list[Block]:
        def teacher(row: Mapping[str, Any]) -> str:
            return f"{self.name(row)} · {self.clean(row['school'], MOST_NAME)}"

        return [
            self.heading(self.w("teachers")),
            self.groups(self.w("host_school"), self.tables["host_school"], _GIVEN),
            self.para(self.w("host_note")),
            self.groups(self.w("teacher"), self.tables["teacher"], _GIVEN, named=teacher),
        ]

    def _evidence(self) -> list[Block]:
        totals = self.figures["totals"]
        share = totals["adjusted_share"]
        n, d = share["numerator"], share["denominator"]
        language = self.language
        kinds: list[list[Cell]] = [
            [kind_name(kind, language), kind, str(count)]
            for kind, count in sorted(self.content["facts"].items())
        ]
        return [
            self.heading(self.w("evidence")),
            self.para(
                self.w(
                    "evidence_note", duration(d, language), duration(n, language), percent(n, d)
                ),
                soft=False,
            ),
            self.heading(self.w("adjustments"), 2),
            *self._adjustments(),
            self.heading(self.w("facts_by_kind"), 2),
            self.table(
                [(self.w("kind"), False, 1.0), (self.w("code"), False, 1.0),
                 (self.w("count"), True, 1.0)],
                kinds,
            ),
        ]  # fmt: skip

    def _adjustments(self) -> list[Block]:
        found = self.content["adjustments"]
        if not found:
            return [self.para(self.w("adjustments_none"))]
        schools = {r["no"]: self.name(r) for r in self.tables["school"]}
        rooms = {r["no"]: self.name(r) for r in self.tables["classroom"]}
        rows: list[list[Cell]] = [
            [
                self.instant(a["from"]),
                f"{schools.get(a['school_no'], '—')} · {rooms.get(a['classroom_no'], '—')}",
                duration(a["seconds"], self.language),
                self.clean(a["by"], MOST_NAME),
                self.clean(a["reason"], 160),
            ]
            for a in found[:MOST_ADJUSTMENTS]
        ]
        blocks = [
            self.table(
                [(self.w("when"), False, 1.1), (self.w("classroom"), False, 1.6),
                 (self.w("length"), True, 1.0), (self.w("who"), False, 0.8),
                 (self.w("reason"), False, 2.4)],
                rows,
            )
        ]  # fmt: skip
        if len(found) > MOST_ADJUSTMENTS:
            more = self.w("adjustments_more", len(found) - MOST_ADJUSTMENTS)
            blocks.append(self.para(more))
        return blocks

    def _restatements(self) -> list[Block]:
        found = self.content["restatements"]
        blocks = [
            self.heading(self.w("restatements")),
            self.para(self.w("restatements_note" if found else "restatements_none")),
        ]
        for one in found:
            rows: list[list[Cell]] = [
                [self.clean(d["path"]), self.clean(d["published"]), self.clean(d["found"])]
                for d in one["differences"][:MOST_DIFFERENCES]
            ]
            why = one["why_zh"] if self.language == "zh" else one["why_en"]
            blocks += [
                self.heading(self.clean(one["publication"], MOST_NAME), 2),
                self.para(self.clean(why)),
                self.table(
                    [(self.w("measure"), False, 2.4), (self.w("published"), True, 1.0),
                     (self.w("found"), True, 1.0)],
                    rows,
                ),
            ]  # fmt: skip
        return blocks

    def _signatures(self) -> list[Block]:
        return [
            self.heading(self.w("signatures")),
            {
                "type": "signatures",
                "roles": [self.w(k) for k in ("prepared", "checked", "approved")],
                "signature": self.w("signature"),
                "date": self.w("date"),
                "seal": self.w("seal"),
            },
        ]

    def _definitions(self) -> list[Block]:
        return [
            self.heading(self.w("definitions"), on_new_page=True),
            self._measures(list(DEFINITIONS), size=7.8),
        ]

    def _appendix(self) -> list[Block]:
        rules = self.figures["rules"]
        rows: list[list[Cell]] = [
            [pick(RULES[key], self.language), key, str(rules[key])] for key in RULES
        ]
        hashes: list[list[Cell]] = [
            [file, digest] for file, digest in sorted(self.content["sha256"].items())
        ]
        return [
            self.heading(self.w("rules_appendix")),
            self.para(
                self.w(
                    "rules_version", self.clean(rules["name"]), self.clean(rules["version"])
                ),
                soft=False,
            ),
            self.table(
                [(self.w("threshold"), False, 2.0), (self.w("code"), False, 1.2),
                 (self.w("value"), True, 0.8)],
                rows,
            ),
            self.para(""),
            self.table([(self.w("file"), False, 1.0), ("SHA-256", False, 3.6)], hashes, size=8),
        ]  # fmt: skip
