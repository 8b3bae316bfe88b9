"""Readings of Chinese words that the phrase dictionary lacks or reads otherwise: ``word syllable ...``. Data only."""

from __future__ import annotations

_TABLE = """
一行 yi4 hang2; 一行人 yi4 xing2 ren2; 两行 liang3 hang2; 几行 ji3 hang2; 重写 chong2 xie3; 重做 chong2 zuo4
重来 chong2 lai2; 重启 chong2 qi3; 重装 chong2 zhuang1; 重读 chong2 du2; 重考 chong2 kao3; 重返 chong2 fan3
重申 chong2 shen1; 重演 chong2 yan3; 重修 chong2 xiu1; 重合 chong2 he2; 重名 chong2 ming2; 重播 chong2 bo1
重置 chong2 zhi4; 重组 chong2 zu3; 重生 chong2 sheng1; 很长 hen3 chang2; 细长 xi4 chang2; 系好 ji4 hao3
系上 ji4 shang5; 好长 hao3 chang2; 太长 tai4 chang2; 更长 geng4 chang2; 很重 hen3 zhong4; 多长 duo1 chang2
不得了 bu4 de2 liao3; 了得 liao3 de5; 大不了 da4 bu5 liao3; 免不了 mian3 bu5 liao3; 银行行长 yin2 hang2 hang2 zhang3
行长 hang2 zhang3; 重庆 chong2 qing4; 朝阳 chao2 yang2; 还款 huan2 kuan3; 还钱 huan2 qian2; 还清 huan2 qing1
还书 huan2 shu1; 归还 gui1 huan2; 长大 zhang3 da4; 长高 zhang3 gao1; 长出 zhang3 chu1; 长满 zhang3 man3
长势 zhang3 shi4; 长得 zhang3 de5; 长胖 zhang3 pang4; 增长 zeng1 zhang3; 校长 xiao4 zhang3; 出差 chu1 chai1
差点 cha4 dian3; 差不多 cha4 bu5 duo1; 差遣 chai1 qian3; 参差 cen1 ci1; 弹琴 tan2 qin2; 弹钢琴 tan2 gang1 qin2
弹吉他 tan2 ji2 ta1; 子弹 zi3 dan4; 炮弹 pao4 dan4; 曲子 qu3 zi5; 数数 shu3 shu4; 数一数 shu3 yi5 shu3; 得了 de2 le5
了解 liao3 jie3; 了不起 liao3 bu5 qi3; 受不了 shou4 bu5 liao3; 干不了 gan4 bu5 liao3; 忘不了 wang4 bu5 liao3
干净 gan1 jing4; 干活 gan4 huo2; 干什么 gan4 shen2 me5; 干嘛 gan4 ma2; 能干 neng2 gan4; 树干 shu4 gan4
下载 xia4 zai4; 记载 ji4 zai3; 给予 ji3 yu3; 供给 gong1 ji3; 自给自足 zi4 ji3 zi4 zu2; 血液 xue4 ye4; 流血 liu2 xue4
鲜血 xian1 xue4; 血压 xue4 ya1; 露面 lou4 mian4; 露馅 lou4 xian4; 露水 lu4 shui3; 剥皮 bao1 pi2; 剥削 bo1 xue1
削皮 xiao1 pi2; 削苹果 xiao1 ping2 guo3; 薄片 bao2 pian4; 薄弱 bo2 ruo4; 薄荷 bo4 he5; 似的 shi4 de5
好像 hao3 xiang4; 爱好 ai4 hao4; 好奇 hao4 qi2; 好学 hao4 xue2; 好客 hao4 ke4; 便宜 pian2 yi5; 角色 jue2 se4
主角 zhu3 jue2; 配角 pei4 jue2; 角度 jiao3 du4; 乐器 yue4 qi4; 处理 chu3 li3; 处分 chu3 fen4; 到处 dao4 chu4
转圈 zhuan4 quan1; 转动 zhuan4 dong4; 转身 zhuan3 shen1; 奔跑 ben1 pao3; 投奔 tou2 ben4; 倒车 dao4 che1
倒水 dao4 shui3; 倒闭 dao3 bi4; 摔倒 shuai1 dao3; 打倒 da3 dao3; 空闲 kong4 xian2; 有空 you3 kong4; 没空 mei2 kong4
抽空 chou1 kong4; 填空 tian2 kong4; 切菜 qie1 cai4; 亲切 qin1 qie4; 冲洗 chong1 xi3; 扎针 zha1 zhen1
扎辫子 za1 bian4 zi5; 挣扎 zheng1 zha2; 扇扇子 shan1 shan4 zi5; 种树 zhong4 shu4; 种花 zhong4 hua1; 种地 zhong4 di4
种菜 zhong4 cai4; 种植 zhong4 zhi2; 播种 bo1 zhong3; 盛饭 cheng2 fan4; 盛开 sheng4 kai1; 晕车 yun4 che1
晕船 yun4 chuan2; 头晕 tou2 yun1; 晕倒 yun1 dao3; 应届 ying1 jie4; 相册 xiang4 ce4; 相机 xiang4 ji1
照相 zhao4 xiang4; 着火 zhao2 huo3; 着急 zhao2 ji2; 着凉 zhao2 liang2; 睡着 shui4 zhao2; 睡着了 shui4 zhao2 le5
穿着 chuan1 zhe5; 着装 zhuo2 zhuang1; 着手 zhuo2 shou3; 附着 fu4 zhuo2; 喝彩 he4 cai3; 调皮 tiao2 pi2
调查 diao4 cha2; 强迫 qiang3 po4; 勉强 mian3 qiang3; 倔强 jue2 jiang4; 要求 yao1 qiu2; 尽管 jin3 guan3
尽量 jin3 liang4; 尽力 jin4 li4; 兴奋 xing1 fen4; 高兴 gao1 xing4; 散步 san4 bu4; 散文 san3 wen2; 模样 mu2 yang4
模型 mo2 xing2; 宿舍 su4 she4; 一宿 yi4 xiu3; 星宿 xing1 xiu4; 卷子 juan4 zi5; 卷起 juan3 qi3; 背包 bei1 bao1
背着 bei1 zhe5; 背诵 bei4 song4; 背书包 bei1 shu1 bao1; 教书 jiao1 shu1; 教英语 jiao1 ying1 yu3; 教我 jiao1 wo3
教你 jiao1 ni3; 教他 jiao1 ta1; 请教 qing3 jiao4; 假期 jia4 qi1; 请假 qing3 jia4; 真假 zhen1 jia3; 更改 geng1 gai3
三更半夜 san1 geng1 ban4 ye4; 号叫 hao2 jiao4; 横财 heng4 cai2; 几乎 ji1 hu1; 茶几 cha2 ji1; 夹克 jia2 ke4
间隔 jian4 ge2; 间断 jian4 duan4; 禁不住 jin1 bu5 zhu4; 看守 kan1 shou3; 看门 kan1 men2; 看家 kan1 jia1
勒紧 lei1 jin3; 量体温 liang2 ti3 wen1; 测量 ce4 liang2; 笼罩 long3 zhao4; 没收 mo4 shou1; 埋怨 man2 yuan4
难民 nan4 min2; 灾难 zai1 nan4; 宁可 ning4 ke3; 炮制 pao2 zhi4; 喷香 pen4 xiang1; 屏息 bing3 xi1; 铺床 pu1 chuang2
店铺 dian4 pu4; 悄然 qiao3 ran2; 曲折 qu1 zhe2; 歌曲 ge1 qu3; 丧失 sang4 shi1; 丧事 sang1 shi4; 刹那 cha4 na4
刹车 sha1 che1; 折本 she2 ben3; 什锦 shi2 jin3; 石头 shi2 tou5; 一石 yi2 dan4; 挑战 tiao3 zhan4; 挑选 tiao1 xuan3
吐血 tu4 xue4; 呕吐 ou3 tu4; 委蛇 wei1 yi2; 系鞋带 ji4 xie2 dai4; 系安全带 ji4 an1 quan2 dai4; 吓唬 xia4 hu5
恐吓 kong3 he4; 咽喉 yan1 hou2; 哽咽 geng3 ye4; 殷红 yan1 hong2; 应该 ying1 gai1; 应对 ying4 dui4; 佣金 yong4 jin1
择菜 zhai2 cai4; 轧钢 zha2 gang1; 占卜 zhan1 bu3; 占领 zhan4 ling3; 正月 zheng1 yue4; 中奖 zhong4 jiang3
中毒 zhong4 du2; 命中 ming4 zhong4; 打中 da3 zhong4; 看中 kan4 zhong4; 中暑 zhong4 shu3; 钻石 zuan4 shi2
钻研 zuan1 yan2; 作坊 zuo1 fang5; 柏树 bai3 shu4; 柏林 bo2 lin2; 六安 lu4 an1; 蚌埠 beng4 bu4; 单于 chan2 yu2
尉迟 yu4 chi2; 洪洞 hong2 tong2; 厦门 xia4 men2; 大厦 da4 sha4; 台州 tai1 zhou1; 丽水 li2 shui3; 东阿 dong1 e1
番禺 pan1 yu2; 龟裂 jun1 lie4; 可汗 ke4 han2; 吐蕃 tu3 bo1; 大夫 dai4 fu5; 女红 nv3 gong1
数见不鲜 shuo4 jian4 bu4 xian1; 说服 shuo1 fu2; 叶公好龙 ye4 gong1 hao4 long2; 一场雨 yi4 chang2 yu3
场院 chang2 yuan4; 创伤 chuang1 shang1; 当作 dang4 zuo4; 恰当 qia4 dang4; 上当 shang4 dang4; 当天 dang4 tian1
的确 di2 que4; 目的 mu4 di4; 目的地 mu4 di4 di4; 打的 da3 di1; 都市 du1 shi4; 首都 shou3 du1; 成都 cheng2 du1
发型 fa4 xing2; 理发 li3 fa4; 白发 bai2 fa4; 头发 tou2 fa5; 成分 cheng2 fen4; 水分 shui3 fen4; 缝隙 feng4 xi4
缝衣服 feng2 yi1 fu5; 佛像 fo2 xiang4; 仿佛 fang3 fu2; 冠军 guan4 jun1; 皇冠 huang2 guan1; 哈达 ha3 da2
和面 huo2 mian4; 附和 fu4 he4; 暖和 nuan3 huo5; 会计 kuai4 ji4; 混蛋 hun2 dan4; 结果 jie2 guo3; 结实 jie1 shi5
开花结果 kai1 hua1 jie1 guo3; 解数 xie4 shu4; 押解 ya1 jie4; 劲敌 jing4 di2; 使劲 shi3 jin4; 咀嚼 ju3 jue2
嚼口香糖 jiao2 kou3 xiang1 tang2; 拓片 ta4 pian4; 开拓 kai1 tuo4; 不得不 bu4 de2 bu4; 非得 fei1 dei3
总得 zong3 dei3; 我得 wo3 dei3; 你得 ni3 dei3; 他得 ta1 dei3; 她得 ta1 dei3; 咱们得 zan2 men5 dei3; 还得 hai2 dei3
就得 jiu4 dei3; 都得 dou1 dei3; 必得 bi4 dei3; 可得 ke3 dei3; 真得 zhen1 dei3; 一只 yi4 zhi1; 两只 liang3 zhi1
几只 ji3 zhi1; 只好 zhi3 hao3; 分为 fen1 wei2; 称为 cheng1 wei2; 成为 cheng2 wei2; 认为 ren4 wei2; 以为 yi3 wei2
作为 zuo4 wei2; 为人 wei2 ren2; 为止 wei2 zhi3; 为难 wei2 nan2; 因为 yin1 wei4; 为何 wei4 he2; 地上 di4 shang5
地下 di4 xia4; 哪儿 na3 er2; 哇塞 wa1 sai1; 塞车 sai1 che1; 边塞 bian1 sai4; 堵塞 du3 se4; 吧台 ba1 tai2
酒吧 jiu3 ba1; 幺 yao1; 喂 wei4; 嗯 en1; 啊 a5; 呀 ya5; 哦 o4; 哟 yo5; 嘛 ma5; 吧 ba5; 呢 ne5; 吗 ma5; 了 le5
着 zhe5; 的 de5; 得 de5; 们 men5; 么 me5; 还 hai2; 都 dou1; 长 chang2; 行 xing2; 只 zhi3; 地 di4; 为 wei4; 重 zhong4
数 shu4; 种 zhong3; 倒 dao4; 教 jiao1; 弹 tan2; 背 bei4; 卷 juan3; 系 xi4; 削 xiao1; 切 qie1; 空 kong1; 转 zhuan3
挑 tiao1; 量 liang4; 担 dan1; 藏 cang2; 石 shi2; 血 xue4; 薄 bao2; 露 lu4; 谁 shei2; 这 zhe4; 那 na4; 哪 na3
血淋淋 xie3 lin1 lin1; 处 chu4; 场 chang3; 难 nan2; 没 mei2; 盛 sheng4; 朝 chao2; 发 fa1; 传 chuan2; 间 jian1
扎 zha1; 乐 le4; 吐 tu3; 撒 sa1; 喝 he1; 应 ying1; 供 gong1; 相 xiang1; 便 bian4; 和 he2; 会 hui4; 要 yao4; 当 dang1
看 kan4; 把 ba3; 差 cha4; 兴 xing1; 更 geng4; 少 shao3; 落 luo4; 似 si4; 塞 sai1; 折 zhe2; 正 zheng4; 中 zhong1
缝 feng2; 咽 yan4; 晃 huang4; 占 zhan4; 给 gei3; 几 ji3; 假 jia3; 提 ti2; 圈 quan1
"""

#: Word -> toned pinyin, one syllable per character.
WORDS: dict[str, str] = dict(
    item.strip().split(" ", 1) for line in _TABLE.splitlines() for item in line.split(";") if item.strip()
)
