"""English addresses as they are read aloud: mail, URLs, domains, file names, handles and hashtags.

Every function takes a text and gives it back with what it knows spelled sign by sign ("a dot com", "J peg").
"""

from __future__ import annotations

import re

from text.en import numbers as n

_SIGNS = {".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", "+": "plus", ":": "colon"}
_SIGNS |= {"?": "question mark", "=": "equals", "&": "and", "#": "hash", "%": "percent", "~": "tilde"}
#: Parts of domain names that are spelled although a word is written so.
_SPELLED_PARTS = frozenset("co uk eu us au nz ca de fr jp cn kr hk tw ch se tv io ai edu ie es".split())
#: How the ending of a file's name is said.
EXTENSIONS: dict[str, str] = {
    "jpg": "J peg",
    "jpeg": "J peg",
    "gif": "gif",
    "json": "jason",
    "yaml": "yamul",
    "doc": "doc",
    "docx": "doc X",
    "zip": "zip",
    "wav": "wave",
    "log": "log",
    "txt": "text",
    "bat": "bat",
    "mp3": "M P three",
    "mp4": "M P four",
    "7z": "seven Z",
} | {
    name: " ".join(name.upper())
    for name in "pdf py png csv html htm js ts css xml svg exe dll md cpp sh ini xls xlsx ppt pptx sql rb rs php tsv "
    "wmv avi mov mkv ogg flac psd ttf iso apk dmg gz tar rar onnx pth pt ckpt cfg toml yml".split()
}
_EXTENSION = "|".join(sorted(EXTENSIONS, key=len, reverse=True))
_FILE = re.compile(
    rf"(?<![\w.@/])(?=[\w.-]{{0,64}}[A-Za-z])([\w-]{{1,63}}(?:\.[\w-]{{1,31}}){{0,3}})\.({_EXTENSION})\b(?!\.\w)", re.I
)
_TOP = "com|org|net|io|gov|edu|ai|dev|info|app|tv|me|co\\.uk|ac\\.uk|co\\.jp|com\\.au|de|fr|eu|uk|ca|jp|cn|kr|us"
#: Endings that are words too, so a domain only where a path follows or the name is no sentence's end ("me", "us").
_DOMAIN = re.compile(
    rf"(?<![\w.@-])(?:[a-z0-9-]{{1,63}}\.){{0,3}}[a-z0-9-]{{2,63}}\.(?:{_TOP})\b(?![.-]?\w)(?:/[\w./-]*\w)?", re.I
)


def _say(text: str) -> str:
    """An address sign by sign; numbers of more than two digits are spelled."""
    out = "".join(f" {_SIGNS[c]} " if c in _SIGNS else c for c in text)
    out = re.sub(r"\d+", lambda m: f" {n.spell(m[0]) if len(m[0]) > 2 else n.cardinal(m[0])} ", out)
    return " ".join(_part(word) for word in out.split(" "))


def _part(word: str) -> str:
    if word.lower() in _SPELLED_PARTS or word.lower() == "www":
        return " ".join(word.upper())
    return EXTENSIONS.get(word.lower(), word) if word.lower() in ("html", "htm", "pdf", "php", "jpg", "png") else word


def addresses(text: str) -> str:
    """E-mail addresses, URLs and domains, spoken sign by sign."""
    text = re.sub(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", lambda m: _say(m[0]), text)
    text = re.sub(r"(?<![\w./])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]\d|\w)", lambda m: _say(m[0]), text)
    text = re.sub(r"\b(?:https?|ftp)://[^\s\"<>]+|\bwww\.[^\s\"<>]+", _url, text, flags=re.I)
    return _DOMAIN.sub(lambda m: _say(m[0]), text) if "." in text else text


def _url(match: re.Match[str]) -> str:
    body = match[0].rstrip(".,;:!?)'\"")
    return _say(re.sub(r"^[a-z]+://", "", body, flags=re.I).rstrip("/")) + match[0][len(body) :]


def file_names(text: str) -> str:
    """report_final.pdf -> report underscore final dot P D F."""

    def said(match: re.Match[str]) -> str:
        stem = match[1].replace("_", " underscore ").replace(".", " dot ").replace("-", " dash ")
        stem = re.sub(r"\d+", lambda m: f" {n.spell(m[0]) if len(m[0]) > 2 else n.cardinal(m[0])} ", stem)
        return f"{stem} dot {EXTENSIONS[match[2].lower()]}"

    return _FILE.sub(said, text) if "." in text else text


def tags(text: str) -> str:
    """Hashtags and handles: the sign as a word, the name as its words."""
    if "#" in text:
        text = re.sub(r"(?<![\w&])#(?=[A-Za-z]\w)(\w{1,100})", lambda m: f"hashtag {_words(m[1])}", text)
    if "@" in text:
        text = re.sub(r"(?<![\w.])@(?=\w*[A-Za-z])(\w{1,64})", lambda m: f"at {_words(m[1])}", text)
    return text


def _words(name: str) -> str:
    """MondayMotivation2024 -> Monday Motivation 2024; a part in capitals alone stays one."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", name)
    return name.replace("_", " ").strip()
