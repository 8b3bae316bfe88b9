"""Tables of the Chinese normaliser: measure words, units, currencies, signs. Data only."""

from __future__ import annotations

#: Measure words that may follow a number: the number is then a quantity, and 2 is 两.
MEASURES = (
    "个 位 名 人 只 条 件 张 本 辆 台 把 座 栋 间 家 所 次 回 遍 趟 场 份 部 支 枝 朵 颗 粒 块 片 段 篇 首 句 页 行 层 双 对 "
    "套 副 群 批 组 队 班 杯 瓶 碗 盘 盒 箱 袋 包 桶 罐 口 头 匹 棵 株 根 顶 面 扇 封 道 门 种 类 样 滴 串 束 堆 排 架 艘 列 "
    "节 章 集 幅 项 笔 单 桌 顿 番 阵 股 声 步 圈 天 周 星期 年 岁 个月 小时 分钟 秒 秒钟 刻钟 点钟 点 分 元 块钱 毛 角 美元 "
    "欧元 英镑 日元 港元 港币 人民币 米 千米 公里 厘米 毫米 里 英里 英尺 英寸 公斤 千克 克 吨 斤 两 磅 升 毫升 亩 公顷 "
    "平方米 平方公里 立方米 平米 度 摄氏度 倍 成 折 亿 万 千 百 多 余 来 几 人次 票 股 代 届 级 户 "
    "款 场次 公升 里地 字 桩 起 宗 瓣 枚 发 袭 尊 帖 课 路 蚊 隻 餘 幾 蚊鸡 嚿 樽 呎 吋 磅 平方呎"
).split()

#: Measure words before which 2 stays 二: they name a place in a row, or a scale word does.
ORDER_MEASURES = frozenset(
    "月 日 号 楼 班 级 年级 度 等 百 十 来 几 余 餘 幾 多 行 股 路 届 单元 号线 世纪 次方".split()
)

#: Units in letters, and how they are said.
UNITS: dict[str, str] = {
    **{"km": "千米", "dm": "分米", "cm": "厘米", "mm": "毫米", "μm": "微米", "nm": "纳米", "m": "米", "ha": "公顷"},
    **{"mi": "英里", "yd": "码", "ft": "英尺", "sqft": "平方英尺", "sq ft": "平方英尺", "gal": "加仑"},
    **{"kg": "千克", "g": "克", "mg": "毫克", "μg": "微克", "t": "吨", "lb": "磅", "lbs": "磅", "oz": "盎司"},
    **{"L": "升", "l": "升", "dL": "分升", "dl": "分升", "cL": "厘升", "cl": "厘升", "mL": "毫升", "ml": "毫升"},
    **{"mol": "摩尔", "mmol": "毫摩尔", "μmol": "微摩尔", "px": "像素"},
    **{"h": "小时", "min": "分钟", "s": "秒", "ms": "毫秒", "μs": "微秒"},
    **{"mph": "英里每小时", "kph": "千米每小时", "rpm": "转每分钟", "bpm": "拍每分钟", "fps": "帧每秒"},
    **{"mol": "摩尔", "mmol": "毫摩尔", "mol/L": "摩尔每升", "mmol/L": "毫摩尔每升"},
    **{"USD": "美元", "EUR": "欧元", "GBP": "英镑", "JPY": "日元", "CNY": "元", "HKD": "港元", "KRW": "韩元"},
    **{"kcal": "千卡", "cal": "卡", "kJ": "千焦", "J": "焦耳", "kWh": "千瓦时", "Wh": "瓦时"},
    **{"kW": "千瓦", "MW": "兆瓦", "GW": "吉瓦", "W": "瓦", "kV": "千伏", "mV": "毫伏", "V": "伏"},
    **{"mA": "毫安", "mAh": "毫安时", "Ah": "安时", "A": "安", "kΩ": "千欧", "Ω": "欧姆"},
    **{"THz": "太赫兹", "GHz": "吉赫兹", "MHz": "兆赫兹", "kHz": "千赫兹", "Hz": "赫兹"},
    **{"hPa": "百帕", "kPa": "千帕", "MPa": "兆帕", "Pa": "帕", "mmHg": "毫米汞柱", "dB": "分贝"},
    **{"TB": "太字节", "GB": "吉字节", "MB": "兆字节", "KB": "千字节", "kB": "千字节"},
    **{"Gbps": "吉比特每秒", "Mbps": "兆比特每秒", "kbps": "千比特每秒", "Kbps": "千比特每秒"},
    **{"°F": "华氏度", "°C": "度"},
    **{"USD": "美元", "EUR": "欧元", "GBP": "英镑", "JPY": "日元", "CNY": "元", "RMB": "元", "HKD": "港元"},
    **{"TWD": "新台币", "KRW": "韩元", "SGD": "新加坡元", "AUD": "澳元", "CAD": "加元", "CHF": "瑞士法郎"},
    **{"THB": "泰铢", "INR": "卢比", "RUB": "卢布", "MYR": "林吉特", "VND": "越南盾"},
}

#: Units of length, which 2 and 3 make units of area and volume.
LENGTHS = ("km", "dm", "cm", "mm", "μm", "m", "mi", "yd", "ft")

#: Signs of a currency in front of a number, and its name behind it.
CURRENCIES: dict[str, str] = {
    **{"US$": "美元", "HK$": "港元", "NT$": "新台币", "AU$": "澳元", "A$": "澳元", "CA$": "加元", "C$": "加元"},
    **{"S$": "新加坡元", "R$": "雷亚尔", "$": "美元", "＄": "美元", "￥": "元", "¥": "元", "€": "欧元"},
    **{"£": "英镑", "￡": "英镑", "₩": "韩元", "￦": "韩元", "₽": "卢布", "₹": "卢比", "฿": "泰铢", "₫": "越南盾"},
    **{"₴": "格里夫纳", "₺": "里拉", "₱": "比索", "₿": "比特币"},
    **{
        "RMB": "元",
        "CNY": "元",
        "USD": "美元",
        "EUR": "欧元",
        "GBP": "英镑",
        "JPY": "日元",
        "HKD": "港元",
        "KRW": "韩元",
    },
}

#: Words before a number that make it a name to be spelled: telephone numbers, codes, accounts. They may end in 号 or 码.
SPELLED_AFTER = (
    "电话 号码 手机 手机号 热线 拨打 拨 致电 座机 传真 编号 账号 帐号 账户 卡号 密码 口令 暗号 验证码 邮编 身份证 学号 工号 "
    "门牌 房间 房号 车牌 航班 班次 代码 代号 尾号 型号 群号 微信 序列号 订单号 单号 分机 证号 股票代码 警号 编码 取餐号 "
    "座位号 流水号 批号 文号 档案号 会员号 社保号 税号 学籍号 户号 联系方式 客服 报名号 考号 准考证号"
).split()

#: Service numbers of five digits, which are always said digit by digit.
SERVICE_NUMBERS = frozenset(
    "12306 12315 12345 12348 12355 12358 12366 10086 10010 10000 12320 12321 12121 12333 12329 95588 95555 95533 95566 "
    "95599 95338 96110".split()
)

#: Emergency numbers: digit by digit where the text is about calling.
EMERGENCY_NUMBERS = frozenset("110 119 120 122 114 911 999 112".split())

#: Numbers that stand for words by their sound, read with 一 and not 幺.
SOUND_NUMBERS = ("5201314", "1314520", "1314", "520", "521", "530", "9420", "3344", "7758")

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
