"""How the page looks and what the browser does by itself: style, theme and language switch, keys, the typed text."""

from __future__ import annotations

from typing import Any

import gradio as gr

from pages.context import PageContext
from tools.i18n.translator import LANGUAGE_COOKIE

TEXT_KEY, THEME_KEY = "gsv-text", "gsv-theme"
LANGUAGES = [("中文", "zh_CN"), ("English", "en_US"), ("日本語", "ja_JP"), ("한국어", "ko_KR")]
CSS = """
.gradio-container {max-width: 1400px !important; padding-top: 4px !important}
#head {align-items: center; gap: 8px; flex-wrap: nowrap}
#head > :first-child {flex: 1 1 auto; min-width: 0}
#page-language {max-width: 130px; min-width: 110px !important; flex: none}
#theme {max-width: 44px; min-width: 44px !important; flex: none}
#title h3 {margin: 0}
#voice-status {font-size: .9em}
#text-foot {align-items: center; margin-top: -8px}
#reference {min-height: 150px; max-height: 210px}
#reference button.center, #reference .center {min-height: 90px}
#progress {padding: 0; border: none; background: none}
#text-counter {text-align: right; font-size: .85em}
#live audio {display: block}
#voice-cards .wrap {display: grid; grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); gap: 6px}
#voice-cards label {min-width: 0; white-space: normal; overflow-wrap: anywhere}
.speech-row {display: flex; gap: 10px; align-items: center; padding: 6px 0;
  border-bottom: 1px solid var(--border-color-primary)}
.speech-row > div {min-width: 0; overflow-wrap: anywhere}
.speech-play {flex: none; width: 34px; height: 34px; padding: 0; border-radius: 50%; line-height: 1;
  display: flex; align-items: center; justify-content: center;
  border: 1px solid var(--border-color-primary); background: var(--button-secondary-background-fill); cursor: pointer}
#training-legend {padding: 0 8px}
#training-losses, #training-losses > div {overflow: visible !important}
#training-losses {padding-bottom: 34px !important}
@media (max-width: 640px) {
  #title p {font-size: .75em; margin: 0}
  .gradio-container {padding-left: 8px !important; padding-right: 8px !important}
}
"""
HEAD = """<script>
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const speak = document.querySelector("#speak");
  if (speak && speak.offsetParent !== null && !speak.disabled) { event.preventDefault(); speak.click(); }
});
</script>"""
RESTORE_TEXT = f"() => localStorage.getItem('{TEXT_KEY}') ?? ''"
RESTORE_THEME = (
    f"() => {{ const theme = localStorage.getItem('{THEME_KEY}');"
    " if (theme) document.body.classList.toggle('dark', theme === 'dark'); }"
)
SWITCH_THEME = (
    "() => { const dark = !document.body.classList.contains('dark');"
    f" document.body.classList.toggle('dark', dark); localStorage.setItem('{THEME_KEY}', dark ? 'dark' : 'light'); }}"
)
SWITCH_LANGUAGE = (
    f"(language) => {{ document.cookie = `{LANGUAGE_COOKIE}=${{language}};path=/;max-age=31536000;SameSite=Lax`;"
    " location.reload(); }"
)


def keep_and_count(limit: int) -> str:
    """Script that keeps the typed text in the browser and counts it, so that typing asks the server nothing."""
    count = f"`${{[...(text ?? '')].length}} / {limit}`"
    return f"(text) => {{ localStorage.setItem('{TEXT_KEY}', text ?? ''); return [{count}]; }}"


def build_head(context: PageContext, title: str) -> None:
    """The line above the tabs: title, a word on consent, language and theme."""
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    with gr.Row(elem_id="head"):
        gr.Markdown(f"### {title}\n{context.t('page.consent')}", elem_id="title")
        if context.settings.language == "auto":
            language = gr.Dropdown(
                LANGUAGES,
                value=context.t("page.language"),
                show_label=False,
                container=False,
                interactive=True,
                elem_id="page-language",
            )
            language.input(None, language, None, js=SWITCH_LANGUAGE, **quiet)
        theme = gr.Button("◐", size="sm", elem_id="theme")
        theme.click(None, None, None, js=SWITCH_THEME, **quiet)
    gr.on(None, None, None, None, js=RESTORE_THEME, **quiet)
