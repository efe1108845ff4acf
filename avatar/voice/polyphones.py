"""Characters of several readings that word lists get wrong. A room's own lexicon comes before it."""

import re
from collections.abc import Iterator
from typing import Final

_SURNAMES: Final = {
    "单": "shan4", "曾": "zeng1", "仇": "qiu2", "解": "xie4", "查": "zha1", "盖": "ge3", "朴": "piao2", "覃": "qin2",
    "葛": "ge3", "冼": "xian3", "缪": "miao4", "乐": "yue4", "尉": "wei4", "宁": "ning4",
}  # fmt: skip
"""Common characters that are read otherwise as a surname."""
_TITLES: Final = {
    "先生": "xian1 sheng5", "女士": "nv3 shi4", "小姐": "xiao3 jie3", "太太": "tai4 tai5", "老师": "lao3 shi1",
    "律师": "lv4 shi1", "法官": "fa3 guan1", "医生": "yi1 sheng1", "教授": "jiao4 shou4", "师傅": "shi1 fu5",
    "大哥": "da4 ge1", "大姐": "da4 jie3", "某某": "mou3 mou3", "某": "mou3",
}  # fmt: skip
_WORDS: Final = {
    "勉强": "mian3 qiang3", "强词夺理": "qiang3 ci2 duo2 li3", "率先": "shuai4 xian1", "总得": "zong3 dei3",
    "非得": "fei1 dei3", "还得": "hai2 dei3", "必得": "bi4 dei3", "还款": "huan2 kuan3", "还清": "huan2 qing1",
    "还钱": "huan2 qian2", "还债": "huan2 zhai4", "还给": "huan2 gei3", "行家": "hang2 jia1", "央行": "yang1 hang2",
    "调岗": "diao4 gang3", "调休": "tiao2 xiu1", "调解": "tiao2 jie3", "数罪并罚": "shu4 zui4 bing4 fa2",
    "参差": "cen1 ci1", "供述": "gong4 shu4", "供认": "gong4 ren4", "重审": "chong2 shen3", "重婚": "chong2 hun1",
    "称职": "chen4 zhi2", "着手": "zhuo2 shou3", "着重": "zhuo2 zhong4", "看守所": "kan1 shou3 suo3",
    "看管": "kan1 guan3", "扒窃": "pa2 qie4", "逼供": "bi1 gong4",
}  # fmt: skip

_PATTERN: Final = re.compile(
    # A surname begins a name: nothing stands before it, or a word that a name follows.
    rf"(?P<surname>(?:(?<![\u3400-\u9fff])|(?<=[的是和与跟请找问叫让给向对被由位]))[{''.join(_SURNAMES)}])"
    rf"(?P<title>{'|'.join(_TITLES)})"
    rf"|{'|'.join(sorted(_WORDS, key=len, reverse=True))}"
)


def polyphones(text: str) -> Iterator[tuple[str, str | None]]:
    """``text`` in order as (written, pinyin with tone digits); pinyin is None for what any word list reads rightly."""
    at = 0
    for m in _PATTERN.finditer(text):
        if m.start() > at:
            yield text[at : m.start()], None
        yield m.group(), f"{_SURNAMES[m['surname']]} {_TITLES[m['title']]}" if m["surname"] else _WORDS[m.group()]
        at = m.end()
    if at < len(text):
        yield text[at:], None
