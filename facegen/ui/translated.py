"""The page in the language of whoever asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import gradio as gr
from gradio.data_classes import BlocksConfigDict

from .texts import languages, words

# A language that was chosen earlier is asked for once more; Gradio's own words follow it.
_SCRIPT = """() => {
    const to = new URL(location);
    let kept = null;
    try { kept = localStorage.getItem('facegen-language'); } catch {}
    if (kept && kept !== 'LANGUAGE' && !to.searchParams.has('PARAMETER')) {
        to.searchParams.set('PARAMETER', kept);
        location.replace(to);
    }
    document.documentElement.lang = 'LOCALE';
    const core = performance.getEntriesByType('resource')
        .find(one => /\\/core-[\\w-]+\\.js$/.test(one.name));
    if (core && !navigator.language.startsWith('LANGUAGE'))
        import(core.name).then(gradio => gradio.changeLocale('LOCALE'));
}"""


def script() -> str:
    """Write what the page does about its language once it is open."""
    language = languages.current()
    script = _SCRIPT.replace("LANGUAGE", language).replace("PARAMETER", languages.PARAMETER)
    return script.replace("LOCALE", languages.LOCALES[language])


def gradios_own() -> gr.I18n:
    """Return a word that Gradio tells a screen reader and has in no language."""
    done = {}
    for language, locale in languages.LOCALES.items():
        with languages.use(language):
            done[locale] = {"common.complete": words.Page.done}
    return gr.I18n(**done)


class Translated(gr.Blocks):
    """A page in several languages.

    Gradio reads `config` for each request. The texts of another language than English are those of
    a second page, which is built in that language when it is first asked for.
    """

    again: Callable[[], gr.Blocks] | None = None  # builds it once more
    _building = threading.Lock()

    @property
    def config(self) -> BlocksConfigDict:
        language = languages.current()
        if self.again is None or language == "en":
            return self._english
        with self._building, languages.use(language):
            if language not in self._others:
                self._others[language] = self.again().config
        texts = {
            name: [*map(_texts, self._english[name], self._others[language][name])]
            for name in ("components", "dependencies")
        }
        return cast(BlocksConfigDict, {**self._english, **texts})

    @config.setter
    def config(self, config: BlocksConfigDict) -> None:
        self._english = cast(Any, config)
        self._others: dict[str, Any] = {}


def _texts(ours: Any, other: Any) -> Any:
    """Take the other page's texts; its numbers name its own parts."""
    if isinstance(ours, str) and isinstance(other, str):
        return other
    if isinstance(ours, dict) and isinstance(other, dict):
        return {name: _texts(value, other.get(name)) for name, value in ours.items()}
    if isinstance(ours, list | tuple) and isinstance(other, list | tuple):
        return [*map(_texts, ours, other)] if len(ours) == len(other) else ours
    return ours
