"""Made-up items and questions for measuring search: the same on every machine, in two vocabularies.

`LIFE`: as many words as life has - 6,000 Latin ones, 6,000 Chinese ones of 1-4 characters from 1,500, both drawn by Zipf's law -
and questions made of words that some item really has. `HARSH`: 56 words in all, so every word is in a third of the items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from protocol.items import Channel, Dependency, Evidence, Item, Provided, Reading, Sighting
from protocol.refs import Kind

NOW = 1_800_000_000.0
_ENGLISH = "report data agent message group search vector image audio file mail calendar task user security log deploy git code review test build network device sensor"
_CHINESE = "日报 周报 数据 消息 群组 搜索 向量 图片 语音 文件 邮件 日历 任务 用户 安全 日志 部署 代码 评审 测试 构建 网络 设备 知识库 入职 审批 合同 发票 会议 汇总"
_WORDS = 6_000
_CHARACTERS = 1_500


@dataclass(frozen=True)
class Vocabulary:
    """How items get their words: `draw(random, count)` of each language; `questions` says what is asked of `items`."""

    name: str
    latin: Callable[[Random, int], list[str]]
    han: Callable[[Random, int], list[str]]

    def item(self, random: Random, number: int) -> Item:
        """The next item; call with numbers from 0 on and one `random`."""
        latin, han = self.latin(random, 12), self.han(random, 14)
        return Item(
            kind=(Kind.SKILL, Kind.SKILL, Kind.SKILL, Kind.SCENE, Kind.CAPABILITY)[number % 5],
            id=f"{latin[0]}-{latin[1]}-{number}",
            version=f"1.{number % 9}.0",
            name="".join(han[:2]) + (f" {latin[2]}" if number % 3 else ""),
            description="，".join(han[2:]) + "。 " + " ".join(latin[2:]) + f" x{number:x}",
            category=han[0],
            tags=(latin[3], han[3]),
            provides=(Provided(f"{latin[4]}-{number % 500}", han[4]),),
            requires=(Dependency(Kind.CAPABILITY, f"{latin[5]}-{number % 500}"),),
            raw={"id": str(number), "spec": {"words": list(latin)}},
        )

    def readings(self, count: int) -> Iterator[Reading]:
        """One reading per item, of three kinds of trust."""
        random = Random(7)
        for number in range(count):
            yield _reading(self.item(random, number), number)

    def questions(self, items: int) -> list[str]:
        """400 questions of one to three words, Chinese, English or both; one in ten for a word that occurs once."""
        random, words = Random(11), Random(7)
        asked = []
        for number in range(400):
            item = self.item(words, number)
            latin = [*item.id.split("-")[:2], *item.description.partition("。 ")[2].split()[:-1]]
            han = item.description.partition("。 ")[0].split("，")
            pool = (latin, han, latin + han)[number % 3]
            text = random.sample(pool, 1 + number % 3)
            if number % 10 == 0:
                text = [f"x{random.randrange(items):x}"]
            asked.append(" ".join(text))
        return asked


def _zipf(words: list[str]) -> Callable[[Random, int], list[str]]:
    weights = list(accumulate(1 / (2 + rank) for rank in range(len(words))))
    return lambda random, count: random.choices(words, cum_weights=weights, k=count)


def _latin_words() -> list[str]:
    random = Random(3)
    syllables = [a + b for a in (*"bcdfghklmnprstvw", "st", "tr") for b in (*"aeiou", "ar", "en", "ion")]
    made = ("".join(random.choices(syllables, k=random.choice((1, 2, 2, 3, 3, 4)))) for _ in range(3 * _WORDS))
    return list(dict.fromkeys(made))[:_WORDS]


def _han_words() -> list[str]:
    random = Random(5)
    characters = [chr(0x4E00 + number) for number in random.sample(range(20_000), _CHARACTERS)]
    draw = _zipf(characters)
    made = ("".join(draw(random, random.choice((1, 2, 2, 2, 2, 2, 3, 3, 4)))) for _ in range(4 * _WORDS))
    return list(dict.fromkeys(made))[:_WORDS]


def _few(words: list[str]) -> Callable[[Random, int], list[str]]:
    """Common words often, rare ones seldom, all of them in thousands of items."""
    return lambda random, count: [words[min(int(random.expovariate(0.15)), len(words) - 1)] for _ in range(count)]


def _reading(one: Item, number: int) -> Reading:
    source, channel = (
        ("local_fs", Channel.OWN_FILES),
        ("git_repository", Channel.ORIGIN),
        ("udp_broadcast", Channel.HEARSAY),
    )[number % 3]
    place = f"{one.id}/skill.yaml"
    said = Sighting(
        item=one,
        source=source,
        origin="bench",
        place=place,
        location=f"x:{place}",
        principal=f"p:{number % 40}",
        evidence=Evidence(channel),
        seen_at=NOW,
        digest=f"sha256:{number:064x}",
    )
    return Reading(source, "bench", place, NOW, (said,), (), f"{number}")


LIFE = Vocabulary("life", _zipf(_latin_words()), _zipf(_han_words()))
HARSH = Vocabulary("harsh", _few(_ENGLISH.split()), _few(_CHINESE.split()))
