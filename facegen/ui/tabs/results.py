"""The right side of "From a photo": what a run has made so far."""

from __future__ import annotations

import gradio as gr

from .. import texts
from ..run_state import Run
from ..widgets import views
from ..widgets.fields import gallery
from .compare import compare

PROMISE = "People who do not exist will appear here. Choose a photo, then press Generate."


class Results:
    """Builds its components where it is made; `show` says how they follow a run."""

    def __init__(self):
        self.status = gr.HTML(padding=False, elem_classes="fg-status")
        self.empty = gr.HTML(texts.empty(PROMISE), padding=False)
        self.view = views.switch()
        self.chosen = gr.State(0)
        self.gallery = gallery(elem_id="variants")
        self.recogniser = gr.HTML(padding=False, visible=False)
        self.report = gr.HTML(padding=False, visible=False, elem_id="promise")
        self.times = gr.HTML(padding=False, elem_classes="fg-status")
        with gr.Row(visible=False, elem_classes="fg-downloads") as self.downloads:
            self.single = gr.DownloadButton("Download this face (PNG)", size="md", elem_id="one")
            self.all = gr.DownloadButton("Download all (ZIP)", size="md", elem_id="all")
            self.whole = gr.DownloadButton("… with my photo's crop and hash (ZIP)", size="md")
        with gr.Row(visible=False, elem_classes="fg-details") as self.details:
            with gr.Column(min_width=260):
                self.before_after = gr.HTML(padding=False)
                self.meshes = gr.Image(
                    label="Geometry: the photo's mesh in teal, the new face's in orange",
                    interactive=False,
                    buttons=[],
                    visible=False,
                    elem_id="meshes",
                    elem_classes="fg-captioned",
                )
            with gr.Column(min_width=260):
                with gr.Row(elem_classes="fg-pair"):
                    self.aligned = _picture("Aligned photo")
                    self.inverted = _picture("Model's picture")
                self.inversion = gr.HTML(padding=False)

    @property
    def components(self) -> list:
        return [value for value in vars(self).values() if isinstance(value, gr.blocks.Block)]

    def cleared(self) -> dict:
        """Nothing but the empty places."""
        return {
            self.empty: gr.update(visible=True),
            self.view: views.reset(),
            self.chosen: 0,
            self.gallery: gr.update(value=None, visible=False, selected_index=None),
            self.recogniser: gr.update(visible=False),
            self.report: gr.update(visible=False),
            self.downloads: gr.update(visible=False),
            self.details: gr.update(visible=False),
            self.times: "",
        }

    def show(self, run: Run, before: Run | None = None) -> dict:
        """What changed since the run was shown as `before`."""
        before = before or Run(run.folder)
        updates: dict = {self.status: run.progress}
        if run.pictures != before.pictures:
            updates[self.gallery] = gr.update(value=run.gallery, visible=True)
            updates[self.empty] = gr.update(visible=False)
            updates[self.recogniser] = gr.update(
                value=run.recogniser_note, visible=bool(run.recogniser_note)
            )
        if run.pictures and not before.pictures:
            # Not before: what is set while its row is hidden never reaches the browser.
            updates |= {self.aligned: str(run.aligned), self.inverted: str(run.inverted)}
            updates |= {self.inversion: run.inversion_note} | self.choose(run, 0)
            updates[self.gallery]["selected_index"] = 0
            updates[self.all] = gr.update(value=None, interactive=False)
            updates[self.whole] = gr.update(value=None, interactive=False)
            updates[self.downloads] = updates[self.details] = gr.update(visible=True)
        return updates

    @property
    def last(self) -> list:
        """The components that `ended` tells about, in its order."""
        return [self.view, self.all, self.whole, self.report, self.times, self.gallery]

    def ended(self, run: Run | None) -> tuple:
        """What belongs to a run that came to its end.

        By an event of its own, the cards once more: of what a run sends in quick succession, a
        component may miss a part.
        """
        if run is None or run.zip is None or run.manifest is None:
            return (gr.skip(),) * len(self.last)
        note = run.report_note
        return (
            views.ended(run.drawn),
            gr.update(value=str(run.zip), interactive=True),
            gr.update(value=str(run.whole_zip), interactive=True),
            gr.update(value=note, visible=bool(note)),
            texts.times(run.manifest["seconds"]),
            gr.update(value=run.gallery),
        )

    def choose(self, run: Run, index: int, view: str = views.DRAWING) -> dict:
        """The large pictures and the download of one person, counted from 0."""
        picture = run.pictures[index]
        name = f"face {index + 1}"
        if picture.anime_path:
            pair = compare(picture.path, picture.anime_path, name.capitalize(), "its drawing")
        else:
            assert run.aligned is not None, "there is no variant before its photo is aligned"
            pair = compare(run.aligned, picture.path, "The photo", name)
        drawn = picture.overlay_path
        return {
            self.before_after: pair,
            self.meshes: gr.update(value=drawn and str(drawn), visible=drawn is not None),
            self.single: self.download(run, index, view),
        }

    @staticmethod
    def download(run: Run, index: int, view: str) -> dict:
        """The button's picture: what the card shows."""
        picture = run.pictures[index]
        drawing = picture.anime_path and view == views.DRAWING
        name = f"{'drawing' if drawing else 'face'} {index + 1}"
        return gr.update(value=str(picture.as_seen(view)), label=f"Download {name} (PNG)")


def _picture(label: str) -> gr.Image:
    return gr.Image(label=label, alt_text=label, interactive=False, buttons=[], min_width=110)
