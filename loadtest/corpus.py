"""What the simulated audience says and is called, in Chinese and English, by situation.

Words and products only; who says what and when is decided in audience.py and director.py.
`{product}`, `{prize}` and `{name}` are filled in by the speaker.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, NamedTuple


class Mood(enum.Enum):
    """Something that makes people talk."""

    CHAT = "chat"
    HELLO = "hello"
    REPLY = "reply"
    CARD = "card"
    COUNTDOWN = "countdown"
    LIVE = "live"
    BOUGHT = "bought"
    PAID = "paid"
    MISSED = "missed"
    SOLD_OUT = "sold_out"
    RETURNED = "returned"
    LOTTERY = "lottery"
    DRAWN = "drawn"
    WON = "won"
    ANNOUNCED = "announced"
    RAIN = "rain"
    POLL = "poll"
    GIFT = "gift"


LINES: dict[Mood, tuple[str, ...]] = {
    Mood.HELLO: (
        "来了来了", "晚上好呀", "刚进来,讲到哪了?", "第一次来,支持一下", "大家好~",
        "下班终于赶上了", "hi everyone 👋", "Hello from Singapore!",
        "just got here, what did I miss?", "good evening!", "又见面啦", "打卡", "报到", "hey hey",
        "老粉来啦 ❤️", "first time here, nice room",
    ),
    Mood.CHAT: (
        "主播今天状态真好", "这个颜色好看", "有没有优惠券呀", "声音很清楚", "画面好流畅",
        "冲冲冲", "多久能发货?", "包邮吗?", "可以先试试吗", "上次买的真的好用",
        "我妈也在看哈哈", "背景好温馨", "这个价格可以的", "求链接", "已经分享给闺蜜了",
        "请问有小号的吗", "质量怎么样?", "回购第三次了", "哈哈哈哈哈", "主播喝口水吧",
        "灯光好舒服", "666", "学到了", "讲得好细致", "这个适合送人吗?",
        "does it ship to Malaysia?", "love the lighting today", "how big is it?",
        "is it machine washable?", "the host is so calm, I like it",
        "bought one last month, still great", "what material is that?",
        "so smooth, no lag at all", "watching from Berlin ☕", "can you show it closer?",
        "nice colour!", "my cat is watching too", "is there a warranty?", "great stream",
        "what's the next product?", "same question!", "good point", "haha true",
        "can I return it if it doesn't fit?", "👍👍", "三号链接什么时候上?", "尺寸偏大还是偏小?",
        "蹲一个福利", "今天人好多", "这款我种草很久了",
    ),
    Mood.REPLY: (
        "我也想知道", "同问", "对的对的", "可以的,我买过", "客服说可以", "+1", "agreed",
        "same here", "yes, I have it, it works", "哈哈说得对", "good question", "我觉得还行",
        "试过,不踩雷",
    ),
    Mood.CARD: (
        "{product}终于来了!", "{product}好看!", "这个多少钱?", "终于等到{product}",
        "{product}有几个颜色?", "ooh, {product}", "I have been waiting for this one",
        "{product}! finally", "加购了加购了", "{product}求讲解",
        "{product}: same as last year's?", "这款颜值好高", "想要😍",
        "added to my list", "which sizes do you have?", "这个送礼合适",
    ),
    Mood.COUNTDOWN: (
        "手速准备!", "倒计时了!!", "别走神", "ready…", "fingers ready ⚡", "网速给力点", "紧张",
        "here we go", "这次一定要抢到", "5G已就位", "every second counts", "先付款先得吗?",
        "counting down with you",
    ),
    Mood.LIVE: (
        "冲!!!", "抢到就是赚到", "go go go!", "开了开了", "快抢", "在抢了", "click click click",
        "好快!", "stock is dropping fast", "下单下单", "别犹豫",
    ),
    Mood.BOUGHT: (
        "抢到了!!!", "抢到啦 🎉", "got it!", "yes!! got one", "手速赢了", "终于抢到一次",
        "下单成功", "that was quick", "我抢到了哈哈哈", "got mine, paying now",
    ),
    Mood.PAID: (
        "已付款,坐等发货", "付好了~", "paid ✅", "支付很快", "checkout was painless",
        "已下单已付款",
    ),
    Mood.MISSED: (
        "没抢到😭", "又没抢到", "太快了吧", "missed it by a second", "noooo", "能再加点库存吗",
        "gone already?", "下次一定", "网卡了一下就没了", "any restock?",
    ),
    Mood.SOLD_OUT: (
        "秒没", "这就没了?", "sold out already, wow", "手慢无", "that was fast", "求补货!",
        "太火爆了", "more stock please", "恭喜抢到的", "congrats to those who got one",
    ),
    Mood.RETURNED: (
        "又有货了!", "捡漏!", "some are back!", "有人没付款,快去", "back in stock, quick",
        "还有机会",
    ),
    Mood.LOTTERY: (
        "抽我抽我", "{prize}!想要", "参与了", "求中奖 🙏", "lucky draw!", "joined ✋", "欧气附体",
        "pick me", "从来没中过,今天试试", "{prize} would be nice", "已参与,保佑", "good luck all",
    ),
    Mood.DRAWN: (
        "恭喜恭喜", "又没我…", "congrats {name}!", "恭喜{name}", "欧皇出现了",
        "not me, as always 😂", "下次再来", "well deserved", "可以验证的抽奖,服气",
        "the seed checks out 👍",
    ),
    Mood.WON: (
        "我中了!!!", "啊啊啊我中奖了", "I WON?!", "谢谢主播!!", "第一次中奖,激动", "omg it's me",
    ),
    Mood.RAIN: (
        "红包雨来了!!", "下红包啦 🧧", "手指准备好", "grab grab grab", "红包红包!", "raining money",
    ),
    Mood.POLL: ("我选好了", "投了投了", "voted ✅", "好难选", "hard choice"),
    Mood.GIFT: ("有礼物领!", "先到先得,快", "free gift, quick", "领到了吗大家?"),
    Mood.ANNOUNCED: ("收到", "看到了", "好的", "noted", "thanks for the heads-up", "记住了"),
}  # fmt: skip

QUESTIONS = (
    "可以用在敏感肌上吗?", "保修多久?", "支持七天无理由吗?", "有没有礼盒装?", "几号能到?",
    "Is there a gift box?", "How long is the warranty?", "Do you ship abroad?",
    "Which size should I take at 1.80 m?",
)  # fmt: skip

POLLS = (
    ("下一个讲哪款? Which one next?", ("耳机 Headphones", "口红 Lipstick", "乌龙茶 Tea")),
    ("喜欢哪个颜色? Which colour?", ("雾蓝 Blue", "奶白 Cream", "酒红 Wine", "墨绿 Green")),
)

GIFTS = ("试用小样 Sample set", "品牌贴纸 Sticker pack")

HOST_LINES = (
    "欢迎刚进来的朋友,喜欢可以点点右下角的爱心~",
    "Welcome, everyone. Questions are welcome in Chinese or English!",
    "看到大家问发货:今晚下单,48小时内发出。",
    "Every item is shown at its real size, so no surprises.",
    "不着急,每一款我都会慢慢讲。",
    "Thank you for the likes, I see you all!",
    "有问题直接打在评论区,我会挑着回答。",
)

ANNOUNCEMENTS = (
    "今晚 22:00 前下单,48 小时内发货 · Orders before 22:00 ship within 48 h",
    "七天无理由退货 · Free returns within 7 days",
    "请勿相信站外转账信息,一切以直播间为准 · Pay only inside this room",
    "抽奖结果可公开验证 · Every draw here can be verified",
)

PRIZES = ("手冲咖啡壶 Pour-over kettle", "羊毛围巾 Wool scarf", "香薰蜡烛 Scented candle",
          "帆布包 Canvas tote", "50元代金券 ¥50 voucher")  # fmt: skip

PHRASES = ("今晚好运", "liveroom", "抽我抽我")

NAMES = (
    "小雨", "阿哲", "西瓜汽水", "山茶花", "今天不加班", "林深见鹿", "橘子味的夏天", "一只柴犬",
    "北岛的风", "芝士就是力量", "晚安月亮", "大福", "奶茶三分糖", "慢慢走", "周周", "南方的雪",
    "小满", "陈皮糖", "阿布", "青柠", "海盐", "梧桐", "糯米团子", "路过的猫", "胖虎妈妈",
    "木子李", "云朵面包", "七分甜", "老王", "团团", "Mia", "Leo", "Hannah", "Kenji", "Priya",
    "Oliver", "Noor", "Sofia", "Lucas", "Amelie", "Tom_in_Leeds", "JZhang", "Wei Ling", "Chloe T",
    "Marco", "Ines", "Dan the baker", "Yuki", "Elena", "Rafael", "Grace L", "coffee.first",
    "paper plane", "Aisha", "Ben & Bo", "northwind", "Kai", "tiny.garden", "Zoe", "Viktor",
)  # fmt: skip


class Product(NamedTuple):
    """One article of the simulated programme. Prices in cents."""

    product_id: str
    title: str
    title_en: str
    price_cents: int
    list_cents: int
    sale_cents: int

    @property
    def image(self) -> str:
        """The drawn picture that the server ships."""
        return f"/static/sample/products/{self.product_id}.svg"


# The six products that the server has pictures of.
PRODUCTS = (
    Product("headphones", "降噪头戴耳机", "Noise-cancelling headphones", 69900, 89900, 35900),
    Product("tea", "高山乌龙茶", "Mountain oolong tea", 8800, 12800, 4900),
    Product("sneakers", "轻量跑步鞋", "Light running shoes", 45900, 59900, 26900),
    Product("lamp", "床头小夜灯", "Bedside lamp", 9900, 14900, 5900),
    Product("backpack", "通勤双肩包", "Commuter backpack", 26900, 34900, 16900),
    Product("lipstick", "丝绒口红", "Velvet lipstick", 15900, 19900, 8900),
)


_ENGLISH_TITLES = {product.product_id: product.title_en.lower() for product in PRODUCTS}


def is_chinese(text: str) -> bool:
    return any("一" <= sign <= "鿿" for sign in text)


def title_of(card: Mapping[str, Any], *, chinese: bool) -> str:
    """What a viewer calls the product on a card."""
    if chinese:
        return str(card.get("title", "这款"))
    return _ENGLISH_TITLES.get(str(card.get("product_id")), "this one")


def half_of(both: str, *, chinese: bool) -> str:
    """The viewer's half of a text that says it first in Chinese, then in English."""
    words = both.split(" ")
    own = [word for word in words if is_chinese(word) == chinese]
    return " ".join(own) or both
