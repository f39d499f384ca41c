"""Every measure in words: its name and its formula, in both languages, for pages and reports alike.

A figure without its definition proves nothing, and two places that define it will differ one day:
so whatever shows a measure takes its words from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .crediting import Cause, SeatState
from .rules import Rules, exact


class Unit(StrEnum):
    """What the number is: a count, whole seconds, or a rate with numerator and denominator."""

    COUNT = "count"
    SECONDS = "seconds"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Definition:
    """A measure under its code name. `zh`, `en` are its names.

    The formulas may name thresholds of the rules in braces; `formula` fills them in.
    """

    code: str
    unit: Unit
    zh: str
    en: str
    formula_zh: str
    formula_en: str

    def name(self, language: str) -> str:
        """The name in `zh` or `en`."""
        return self.zh if language == "zh" else self.en

    def formula(self, language: str, rules: Rules) -> str:
        """The formula as a sentence in `zh` or `en`, with the thresholds of these rules."""
        text = self.formula_zh if language == "zh" else self.formula_en
        return text.format_map(thresholds(rules))


def thresholds(rules: Rules) -> dict[str, str]:
    """The thresholds as people write them: ratios in percent, seconds in minutes where whole."""
    minutes, left = divmod(rules.research_min_s, 60)
    return {
        "delivered": _percent(rules.delivered_ratio),
        "held": _percent(rules.held),
        "partial": _percent(rules.partial),
        "host_absent": _percent(rules.host_absent),
        "norm": str(rules.weekly_norm),
        "research_zh": f"{minutes} 分钟" if not left else f"{rules.research_min_s} 秒",
        "research_en": f"{minutes} min" if not left else f"{rules.research_min_s} s",
        "research_schools": str(rules.research_min_schools),
    }


def _percent(ratio: float) -> str:
    percent = exact(ratio) * 100
    whole = percent.denominator == 1
    return f"{percent.numerator} %" if whole else f"{float(percent):g} %"


def _all(*definitions: Definition) -> Mapping[str, Definition]:
    return {d.code: d for d in definitions}


#: In the order in which a report prints them.
DEFINITIONS: Final = _all(
    Definition(
        "held_rate", Unit.RATIO, "开课率", "Held rate",
        "实开课时 ÷ 应开课时",
        "periods held ÷ periods due",
    ),
    Definition(
        "due_periods", Unit.COUNT, "应开课时", "Periods due",
        "每间听课教室每节课（听讲席）的课时之和；上课前有因取消的和已调走的除外",
        "the periods of every seat (one classroom in one lesson), but for those excused or moved"
        " before the lesson began",
    ),
    Definition(
        "held_periods", Unit.COUNT, "实开课时（受援课时）", "Periods held",
        "状态为「已开」的听讲席的课时之和；已开：有效听讲时长 ≥ 计划时长的 {held}",
        "the periods of seats that were held: credited time ≥ {held} of the planned time",
    ),
    Definition(
        "school_coverage", Unit.RATIO, "学校覆盖率", "School coverage",
        "至少有一个「已开」听讲席的受援校 ÷ 期内任一天在册的受援校",
        "remote schools with at least one held seat ÷ remote schools in the programme on any day of"
        " the period",
    ),
    Definition(
        "classroom_coverage", Unit.RATIO, "教室覆盖率", "Classroom coverage",
        "至少有一个「已开」听讲席的受援教室 ÷ 期内任一天已启用的受援教室",
        "remote classrooms with at least one held seat ÷ remote classrooms in commission on any day"
        " of the period",
    ),
    Definition(
        "build_progress", Unit.RATIO, "建设进度", "Build progress",
        "期末已启用的受援教室 ÷ 建设目标；只说建成，与使用情况分开算",
        "remote classrooms in commission on the last day ÷ the target; what is built, apart from"
        " what is used",
    ),
    Definition(
        "class_coverage", Unit.RATIO, "班级覆盖率", "Class coverage",
        "至少有一个「已开」听讲席的受援班级 ÷ 受援校的全部班级",
        "remote classes with at least one held seat ÷ all classes of the remote schools",
    ),
    Definition(
        "regular_rate", Unit.RATIO, "常态化率", "Regularity",
        "实开课时 ≥ {norm} 的教学周 ÷ 教学周，逐校计算后相加",
        "teaching weeks with at least {norm} held period(s) ÷ teaching weeks, counted school by"
        " school and added",
    ),
    Definition(
        "mode_coverage", Unit.RATIO, "三模式覆盖", "Coverage of the three modes",
        "学校 × 模式表中大于 0 的格 ÷ 全部格；每格都大于 0 才是全覆盖",
        "cells above 0 in the table school × mode ÷ all cells; complete only if every cell is",
    ),
    Definition(
        "credited_s", Unit.SECONDS, "听课时长", "Credited time",
        "各听讲席有效听讲时长之和，未开满的也算。有效听讲：教室终端确认收到所发数据包 ≥ {delivered}"
        " 的时间（含人工认定），且主讲画面同时到达，只算计划时间内；一间教室的一分钟只记给一节课",
        "the credited time of all seats, those not held too. Credited: the classroom acknowledged"
        " ≥ {delivered} of the packets sent to it (or a person vouched), while the host's media"
        " arrived, inside the planned time; a minute of a classroom counts for one lesson only",
    ),
    Definition(
        "fidelity", Unit.RATIO, "授课保真", "Fidelity",
        "应开听讲席的有效听讲时长之和 ÷ 同一批听讲席的主讲到达时长之和",
        "credited time of the due seats ÷ the host's time of the same seats",
    ),
    Definition(
        "host_s", Unit.SECONDS, "主讲时长", "Host time",
        "主讲画面在计划时间内到达的时长，每节课计一次",
        "how long the host's media arrived inside the planned time, once per lesson",
    ),
    Definition(
        "host_rate", Unit.RATIO, "主讲兑现率", "Host rate",
        "主讲时长 ÷ 计划时长，有应开听讲席的课次每节计一次",
        "host time ÷ planned time, once for each lesson with a due seat",
    ),
    Definition(
        "host_periods", Unit.COUNT, "帮扶课时（主讲侧）", "Periods given (host side)",
        "至少有一个「已开」听讲席的课次的课时之和，每节计一次；不与实开课时相加",
        "the periods of lessons with at least one held seat, once per lesson; never added to"
        " periods held",
    ),
    Definition(
        "pupils_reached", Unit.COUNT, "受益学生人数", "Pupils reached",
        "「已开」听讲席中的班级各计一次：期内最大到课人数；没有点过人数的按在册人数",
        "each class of a held seat once: its greatest head count of the period, or its enrolment if"
        " nobody counted",
    ),
    Definition(
        "pupil_attendances", Unit.COUNT, "受益学生人次", "Pupil attendances",
        "「已开」听讲席的到课人数之和；没有点过人数的按应到人数。不与人数相加",
        "the head counts of held seats, or the expected number if nobody counted; never added to"
        " pupils reached",
    ),
    Definition(
        "interaction_rate", Unit.RATIO, "互动率", "Interaction rate",
        "被点名或答题至少一次的「已开」听讲席 ÷「已开」听讲席",
        "held seats that were called on or answered at least once ÷ held seats",
    ),
    Definition(
        "evidence_complete", Unit.RATIO, "证据完整率", "Evidence complete",
        "状态不是「待定」的应开听讲席 ÷ 应开听讲席；待定：日志缺失，若补上可达 {held}",
        "due seats that are not unknown ÷ due seats; unknown: a journal is lost that might have"
        " made it {held}",
    ),
    Definition(
        "adjusted_share", Unit.RATIO, "人工认定占比", "Share of adjustments",
        "只凭人工认定的有效听讲时长 ÷ 听课时长",
        "credited time that rests on adjustments alone ÷ credited time",
    ),
    Definition(
        "due_seats", Unit.COUNT, "应开听讲席", "Seats due",
        "已开 + 部分 + 未开 + 待定 + 无因取消",
        "held + partial + missed + unknown + cancelled without excuse",
    ),
    Definition(
        "held_seats", Unit.COUNT, "已开听讲席", "Seats held",
        "有效听讲时长 ≥ 计划时长的 {held}",
        "credited time ≥ {held} of the planned time",
    ),
    Definition(
        "partial_seats", Unit.COUNT, "部分听讲席", "Seats partly held",
        "有效听讲时长 ≥ 计划时长的 {partial}，但不足 {held}",
        "credited time ≥ {partial} of the planned time, but below {held}",
    ),
    Definition(
        "missed_seats", Unit.COUNT, "未开听讲席", "Seats missed",
        "有效听讲时长不足计划时长的 {partial}",
        "credited time below {partial} of the planned time",
    ),
    Definition(
        "unknown_seats", Unit.COUNT, "待定听讲席", "Seats unknown",
        "日志缺失的时间若算作有效，可达计划时长的 {held}",
        "would reach {held} of the planned time if the time of a lost journal were credited",
    ),
    Definition(
        "cancelled_unexcused_seats", Unit.COUNT, "无因取消听讲席", "Seats cancelled, not excused",
        "取消而没有正当原因，或上课后才取消、调课",
        "cancelled without excuse, or cancelled or moved after the lesson had begun",
    ),
    Definition(
        "cancelled_excused_seats", Unit.COUNT, "有因取消听讲席", "Seats cancelled, excused",
        "上课前有因取消；不计入应开",
        "cancelled with excuse before the lesson began; not due",
    ),
    Definition(
        "moved_seats", Unit.COUNT, "已调走听讲席", "Seats moved",
        "上课前调到别的时间；不计入应开，在新的时间应开",
        "moved before the lesson began; not due here, but where it went",
    ),
    Definition(
        "research_planned", Unit.COUNT, "教研计划次数", "Research meetings planned",
        "在线教研的计划次数；有因取消的和已调走的除外",
        "research meetings planned, but for those excused or moved",
    ),
    Definition(
        "research_held", Unit.COUNT, "教研开展次数", "Research meetings held",
        "至少 {research_schools} 所学校各有一名教师参加满 {research_zh} 的教研",
        "meetings with at least {research_schools} schools, each by a teacher who was there for"
        " {research_en} or more",
    ),
    Definition(
        "research_teachers", Unit.COUNT, "教研参加教师", "Teachers in research",
        "参加过任一次教研满 {research_zh} 的教师，每人计一次",
        "teachers who were in any meeting for {research_en} or more, each once",
    ),
    Definition(
        "research_teacher_s", Unit.SECONDS, "教研参加时长", "Teacher time in research",
        "教师在计划时间内的在线时长之和，同一名教师重叠的时间计一次",
        "all teachers' time inside the planned times, each second of a teacher once",
    ),
    Definition(
        "research_schools", Unit.RATIO, "教研覆盖学校", "Schools in research",
        "参加过已开展教研的受援校 ÷ 期内在册的受援校",
        "remote schools in a held meeting ÷ remote schools in the programme",
    ),
    Definition(
        "push_addressed", Unit.COUNT, "推送对象", "Targets addressed",
        "期内下达的推送的对象，不含送达前因后来的记录撤回的",
        "targets of the push orders of the period, without those that later evidence withdrew"
        " before anything had arrived",
    ),
    Definition(
        "push_delivered", Unit.COUNT, "推送送达", "Targets delivered",
        "已完整下载并校验的对象",
        "targets that fetched the resource whole and verified it",
    ),
    Definition(
        "push_opened", Unit.COUNT, "推送打开", "Targets opened",
        "至少打开过一次的对象",
        "targets that opened the resource at least once",
    ),
    Definition(
        "push_completed", Unit.COUNT, "推送完成", "Targets completed",
        "看完或用完的对象",
        "targets that went through the resource to its end",
    ),
    Definition(
        "push_open_rate", Unit.RATIO, "推送触达率", "Push open rate",
        "打开的对象 ÷ 推送的对象",
        "targets opened ÷ targets addressed",
    ),
    Definition(
        "push_completion_rate", Unit.RATIO, "推送完成率", "Push completion rate",
        "完成的对象 ÷ 推送的对象",
        "targets completed ÷ targets addressed",
    ),
    Definition(
        "push_schools", Unit.RATIO, "推送覆盖学校", "Schools reached by push",
        "有对象打开过的受援校 ÷ 期内在册的受援校",
        "remote schools where a target was opened ÷ remote schools in the programme",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """A name in both languages, and what it means."""

    zh: str
    en: str
    meaning_zh: str = ""
    meaning_en: str = ""

    def name(self, language: str) -> str:
        """The name in `zh` or `en`."""
        return self.zh if language == "zh" else self.en

    def meaning(self, language: str, rules: Rules) -> str:
        """The meaning as a sentence in `zh` or `en`, with the thresholds of these rules."""
        text = self.meaning_zh if language == "zh" else self.meaning_en
        return text.format_map(thresholds(rules))


#: Why a due seat was not held.
CAUSES: Final[Mapping[Cause, Named]] = {
    Cause.HOST_ABSENT: Named(
        "主讲缺席", "Host absent",
        "主讲画面到达不足计划时长的 {host_absent}",
        "the host's media arrived for less than {host_absent} of the planned time",
    ),
    Cause.TERMINAL_OFFLINE: Named(
        "终端离线", "Terminal offline",
        "主讲在讲而没有给这间教室发送的时间最多",
        "most of the lost time nothing was sent to the classroom while the host taught",
    ),
    Cause.NETWORK: Named(
        "网络", "Network",
        "已发送而教室没有确认收到的时间最多",
        "most of the lost time packets were sent and not acknowledged",
    ),
    Cause.CANCELLED: Named(
        "取消（无因）", "Cancelled, not excused",
        "取消而没有正当原因，或上课后才取消、调课",
        "cancelled without excuse, or after the lesson had begun",
    ),
    Cause.UNEXPLAINED: Named(
        "原因不明", "Unexplained",
        "以上都不能说明",
        "none of these explains it",
    ),
}  # fmt: skip

#: What became of a seat, in the order of a report.
STATES: Final[Mapping[SeatState, Named]] = {
    SeatState.HELD: Named("已开", "Held"),
    SeatState.PARTIAL: Named("部分", "Partial"),
    SeatState.MISSED: Named("未开", "Missed"),
    SeatState.UNKNOWN: Named("待定", "Unknown"),
    SeatState.CANCELLED_UNEXCUSED: Named("取消（无因）", "Cancelled, not excused"),
    SeatState.CANCELLED_EXCUSED: Named("取消（有因）", "Cancelled, excused"),
    SeatState.MOVED: Named("已调课", "Moved"),
}

#: The three modes, by the code names of `mode_matrix`; what its cells count.
MODES: Final[Mapping[str, Named]] = {
    "live": Named("同步帮扶直播", "Live lessons", "已开的听讲席", "seats held"),
    "research": Named("在线帮扶教研", "Research", "参加的已开展教研", "held meetings attended"),
    "push": Named("精准帮扶推送", "Push", "打开的推送对象", "targets opened"),
}

#: The kinds of facts, by their code names.
FACT_KINDS: Final[Mapping[str, Named]] = {
    "host_media": Named("主讲媒体", "Host media"),
    "seat_media": Named("听讲媒体", "Seat media"),
    "participant_media": Named("教研媒体", "Research media"),
    "headcount": Named("到课人数", "Head counts"),
    "interaction": Named("互动", "Interactions"),
    "journal_gap": Named("日志缺失", "Journal gaps"),
    "push_delivered": Named("推送送达", "Push delivered"),
    "push_opened": Named("推送打开", "Push opened"),
    "push_completed": Named("推送完成", "Push completed"),
    "adjustment": Named("人工认定", "Adjustments"),
    "terminal_journal": Named("终端日志封条", "Seals of terminals' journals"),
}


def kind_name(kind: str, language: str) -> str:
    """What a kind of facts is called; a kind that is new here is called by its code."""
    named = FACT_KINDS.get(kind)
    return kind if named is None else named.name(language)
