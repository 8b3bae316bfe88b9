"""Errors in the page's language: found again by their English text, which is that of the sources, and all there."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from functools import cache

import pytest

from errors import DatasetError, GSVError, RequestError
from tests.tools.i18n.error_sentences import Sentence, below, reached_from, sentences, sources
from tools.i18n import PAGE_LANGUAGES, Translator
from tools.i18n.error_texts import FREE, NESTED, SECTIONS, found_in, told, told_line, told_part
from tools.i18n.translator import texts

PUT_IN = "§"
"""Stands in a sentence for what is put in."""
NOT_REACHED = (
    "GPT_SoVITS/http_api/",  # answers programs, in English
    "GPT_SoVITS/ray_serving/",
    "tools/bench/",
    "tools/evaluat",  # a report for who trains: its options are those of its command line
    "tools/whisper_base.py",  # the judge of an evaluation
    "tools/i18n/",  # files of the product itself
    "tools/pack/",  # of the command line: an error text names a tool there
)
"""What the pages import or start, but whose errors no visitor of a page reads."""
LEFT_ENGLISH_FILES = {
    "GPT_SoVITS/pages/serve.py": "said in the console when the server starts",
    "GPT_SoVITS/pages/antechamber.py": "said in the console when the server starts",
    "GPT_SoVITS/prepare_datasets/options.py": "of the command line, which the page fills in itself",
    "GPT_SoVITS/s2_train.py": "of the command line: the page picks the script",
    "GPT_SoVITS/s2_train_v3_lora.py": "of the command line: the page picks the script",
    "GPT_SoVITS/AR/read_back.py": "said in the log alone: the voice speaks without that table",
    "GPT_SoVITS/AR/backend.py": "a tensor or value that only a program can give",
    "GPT_SoVITS/AR/models/lm_rows.py": "a tensor that only a program can give",
    "GPT_SoVITS/module/models.py": "a class that only a program can pick",
    "GPT_SoVITS/module/semantic.py": "a tensor that only a program can give",
    "GPT_SoVITS/module/synthesizer_v3.py": "a class or tensor that only a program can pick",
    "GPT_SoVITS/module/discriminators.py": "a settings file that somebody wrote: the page writes its own",
    "GPT_SoVITS/module/model_config.py": "a settings file that somebody wrote",
    "GPT_SoVITS/module/training/settings.py": "a settings file that somebody wrote",
    "GPT_SoVITS/module/training/on_device.py": "a settings file that somebody wrote",
    "GPT_SoVITS/AR/models/config.py": "a settings file that somebody wrote",
    "GPT_SoVITS/AR/training/config.py": "a settings file that somebody wrote",
    "GPT_SoVITS/AR/training/lm_config.py": "a settings file that somebody wrote",
    "GPT_SoVITS/AR/training/lm_tokenizer.py": "a settings file that somebody wrote",
}
LEFT_ENGLISH = {
    # settings of a training that the page does not offer
    "guided.layers have to be in 0..{} and guided.heads in 1..{}",
    "qwen3.new_model cannot be built ({})",
    "qwen3.lora_targets {} do not fit the backbone ({})",
    "the AR checkpoint has no {}.word_embeddings.weight",
    # what only a program can give
    "text",
    "HuBERT got audio of shape {}",
    "[batch, {} or more]",
    "phone ids must be in 0..{}",
    "prompt tokens must be in 0..{}",
    # writing files, by tools of the command line
    "files of {} have no header",
    "use torch.save",
    "a checkpoint with {} tables of tensors (keys: {})",
    "one, as in an exported model",
    "export the model first",
    "beside its weights the checkpoint holds what JSON cannot keep ({})",
    "an exported model, not a training state",
}
NAMES = re.compile(
    r"[^ ]*[^a-z ][^ ]*|pip install (-e |-r )?[^ ]+|--[^ ]+( [^ ]*[^a-z ][^ ]*)?|[\w-]+(, [\w-]+)+|\{\} --force"
)
"""The same in every language: a name, a command, a row of names."""


def untranslated(text: str) -> bool:
    """True where a sentence, or a sentence inside it, is not in the files."""
    line = text.replace("{}", PUT_IN)
    if not re.search(r"[A-Za-z]{3,}", line) or NAMES.fullmatch(text):
        return False
    if (found := found_in(line)) is None:
        return True
    for name, value in found[1].items():
        if name in FREE + NESTED and untranslated(value):
            return True
        if name not in FREE + NESTED and re.search(r"[A-Za-z]{2,} [a-z]{2,}", value):
            return True
    return False


@cache
def reached() -> frozenset[Sentence]:
    """What the errors may say that a visitor of the pages can meet."""
    pages = [source for source in sources().values() if source.name.partition(".")[0] in ("pages", "inference_webui")]
    return frozenset(s for source in reached_from(pages, NOT_REACHED) for s in sentences(source))


def strings() -> Iterator[str]:
    """Every string of the sources, with ``{}`` for what is put in: reasons and warnings are no errors of their own."""
    for source in sources().values():
        for node in source.strings:
            if isinstance(node, ast.Constant):
                yield str(node.value)
            else:
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


def keys() -> list[str]:
    return [key for key in texts("en_US") if key.startswith(SECTIONS)]


def test_all_that_a_page_can_say_is_translated() -> None:
    """A new error of a module that a page reaches needs a text in ``locale/*/errors*.json``, or a reason above."""
    assert len(reached()) > 600
    left = [s for s in reached() if s.module not in LEFT_ENGLISH_FILES and s.text not in LEFT_ENGLISH]
    missing = sorted(f"{s.module}: {s.text}" for s in left if untranslated(s.text))
    assert not missing, "\n".join(missing)


def test_what_is_left_in_english_is_there() -> None:
    said, modules = {s.text for s in reached()}, {s.module for s in reached() if untranslated(s.text)}
    assert not sorted(LEFT_ENGLISH - {text for text in said if untranslated(text)})
    assert not sorted(set(LEFT_ENGLISH_FILES) - modules)
    paths = [below(source) for source in sources().values()]
    assert all(any(path.startswith(place) for path in paths) for place in NOT_REACHED)


def test_an_error_that_is_added_is_noticed() -> None:
    assert untranslated("the {} is too green to be spoken")
    assert untranslated("{} is too green to be spoken")
    assert untranslated("{} seems to be a green thing")
    assert not untranslated("{} seems to be an audio file")


def test_the_english_texts_are_those_of_the_sources() -> None:
    hits: set[str] = set()
    for sentence in {s.text for source in sources().values() for s in sentences(source)}:
        line = sentence.replace("{}", PUT_IN)
        while (found := found_in(line)) is not None:
            hits.add(found[0])
            line = next((value for name, value in found[1].items() if name in FREE + NESTED), "")
    said = set(strings())
    hits |= {key for key in keys() if re.sub(r"\{\w+\}", "{}", texts("en_US")[key]) in said}
    unused = sorted(set(keys()) - hits)
    assert not unused, unused


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_a_translation_keeps_what_is_put_in(language: str) -> None:
    """Each value stands in the sentence as often as in English: none lost, none that nobody gives."""

    def places(text: str) -> list[str]:
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)

    english, own = texts("en_US"), texts(language)
    assert not [key for key in keys() if places(own[key]) != places(english[key])]
    for key in keys():
        values = {name: f"<{name}>" for name in places(english[key])}
        assert all(value in own[key].format(**values) for value in values.values()), key


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_values_are_put_into_the_translation(language: str) -> None:
    say = Translator(language).say
    error = RequestError("top_k=-5 cannot be used", "a whole number from 1 to 100")
    for sentence in (told(say, error), told_line(say, str(error))):
        assert all(value in sentence for value in ("top_k", "-5", "1", "100"))
        assert ("cannot be used" in sentence) == (language == "en_US")
    assert told(Translator("en_US").say, error) == str(error)


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_a_sentence_inside_a_sentence_is_translated_too(language: str) -> None:
    said = told_part(Translator(language).say, "/x/a.pth seems to be a git-lfs pointer, not the weights themselves")
    assert "/x/a.pth" in said and "git-lfs" in said
    assert ("themselves" in said) == ("seems" in said) == (language == "en_US")


@pytest.mark.parametrize("language", [name for name in PAGE_LANGUAGES if name != "en_US"])
@pytest.mark.parametrize(
    ("line", "values", "english"),
    [
        (
            "1-get-text: no usable clip in the list (3 x file missing, 1 x empty text; the first: a.wav); "
            "expected at least one good line; fix: mend the list or the audio folder and start again",
            {"1-get-text", "3 x ", "1 x ", "a.wav"},
            {"no usable", "missing", "empty", "expected", "at least", "fix", "mend"},
        ),
        (
            "a.pth is a training state (G_*.pth or D_*.pth), not an exported model; expected a SoVITS (s2) checkpoint; "
            "fix: choose a file of the right kind",
            {"a.pth", "G_*.pth", "SoVITS"},
            {" is ", "training", "exported", "checkpoint", "choose"},
        ),
        (
            "x.yaml: accelerate is not installed; training needs it: pip install accelerate",
            {"x.yaml", "pip install accelerate"},
            {"not installed", "training"},
        ),
    ],
)
def test_an_error_in_a_log_is_translated_whole(language: str, line: str, values: set[str], english: set[str]) -> None:
    said = told_line(Translator(language).say, line)
    assert not {value for value in values if value not in said}, said
    assert not {words for words in english if words in said}, said
    assert told_line(Translator("en_US").say, line) == line


@pytest.mark.parametrize("language", PAGE_LANGUAGES)
def test_counts_of_clips_are_translated(language: str) -> None:
    error = DatasetError(
        "no clip of /x can be trained on: 3 unreadable audio (first: a.wav), 1 not four fields, or no phones"
    )
    said = told(Translator(language).say, error)
    assert all(text in said for text in ("/x", "3 ", "1 ", "a.wav"))
    assert len({"unreadable" in said, "first" in said, "four fields" in said, language == "en_US"}) == 1
    assert told(Translator("en_US").say, error) == str(error)


@pytest.mark.parametrize(
    "sentence",
    [
        "a new sentence",
        "the weather is fine",
        "/x/a.wav: no such green thing",
        "a tool with tensors and plain values only",
    ],
)
def test_what_is_not_known_stays_as_it_is(sentence: str) -> None:
    assert told(Translator("ja_JP").say, GSVError(sentence)) == sentence
