"""Names of language modes that public pages, command lines and clients use, beside the modes themselves."""

from __future__ import annotations

LANGUAGE_NAMES = {
    "中文": "all_zh",
    "英文": "en",
    "日文": "all_ja",
    "粤语": "all_yue",
    "韩文": "all_ko",
    "中英混合": "zh",
    "日英混合": "ja",
    "粤英混合": "yue",
    "韩英混合": "ko",
    "多语种混合": "auto",
    "多语种混合(粤语)": "auto_yue",
    "多語種混合": "auto",
    "chinese": "all_zh",
    "english": "en",
    "japanese": "all_ja",
    "cantonese": "all_yue",
    "korean": "all_ko",
    "chinese-english mixed": "zh",
    "japanese-english mixed": "ja",
    "cantonese-english mixed": "yue",
    "yue-english mixed": "yue",
    "korean-english mixed": "ko",
    "multilingual mixed": "auto",
    "multilingual mixed(cantonese)": "auto_yue",
    "multilingual mixed(yue)": "auto_yue",
    "all": "auto",
}
"""From a name in lower case to its mode."""


def mode_of(name: str) -> str:
    """The mode that ``name`` stands for, in any case; a name that is not known comes back as it is, in lower case."""
    name = name.strip().lower()
    return LANGUAGE_NAMES.get(name, name)
