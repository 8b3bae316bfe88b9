"""Korean words that the regular rules read wrong, written as they sound where the rules then do the rest. Data only.

Spelling -> spelling that the rules read right. They are compounds with an inserted ㄴ or a tensed consonant, Sino-Korean
words with tensing after ㄹ, and nouns that keep ㄴㄹ as ㄴㄴ (Standard Pronunciation 20, 26, 28, 29).
"""

from __future__ import annotations

_TABLE = """
꽃잎 꼰닢; 솔잎 솔맆; 나뭇잎 나문닢; 깻잎 깬닢; 댓잎 댄닢; 색연필 생년필; 서울역 서울력; 식용유 시굥뉴;
한여름 한녀름; 담요 담뇨; 두통약 두통냑; 알약 알략; 물약 물략; 막일 망닐; 홑이불 혼니불; 솜이불 솜니불;
내복약 내봉냑; 콩엿 콩녇; 영업용 영엄뇽; 휘발유 휘발류; 강남역 강남녁; 부산역 부산녁; 신촌역 신촌녁; 대전역 대전녁;
늑막염 능망념; 직행열차 지캥녈차; 눈요기 눈뇨기; 남존여비 남존녀비; 스물여섯 스물려섣; 서른여섯 서른녀섣;
나뭇가지 나묻까지; 베갯잇 베갠닏; 깻묵 깬묵; 콧날 콘날; 옛이야기 옌니야기; 갈등 갈뜽; 발동 발똥; 절도 절또;
말살 말쌀; 불소 불쏘; 일시 일씨; 갈증 갈쯩; 물질 물찔; 발전 발쩐; 몰상식 몰쌍식; 불세출 불쎄출; 결정 결쩡;
열심 열씸; 활동 활똥; 절대 절때; 실수 실쑤; 일정 일쩡; 발달 발딸; 출장 출짱; 설득 설뜩; 결석 결썩; 발생 발쌩;
출석 출썩; 물석 물썩; 일상 일쌍; 철도 철또; 출신 출씬; 칠십 칠씹; 팔십 팔씹; 실종 실쫑; 결제 결쩨; 출생 출쌩;
활주로 활쭈로; 칠전 칠쩐; 달성 달썽; 열정 열쩡; 불신 불씬; 월세 월쎄; 실시 실씨; 설정 설쩡; 별도 별또; 결심 결씸;
밀도 밀또; 필수 필쑤; 멸시 멸씨; 골절 골쩔; 글자 글짜; 한자 한짜; 인기 인끼; 문법 문뻡; 헌법 헌뻡; 사건 사껀;
조건 조껀; 성격 성껵; 안과 안꽈; 내과 내꽈; 치과 치꽈; 외과 외꽈; 평가 평까; 대가 대까; 물가 물까; 전세가 전세까;
시가 시까; 여권 여꿘; 인권 인꿘; 정권 정꿘; 주권 주꿘; 증권 증꿘; 손등 손뜽; 손바닥 손빠닥; 눈동자 눈똥자;
눈사람 눈싸람; 물고기 물꼬기; 산새 산쌔; 길가 길까; 술잔 술짠; 바람결 바람껼; 그믐달 그믐딸; 아침밥 아침빱;
김밥 김빱; 비빔밥 비빔빱; 볶음밥 보끔빱; 강가 강까; 초승달 초승딸; 등불 등뿔; 창살 창쌀; 강줄기 강쭐기;
문고리 문꼬리; 신바람 신빠람; 발바닥 발빠닥; 굴속 굴쏙; 봄비 봄삐; 안방 안빵; 눈길 눈낄; 물속 물쏙; 용돈 용똔;
밀가루 밀까루; 의견란 의견난; 임진란 임진난; 생산량 생산냥; 결단력 결딴녁; 공권력 공꿘녁; 동원령 동원녕; 상견례 상견녜;
횡단로 횡단노; 이원론 이원논; 입원료 이붠뇨; 구근류 구근뉴; 음운론 으문논; 판단력 판단녁; 추진력 추진녁; 온라인 온나인;
신라면 신나면; 맛없 마덥; 멋없 머덥; 값없 가법; 겉옷 거돋; 첫인상 처딘상; 헛웃음 허두슴; 넋없 너겁; 값어치 가버치;
맏아들 마다들; 젖어미 저더미; 늪앞 느밥; 밭아래 바다래; 꽃위 꼬뒤; 넓죽 넙쭉; 넓둥글 넙뚱글; 밟고 밥꼬; 밟다 밥따;
밟지 밥찌; 밟게 밥께; 밟는 밤는; 밟소 밥쏘; 싫증 실쯩; 디귿이 디그시; 디귿을 디그슬; 지읒이 지으시; 치읓이 치으시;
키읔이 키으기; 티읕이 티으시; 피읖이 피으비; 히읗이 히으시; 학여울 항녀울; 할 일 할 릴; 한 일 한 닐; 옷 입 온 닙;
서른여덟 서른녀덜; 먹은 엿 머근 녇; 송별연 송벼련; 육이오 유기오; 삼일절 사밀쩔; 몇 월 며 둴; 몇 일 며 딜;
못 와 모 돠; 납량 남냥; 검열 거멸; 금융 그뮹; 십육 심뉵; 백육 뱅뉵; 이십육 이심뉵; 천육 천뉵; 육육 융뉵;
영육 영뉵; 값있 가빋; 뜻있 뜨딛; 뜻없 뜨덥; 몇 인 며 딘; 못 입 몬 닙; 못 읽 몬 닑; 못 이루 몬 니루; 집안일 지반닐; 부엌일 부엉닐;
볼일 볼릴; 별일 별릴; 할일 할릴; 늦여름 는녀름; 첫여름 천녀름; 맨입 맨닙; 콩잎 콩닙; 산길 산낄; 밤길 밤낄; 빵집 빵찝; 술집 술찝; 꽃집 꼳찝;
맥주잔 맥쭈짠; 소주잔 소주짠; 물병 물뼝; 소주병 소주뼝; 맥주병 맥쭈뼝; 달빛 달삗; 별빛 별삗; 불빛 불삗; 눈빛 눈삗; 겨울밤 겨울빰;
가을밤 가을빰; 여름밤 여름빰; 오늘밤 오늘빰; 문자 문짜; 성과 성꽈; 자격증 자격쯩; 허점 허쩜; 장점 장쩜; 단점 단쩜; 관점 관쩜; 초점 초쩜;
문제점 문제쩜; 공통점 공통쩜; 차이점 차이쩜; 요점 요쩜; 가능성 가능썽; 필요성 피료썽; 중요성 중요썽; 일주일 일쭈일; 일등 일뜽;
을지로 을찌로
"""


def _halves(item: str) -> tuple[str, str]:
    """Spelling and sound of one entry; both have the same number of words."""
    parts = item.split()
    half = len(parts) // 2
    return " ".join(parts[:half]), " ".join(parts[half:])


#: Spelling -> spelling as it sounds.
SPOKEN: dict[str, str] = dict(_halves(item) for item in _TABLE.replace("\n", " ").split(";") if item.strip())

#: Nouns that end in ㄺ: before ㄱ they lose ㄹ (닭과 닥꽈), stems of verbs keep it (읽고 일꼬).
NOUNS_RG = frozenset("닭 흙 칡 슭".split())
#: Stems of verbs and adjectives in ㄴ and ㅁ, which tense the consonant of an ending.
STEMS_NASAL = frozenset(
    "남 넘 참 심 숨 담 품 뿜 더듬 다듬 머금 젊 닮 굶 옮 곪 삶 쓰다듬 가다듬 껴안 끌어안 얼싸안 신 안 감".split()
)
#: Endings after such a stem; those that are nouns of their own with 신, 안 and 감 are left out.
ENDINGS = ("다", "고", "지", "게", "던", "자", "습", "소", "거나", "더", "도록", "지만", "거든", "기도", "기가", "기는")
NOT_STEMS = frozenset(
    "신고 감자 안고 안다 안지 신지 감지 감다 안도 담도 남도 참고 참다랑 심지 심도 숨지 남자 남지나 안자 심다".split()
)
#: Bound nouns whose first consonant is tense after -ㄹ.
BOUND = ("수", "것", "거", "게", "걸", "건", "겁", "데", "줄", "지", "듯", "바", "법", "적", "사람", "곳", "자신")
#: Syllables of verbs in -ㄹ as they stand before an ending that says what will be (할지, 먹을걸).
FUTURES = frozenset("을 할 갈 올 볼 될 줄 칠 킬 질 릴 낼 뺄 셀 뛸 쉴 탈 실 일 설 럴".split())
#: Stems of verbs that end in ㄹ themselves: after them the same endings stay plain (알게 되다, 길게).
LONG_L = frozenset(
    "알 길 멀 들 달 말 물 울 살 놀 열 팔 밀 풀 돌 털 떨 벌 끌 늘 졸 얼 불 절 걸 가늘 드물 어질 모질 둥글".split()
)
#: Nouns and adverbs in -ㄹ, after which a bound noun stays plain.
NOUNS_L = frozenset(
    "오늘 서울 물 말 길 달 별 글 술 쌀 불 발 팔 딸 아들 얼굴 마을 하늘 겨울 가을 거울 정말 매일 일 월 년 지금".split()
)
