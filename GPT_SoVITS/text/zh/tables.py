"""Tables of the Chinese normaliser: measure words, units, currencies, signs. Data only."""

from __future__ import annotations

#: Measure words that may follow a number: the number is then a quantity, and 2 is 两.
MEASURES = (
    "个 位 名 人 只 条 件 张 本 辆 台 把 座 栋 间 家 所 次 回 遍 趟 场 份 部 支 枝 朵 颗 粒 块 片 段 篇 首 句 页 行 层 双 对 "
    "套 副 群 批 组 队 班 杯 瓶 碗 盘 盒 箱 袋 包 桶 罐 口 头 匹 棵 株 根 顶 面 扇 封 道 门 种 类 样 滴 串 束 堆 排 架 艘 列 "
    "节 章 集 幅 项 笔 单 桌 顿 番 阵 股 声 步 圈 天 周 星期 年 岁 个月 小时 分钟 秒 秒钟 刻钟 点钟 点 分 元 块钱 毛 角 美元 "
    "欧元 英镑 日元 港元 港币 人民币 米 千米 公里 厘米 毫米 里 英里 英尺 英寸 公斤 千克 克 吨 斤 两 磅 升 毫升 亩 公顷 "
    "平方米 平方公里 立方米 平米 度 摄氏度 倍 成 折 亿 万 千 百 多 余 来 几 人次 票 股 代 届 级 户 蚊 間 隻 員 蚊鸡 嚿 樽"
).split()

#: Measure words before which 2 stays 二: they name a place in a row, or a scale word does.
ORDER_MEASURES = frozenset("月 日 号 楼 班 级 年级 度 等 百 十 来 几 余 多 行 股".split())

UNITS: dict[str, str] = {
    "km/h": "千米每小时",
    "m/s": "米每秒",
    "km²": "平方千米",
    "km2": "平方千米",
    "cm²": "平方厘米",
    "m²": "平方米",
    "m2": "平方米",
    "m³": "立方米",
    "m3": "立方米",
    "km": "千米",
    "cm": "厘米",
    "mm": "毫米",
    "nm": "纳米",
    "μm": "微米",
    "kg": "千克",
    "mg": "毫克",
    "ml": "毫升",
    "mL": "毫升",
    "kWh": "千瓦时",
    "kW": "千瓦",
    "MW": "兆瓦",
    "GHz": "吉赫兹",
    "MHz": "兆赫兹",
    "kHz": "千赫兹",
    "Hz": "赫兹",
    "TB": "太字节",
    "GB": "吉字节",
    "MB": "兆字节",
    "KB": "千字节",
    "mAh": "毫安时",
    "dB": "分贝",
    "℉": "华氏度",
    "°F": "华氏度",
    "m": "米",
    "g": "克",
    "t": "吨",
    "L": "升",
    "V": "伏",
    "W": "瓦",
    "A": "安",
    "h": "小时",
    "s": "秒",
    "min": "分钟",
    "ms": "毫秒",
}

CURRENCIES: dict[str, str] = {
    "HK$": "港元",
    "NT$": "新台币",
    "US$": "美元",
    "RMB": "元",
    "￥": "元",
    "¥": "元",
    "$": "美元",
    "＄": "美元",
    "€": "欧元",
    "£": "英镑",
    "₩": "韩元",
    "₽": "卢布",
    "₹": "卢比",
    "฿": "泰铢",
}

#: Words before a number that make it a name to be spelled: telephone numbers, codes, accounts.
SPELLED_AFTER = (
    "电话 号码 手机 手机号 热线 拨打 拨 致电 编号 账号 帐号 卡号 密码 验证码 邮编 身份证 身份证号 学号 工号 门牌 房间 房号 "
    "车牌 航班 班次 代码 代号 尾号 型号 群号 微信 序列号 订单号 分机"
).split()

#: Three- and five-digit numbers that are always said digit by digit.
SERVICE_NUMBERS = frozenset(
    "110 119 120 122 114 12306 12315 12345 10086 10010 10000 12320 12121 95588 95555 911 999".split()
)

SIGNS: dict[str, str] = {
    "+": "加",
    "×": "乘",
    "*": "乘",
    "÷": "除以",
    "=": "等于",
    "≈": "约等于",
    "≠": "不等于",
    "<": "小于",
    ">": "大于",
    "≤": "小于等于",
    "≥": "大于等于",
    "±": "正负",
    "∞": "无穷大",
    "√": "根号",
    "π": "派",
    "α": "阿尔法",
    "β": "贝塔",
    "γ": "伽马",
    "δ": "德尔塔",
    "λ": "拉姆达",
    "Ω": "欧姆",
    "№": "第",
    "&": "和",
    "@": "艾特",
    "㎡": "平方米",
    "㎏": "千克",
    "㎝": "厘米",
    "㎞": "千米",
    "①": "一",
    "②": "二",
    "③": "三",
    "④": "四",
    "⑤": "五",
    "⑥": "六",
    "⑦": "七",
    "⑧": "八",
    "⑨": "九",
    "⑩": "十",
}

#: Marks, and the mark with a phone that stands for each; an empty string is silent.
MARKS: dict[str, str] = (
    dict.fromkeys("，、；：,;:（）()【】〔〕—–―|｜·•\n\r", ",")
    | dict.fromkeys("。.．", ".")
    | dict.fromkeys("！!", "!")
    | dict.fromkeys("？?", "?")
    | {"…": "…", "~": "…", "～": "…", "〜": "…", "-": "-", "·": ""}
)

#: Characters whose usual spoken form is another one's (the reference writes them so too).
SAME_SOUND: dict[str, str] = {"嗯": "恩", "呣": "母", "〇": "零", "○": "零"}
