"""Quantities, and the check of sentences against facts."""

from fractions import Fraction

import pytest

from knowledge.bench import checking
from knowledge.bench.gold import Pair
from knowledge.checking import carries, objections
from knowledge.quantities import Quantity, quantities

TRIAL = "劳动合同期限三个月以上不满一年的，试用期不得超过一个月。"
NOTICE = "劳动者提前三十日以书面形式通知用人单位，可以解除劳动合同。"
HOURS = "The museum is open from 9:00 to 17:00 and closed on Monday. Visitors over 65 enter free."


@pytest.mark.parametrize(
    ("text", "value", "unit", "bound"),
    [
        ("试用期不得超过六个月", 6, "month", "most"),
        ("no more than six months", 6, "month", "most"),
        ("至少三十天", 30, "day", "least"),
        ("百分之一百五十", 150, "percent", ""),
        ("1.5倍", Fraction(3, 2), "ratio", ""),
        ("打八折", 80, "percent", ""),
        ("一万二千元", 12000, "yuan", ""),
        ("3万元以下", 30000, "yuan", "most"),
        ("半年", 6, "month", ""),
        ("第四十七条", 47, "article", ""),
        ("Article 47", 47, "article", ""),
        ("five working days", 5, "workday", ""),
        ("aged 65 or over", 65, "", "least"),
        ("quarter past five", 315, "clock", ""),
        ("五点半", 330, "clock", ""),
        ("两年以内", 2, "year", "most"),
    ],
)
def test_quantities(text: str, value: Fraction | int, unit: str, bound: str) -> None:
    (found,) = quantities(text)
    assert (found.value, found.unit, found.bound) == (value, unit, bound)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("一周", "7天"), ("150%", "1.5倍"), ("一年", "12 months"), ("九点", "21:00"), ("三十日", "30 days")),
        *(("2024年2月1日", "February 1, 2024"), ("9月15日", "15 September 2025"), ("1710年", "1710")),
    ],
)
def test_the_same_in_another_unit(one: str, other: str) -> None:
    assert quantities(one)[0].same(quantities(other)[0])


@pytest.mark.parametrize("text", ["一般来说", "统一安排", "千万别忘了", "one of them", "十分重要", "一旦发现"])
def test_what_is_no_number(text: str) -> None:
    assert quantities(text) == []


def test_units_tell_apart() -> None:
    assert not Quantity(Fraction(30), "day").same(Quantity(Fraction(30), "month"))
    assert Quantity(Fraction(30), "day").same(Quantity(Fraction(30), ""))
    assert not quantities("9月15日")[0].same(quantities("15 October")[0])


@pytest.mark.parametrize(
    ("sentence", "fact"),
    [
        (TRIAL, TRIAL),
        ("合同三个月以上、不到一年，试用期最多1个月。", TRIAL),
        ("想走的话，提前30天书面通知单位就可以。", NOTICE),
        ("We are open from nine to five.", HOURS.replace("9:00", "9").replace("17:00", "5")),
        ("On Monday the museum is closed.", HOURS),
        ("周一闭馆。", HOURS),
        ("The trial period may not exceed one month.", TRIAL),
    ],
)
def test_what_a_fact_carries(sentence: str, fact: str) -> None:
    assert carries(sentence, fact), list(objections(sentence, fact))


@pytest.mark.parametrize(
    ("sentence", "fact", "why"),
    [
        ("试用期不得超过两个月。", TRIAL, "number"),
        ("试用期至少一个月。", TRIAL, "bound"),
        ("劳动者三十日之后通知用人单位，可以解除劳动合同。", NOTICE, "order"),
        ("劳动者不可以解除劳动合同。", NOTICE, "negation"),
        ("任何人都可以随时解除劳动合同。", NOTICE, "scope"),
        ("用人单位提前三十日书面通知劳动者，可以解除劳动合同。", NOTICE, "role"),
        ("The museum is open on Monday and free for all.", HOURS, "scope"),
        ("Only visitors over 65 may enter.", HOURS, "scope"),
        ("今天的股票涨得很好，建议买入。", NOTICE, "unsaid"),
    ],
)
def test_what_it_does_not(sentence: str, fact: str, why: str) -> None:
    assert why in list(objections(sentence, fact))


def test_the_bench_counts() -> None:
    labelled = [
        Pair("a", "zh", TRIAL, TRIAL, True, "exact"),
        Pair("b", "zh", TRIAL, "试用期不得超过两个月。", False, "number"),
        Pair("c", "zh", TRIAL, "试用期不超过一个月。", False, "condition"),
    ]
    report = checking.run(labelled)
    assert (report.right, report.lost, report.wrong, report.caught) == (1, 0, 2, 1)
    assert [one.id for one in report.mistaken] == ["c"]
    assert "50.0%" in checking.table(report)


@pytest.mark.parametrize(
    ("fact", "sentence", "right"),
    [
        ("闭馆前三十分钟停止入馆。", "闭馆前四十分钟停止入馆。", False),
        ("闭馆前三十分钟停止入馆。", "闭馆前三十分钟停止入馆。", True),
        ("加班工资按工资的1.5倍支付。", "加班工资按一点五倍支付。", True),
        ("加班工资按工资的1.5倍支付。", "加班工资按一点六倍支付。", False),
        ("试用期不得超过六个月。", "试用期不得超过一年。", False),
        ("应当在十五日内办理。", "应当在一个月内办理。", False),
        ("同一用人单位与同一劳动者只能约定一次试用期。", "只能约定三次试用期。", False),
        ("股份的三分之一归配偶。", "股份的三分之二归配偶。", False),
        ("按日加收万分之五的滞纳金。", "按日加收 0.05% 的滞纳金。", True),
        ("The paintings are on the second floor.", "The paintings are on the third floor.", False),
        ("The paintings are on the second floor.", "The paintings are on floor 2.", True),
        ("票价四十元。", "票价四十美元。", False),
        ("鼎高133厘米，重832公斤。", "鼎高832厘米，重133公斤。", False),
        ("博物馆周一闭馆。", "博物馆周三闭馆。", False),
        ("博物馆周二至周日开放。", "博物馆周四开放。", True),
        ("博物馆周二至周日开放。", "博物馆每天开放。", False),
        ("The museum is closed on Mondays.", "The museum is closed on Tuesdays.", False),
        ("费用由双方各自支付。", "费用由双方分别支付。", True),
        ("此碗是宋代的。", "这只碗是宋代的。", True),
        ("劳动者辞职要提前三十日书面通知。", "员工辞职要提前三十日书面通知公司。", True),
        ("仓库里有二十一人。", "仓库里有二十人。", False),
    ],
)
def test_numbers_days_and_words_that_only_look_like_others(fact: str, sentence: str, right: bool) -> None:
    assert carries(sentence, fact) == right
