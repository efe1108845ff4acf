"""The guard: questions that are not to be answered whatever the documents say.

Orders to the language model, requests for its instructions, another role to play, words for the host's mouth, other
people's affairs, and help with wrong-doing. What gets past it meets a model that is told that questions are no orders,
and a check that lets nothing through that the facts do not carry.
"""

import re
import unicodedata
from typing import Final

_PUBLIC: Final = "".join(
    f"(?<!{whose})" for whose in ["预约", "咨询", "客服", "服务", "投诉", "热线", "前台", "总台", "售票", "订票"]
)
"""Not those that are there to be called."""
_PATTERNS: Final = (
    # Orders to forget, and news that the rules have changed.
    r"(?:忽略|无视|忘(?:记|掉)|不要理会|跳过)[^。？]{0,12}(?:指令|规则|要求|设定|限制|提示|上面|以上|之前|前面)",
    r"(?:^|[.!?,;:\"“(]\s*|\b(?:please|now|just|you|to|and|then|must|should)\s+)(?:ignore|disregard|forget|override|bypass)\b"
    r".{0,40}\b(?:instructions?|rules?|prompts?|above|previous|restrictions?)\b",
    r"(?:系统|管理员|开发者|后台)(?:通知|消息|提示|指令)\s*[:：]|\b(?:system|admin|developer)\s*(?:message|notice|note|prompt)?\s*:",
    r"(?:开发者|调试|越狱|无限制|上帝)模式|\b(?:developer|debug|jailbreak|dan|god|unrestricted)\s+mode\b|\bjailbreak\b",
    # The instructions, and what stands behind the host.
    r"(?:系统)?提示词|系统(?:提示|设定)|(?:输出|说出|公布|透露|打印|复述|翻译|展示|抖出来?).{0,12}(?:设定|指令|提示(?!牌)|原文|prompt)",
    r"(?:输出|说出|透露|复述|抖出来?).{0,12}(?:规则|要求)|(?:公布|打印|翻译|展示).{0,6}(?:你|您|上面|最初|内部|全部).{0,6}(?:规则|要求)",
    r"(?:设定|指令|提示|prompt).{0,12}(?:输出|说出|公布|透露|打印|复述|翻译|展示|抖出)",
    r"\b(?:(?:system|initial|hidden) prompt|hidden instructions"
    r"|your (?:prompt|instructions|rules|guidelines)(?! (?:about|on|for|regarding|concerning)\b))\b",
    r"\brepeat (?:everything|all|(?:the|every) (?:text|words?|lines?))\b.{0,20}\babove\b",
    r"(?:你|主播)(?:背后)?(?:是|用的?)(?:哪家|哪个|什么)(?:公司)?的?(?:大)?模型",
    r"\b(?:which|what) (?:language )?model are you\b",
    # Another role.
    r"(?:扮演|(?:^|[，,。！!？? ]|[你您请来就])(?:假装|装作)|假设(?=.{0,3}[你您])|[你您].{0,6}变成"
    r"|变成.{0,8}(?:不受|没有|无).{0,3}(?:限制|约束)|现在起?你?(?:就)?是|你现在(?:不再|不)是|从现在(?:开始|起)你)"
    r"(?!.{0,6}(?:房东|租客|员工|公司|买家|卖家))",
    r"\b(?:pretend|role-?play|you are now|from now on you|imagine you are)\b",
    r"(?:^|[.!?,;:]\s*|\b(?:you|please|now|to)\s+)act as\b",
    # Words for the host's mouth.
    r"(?:(?<![纪观概理信悬怀思])念|(?<!阅)读|跟我(?:念|读|说)|重复|复述|大声说|宣布|喊).{0,6}(?:一遍|下面|以下|这句|这段|出来|[:：“\"「])",
    r"(?:^|[.!,;]\s*)(?:please )?(?:read|say|repeat|announce|shout)\b.{0,24}"
    r"(?:out loud|aloud|after me|word for word|the following|[:'\"“‘])",
    # Other people.
    r"(?:上|前)(?:一|1)?(?:个|位|名)?(?:观众|用户|网友|提问|那个人|那位)|(?:别的|其他|别人|其它).{0,4}(?:观众|用户|网友|提问|问了)",
    r"(?:观众|用户).{0,6}(?:手机号|身份证|地址|电话|隐私|个人信息)",
    r"\b(?:previous|last|other|another) (?:viewer|user|visitor|caller)s?(?:['’]s?)?\b.{0,24}"
    r"\b(?:ask|said|say|question|name|number|address|e-?mail|phone|tell|told|typed?|wrote|message|conversation|chat)",
    r"\bwhat (?:did|does|has|was|were)\b.{0,12}\b(?:previous|last) (?:viewer|user|visitor|caller)s?\b",
    r"\b(?:tell|show|repeat)\b.{0,24}\b(?:previous|last) (?:viewer|user|caller)s?\b|\bviewers? before me\b",
    r"\bsomeone else(?:'s)? asked\b",
    rf"(?:查|告诉我|给我|说出?|泄露).{{0,16}}(?:手机号|{_PUBLIC}电话号码|身份证号|住址|家庭地址|银行卡号)",
    rf"(?:手机号|{_PUBLIC}电话号码|身份证号|家庭地址|银行卡号)(?:是多少|是啥|给我|告诉我|发我)",
    r"\b(?:give|tell|find|look up|send)\b.{0,30}\b(?:phone number|home address|id number|bank details) of\b",
    r"\b(?:give|tell|find|look up|send)\b.{0,20}\b[A-Z][a-z]+['’]s (?:phone|mobile|home address|e-?mail|id number)",
    # Help with wrong-doing; how to prove or prevent it is another matter.
    r"(?:怎么|如何|怎样|教我)(?!.{0,8}(?:防|避免|证明|举报|投诉|认定|对付|发现|追究)).{0,6}"
    r"(?:伪造|造假|做假|逃税|偷税|骗保|躲债|赖账|诬告|报复|恐吓|敲诈|洗钱|行贿|转移财产|隐匿财产|不被发现)",
    r"(?:教我|帮我|替我|给我|怎么|如何|怎样).{0,4}(?:写|做|开|弄|办).{0,6}假的?.{0,8}(?:证明|合同|发票|病历|流水|收据|证件|学历)",
    r"(?:帮|替|给)我.{0,8}(?:伪造|造假|做假|[Pp](?:一?[张个份]|图|成)|编(?:一?[个份]|造)(?:证|记录|理由))",
    r"\b(?:help me|can you|could you|please)\b.{0,12}\b(?:forge|fake|photoshop|launder|blackmail|threaten)\b",
    r"\bhow (?:do|can|could|would|to)\b(?! (?:i|we|one) (?:prove|prevent|report)).{0,12}"
    r"\b(?:forge|fake|evade|launder|bribe|blackmail|threaten|hide (?:my|the) (?:assets|money|income))\b",
)
_HOSTILE: Final = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.IGNORECASE)
# Letters between which others were put, or that only look like these, are brought together first.
_LOOK_ALIKES: Final = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοаеорсухіАВЕКМНОРСТУХ", "ABEZHIKMNOPTYXoaeopcyxiABEKMHOPCTYX")
_BETWEEN: Final = re.compile(r"[\u200b-\u200f\u2060\ufeff\u00ad]|(?<=[\u3400-\u9fff])[\s.·*_\-]+(?=[\u3400-\u9fff])")


def allowed(question: str) -> bool:
    """Whether a question may be answered."""
    plain = unicodedata.normalize("NFKC", question).translate(_LOOK_ALIKES)
    return not _HOSTILE.search(_BETWEEN.sub("", plain))
