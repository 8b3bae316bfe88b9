"""Texts of the page in four languages, as JSON files; see ``translator.py``."""

from tools.i18n.translator import PAGE_LANGUAGES, Message, Translator

__all__ = ["PAGE_LANGUAGES", "Message", "Translator"]
