"""What a report says beside its figures, in Chinese and English."""

from __future__ import annotations

import unicodedata
from typing import Final

#: key → (Chinese, English). `{}` are filled in by position.
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "title_month": ("同步课堂覆盖月报", "Monthly coverage report"),
    "title_term": ("同步课堂覆盖学期报告", "Term coverage report"),
    "title_period": ("同步课堂覆盖报告", "Coverage report"),
    "period": ("统计期间", "Period"),
    "programme": ("帮扶范围", "Programme"),
    "programme_size": (
        "主讲校 {} 所，受援校 {} 所，受援教室 {} 间",
        "{} host schools, {} remote schools, {} remote classrooms",
    ),
    "cut_off": ("数据截止", "Facts as of"),
    "zone": ("时区", "Time zone"),
    "rules": ("规则", "Rules"),
    "rules_version": ("{}，第 {} 版", "{}, version {}"),
    "made_by": ("生成", "Made by"),
    "hash_plan": ("计划 SHA-256", "SHA-256 of plan"),
    "hash_facts": ("事实 SHA-256", "SHA-256 of facts"),
    "hash_rules": ("规则 SHA-256", "SHA-256 of rules"),
    "hash_chain": ("事实链头", "Head of the facts' chain"),
    "facts_read": ("所用事实", "Facts used"),
    "facts_count": ("{} 条", "{}"),
    "cover_note": (
        "本报告的每个数字都由证据包重新计算得出。任何人持证据包即可用 sync-classroom audit"
        " 命令复算；证据包的文件校验值须与上面一致。",
        "Every figure of this report was computed from its evidence bundle. Whoever has the bundle"
        " can compute it again with the command sync-classroom audit; the hashes of its files must"
        " be those above.",
    ),
    "headlines": ("主要指标", "Headline figures"),
    "schools": ("各受援校", "Remote schools"),
    "states_chart": ("各校听讲席状态", "What became of the seats, by school"),
    "heat": ("每周各校开课率", "Held rate by week and school"),
    "heat_note": (
        "每格上行为开课率，颜色越深越高；“—”为该周没有应开的课。",
        "A cell has the held rate, the darker the higher; “—” where nothing was due.",
    ),
    "trend": ("开课率逐周变化", "Held rate by week"),
    "matrix": ("三种帮扶模式", "The three modes"),
    "matrix_note": (
        "格中为次数：直播计已开听讲席，教研计参加的已开展教研，推送计打开的对象。"
        "每格都大于 0 才是全覆盖。",
        "Cells are counts: live lessons by held seats, research by held meetings attended, push by"
        " targets opened. Coverage is complete only if every cell is above 0.",
    ),
    "build": ("建设进度", "Build progress"),
    "build_note": (
        "折线为在用受援教室数，菱形为目标日期应达到的间数。建成与使用分开统计。",
        "The line is remote classrooms in commission, diamonds are targets by their dates. What is"
        " built is kept apart from what is used.",
    ),
    "causes": ("未开原因", "Why seats were not held"),
    "causes_none": ("本期应开的听讲席全部开出。", "Every due seat was held."),
    "classrooms": ("各受援教室", "Remote classrooms"),
    "subjects": ("各学科", "Subjects"),
    "weeks": ("各周", "Weeks"),
    "teachers": ("主讲校与主讲教师", "Host schools and teachers"),
    "host_schools": ("主讲校", "Host schools"),
    "host_note": (
        "帮扶课时在主讲侧每节课计一次，与受援课时不相加。",
        "Periods given count a lesson once; they are never added to periods held.",
    ),
    "other_modes": ("在线教研与精准推送", "Research and push"),
    "evidence": ("证据与人工认定", "Evidence and adjustments"),
    "evidence_note": (
        "有效听讲时长共 {}，其中 {} 只凭人工认定，占 {}。",
        "Credited time is {}, of which {} rests on adjustments alone: {}.",
    ),
    "adjustments": ("人工认定明细", "Adjustments"),
    "adjustments_none": ("本期没有人工认定。", "There are no adjustments in this period."),
    "adjustments_more": (
        "另有 {} 条，见 XLSX 文件的“人工认定”表。",
        "{} more are in the sheet “Adjustments” of the XLSX file.",
    ),
    "facts_by_kind": ("所用事实，按种类", "Facts used, by kind"),
    "restatements": ("重述", "Restatements"),
    "restatements_note": (
        "已发布的报告不改动；后来到达的事实、认定、计划或规则改动使数字不同的，在此列出。",
        "What was published is not changed; figures that became different by later facts,"
        " adjustments, plan changes or rules are listed here.",
    ),
    "restatements_none": (
        "截至数据截止时，与本期有关的已发布报告没有重述。",
        "No published report of this period had been restated by the cut-off.",
    ),
    "definitions": ("附录一　指标定义与数值", "Appendix 1: definitions and figures"),
    "rules_appendix": ("附录二　规则与校验", "Appendix 2: rules and hashes"),
    "signatures": ("签署", "Signatures"),
    "prepared": ("编制", "Prepared"),
    "checked": ("审核", "Checked"),
    "approved": ("批准", "Approved"),
    "signature": ("签字", "Signature"),
    "date": ("日期", "Date"),
    "seal": ("（盖章）", "(seal)"),
    "page_of": ("第 {} 页 共 {} 页", "Page {} of {}"),
    "school": ("受援校", "Remote school"),
    "classroom": ("教室", "Classroom"),
    "subject": ("学科", "Subject"),
    "week": ("周", "Week"),
    "teacher": ("教师", "Teacher"),
    "host_school": ("主讲校", "Host school"),
    "teaching_week": ("第 {} 周", "Week {}"),
    "total": ("合计", "Total"),
    "measure": ("指标", "Measure"),
    "code": ("代码", "Code"),
    "value": ("数值", "Value"),
    "numerator": ("分子", "numerator"),
    "denominator": ("分母", "denominator"),
    "formula": ("公式", "Formula"),
    "cause": ("原因", "Cause"),
    "meaning": ("含义", "Meaning"),
    "seats": ("听讲席", "Seats"),
    "share": ("占比", "Share"),
    "kind": ("种类", "Kind"),
    "count": ("条数", "Count"),
    "threshold": ("阈值", "Threshold"),
    "file": ("文件", "File"),
    "when": ("时间", "Time"),
    "who": ("认定人", "By"),
    "reason": ("理由", "Reason"),
    "length": ("时长", "Length"),
    "lesson": ("课次", "Lesson"),
    "seat": ("听讲席", "Seat"),
    "published": ("发布", "Published"),
    "found": ("重算", "Recomputed"),
    "why": ("原因", "Why"),
    "state": ("状态", "State"),
    "start": ("开始", "Start"),
    "title": ("课题", "Title"),
    "class": ("班级", "Class"),
    "mode": ("模式", "Mode"),
    "in_commission": ("在用教室", "Classrooms in commission"),
    "target": ("目标", "Target"),
    "number": ("序号", "No."),
    "identifier": ("编号", "Id"),
    "member": ("在册", "Member"),
    "summary": ("摘要", "Summary"),
    "raw": ("原始听讲席", "Seats"),
    "chart_held": ("各校开课率", "Held rate by school"),
    "chart_causes": ("未开原因（听讲席）", "Causes (seats)"),
    "chart_weeks": ("逐周开课率", "Held rate by week"),
    "raw_note": (
        "每行一个听讲席；其他各表的课时、时长与比率都由本表公式汇总，可自行复算。",
        "One seat a row; periods, times and rates of the other sheets are formulas over this one.",
    ),
    "not_periods": ("课时", "periods"),
    "alt_matrix": ("各校三种模式的次数，数值见 XLSX 文件。", "Counts of each mode by school."),
}

RULES: Final[dict[str, tuple[str, str]]] = {
    "delivered_ratio": ("送达：确认 ÷ 发送的包", "Delivered: acknowledged ÷ sent packets"),
    "held": ("已开：有效听讲 ÷ 计划时长", "Held: credited ÷ planned time"),
    "partial": ("部分：有效听讲 ÷ 计划时长", "Partial: credited ÷ planned time"),
    "host_absent": ("主讲缺席：主讲 ÷ 计划时长低于", "Host absent: host ÷ planned time below"),
    "weekly_norm": ("常态化：每周课时", "Regular: periods a week"),
    "research_min_s": ("教研出席：秒", "Research attended: seconds"),
    "research_min_schools": ("教研开展：学校数", "Research held: schools"),
}


def word(key: str, language: str, *values: object) -> str:
    """A text in `zh` or `en`; KeyError for an unknown key."""
    text = _WORDS[key][0 if language == "zh" else 1]
    return text.format(*values) if values else text


def pick(pair: tuple[str, str], language: str) -> str:
    """The one of two texts that is in `language`."""
    return pair[0 if language == "zh" else 1]


def lines(text: str, width: int) -> int:
    """How many lines a text takes in a column `width` wide; a Chinese character is two wide."""
    wide = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    return max(1, -(-wide // width))
