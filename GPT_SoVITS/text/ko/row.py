"""Korean in the registry of languages."""

from __future__ import annotations

from text.language_row import ALL, MIXED, Language, Notation

ROW = Language(
    code="ko",
    order=40,
    module="text.korean",
    modes={"ko": MIXED, "all_ko": ALL},
    letters="[\u1100-\u11ff\u3131-\u318f\uac00-\ud7af]+",
    counters=tuple(
        "시 분 초 년 월 일 개 명 원 살 번 권 장 층 호 회 차 주 달 마리 대 병 잔 킬로 미터 그램 달러 유로 퍼센트 억 천 백 배 위 점 등 급 편 "
        "쪽 페이지 박 세기".split()
    ),
    reading=Notation(
        shape="[가-힣]+(?: [가-힣]+)*",
        example="Hangul as it sounds, such as 마덥따",
        as_text=True,
        before="[가-힣]+$",
    ),
    symbols="v2",
)
