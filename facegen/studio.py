"""The studio: all stages put together, for the page, the command line, the tests and you.

    studio = Studio.load()
    aligned = studio.align(images.load("photo.jpg"))
    inversion = studio.invert(aligned)
    for variant in studio.vary(inversion, count=6, strength=0.5, seed=7):
        studio.render(variant).save("out")

Data flows in one direction, one module a step: detect, align, invert, vary, stylize. No stage
imports another; what one needs of another is passed to it here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import images, models, runtime, weights
from .errors import OptionError
from .face import align, detect
from .latent import balance, invert, persona
from .latent.codes import CodeStatistics, from_text, seeds, to_text
from .latent.edit.answers import Gains
from .latent.edit.editor import Edited, Editor
from .latent.mix import offspring, regions
from .latent.mix.crossover import Mixture, RegionMixer, mixture, recipes
from .latent.mix.offspring import Offspring
from .latent.persona import Shot
from .latent.persona import Tools as PersonaTools
from .latent.refine import RefineTools, refine
from .latent.restore import restorations
from .latent.restore.observe import Observed, observe
from .latent.restore.restorations import Restoration
from .latent.vary import strangers
from .latent.vary.selection import Tools, VariantSelection
from .latent.vary.strangers import Strangers
from .measure import naturalness
from .measure.comparison import Comparison
from .measure.identity import dlib_recogniser, recognisers
from .measure.identity.dlib_recogniser import Recogniser
from .measure.naturalness import Naturalness, Seer
from .measure.observation import Observer
from .measure.perceptual import features_at_hand, lpips_at_hand, views_of
from .models import FaceModel, ModelInfo, Renderer
from .options import (
    USUAL,
    AnonymiseOptions,
    InvertOptions,
    PersonaOptions,
    SampleOptions,
    StyleOptions,
    VaryOptions,
)
from .options.background import KEEP
from .options.edit import EditOptions
from .options.mix import ChildOptions, MixOptions
from .options.restore import RestoreOptions
from .output import backdrop
from .output.portrait import Portrait, overlay
from .stylize import Stylizer
from .types import LOADING, AlignedFace, Face, Inversion, Progress, Variant, drained
from .weights.hub import Progress as FetchProgress
from .whole_photo.replace import Anonymised, replace_faces

InvertProgress = Callable[[int, int, float], None]  # step, steps, best distance so far
_MOST_OFF = 4.0  # of 255, at 64 pixels: what JPEG and other processors change in a picture


class Studio:
    """One face model on one device, with the detector and the recognisers."""

    def __init__(
        self, model: FaceModel, device: torch.device, recognisers: tuple[Recogniser, ...] = ()
    ):
        self.model = model
        self.device = device
        self.recognisers = recognisers
        self.renderer = Renderer(model, device)
        self.detector = detect.Detector()
        self._strangers: tuple[Strangers | None] | None = None  # what was learned, once it was
        self._stylizers: dict[str, tuple[Stylizer, str]] = {}  # with what the licence allows

    @classmethod
    def load(
        cls,
        model: str = "auto",
        device: str = "auto",
        progress: FetchProgress | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Studio:
        """Load a model, fetched at its first use.

        model: a name of `weights list`, a checkpoint's path, or "auto": the default model, or the
        bundled one where that is not available. progress: called with the bytes so far and in all
        during a download. say: called with a line on what "auto" fetches, or why it could not;
        unless given, standard error. Raises WeightsError, or OptionError for a device that does not
        exist."""
        chosen = runtime.choose_device(device)
        face = models.load_face_model(model, chosen, progress, say)
        return cls(face, chosen, recognisers.at_hand(chosen))

    # -- what there is -------------------------------------------------------------------

    @property
    def info(self) -> ModelInfo:
        return self.model.info

    @property
    def resolution(self) -> int:
        return self.info.resolution

    @property
    def styles(self) -> tuple[str, ...]:
        """List the names of the available anime styles."""
        return tuple(dict.fromkeys((*weights.anime_styles(), *self._stylizers)))

    def add_style(self, path: str | Path) -> str:
        """Add an anime style of your own (see `train anime`); returns its name.

        It replaces an available style of the same name. Raises WeightsError."""
        network, name, licence = models.anime_file(Path(path), self.device)
        self._stylizers[name] = Stylizer(network, name, self.device), licence
        return name

    def check_style(self, style: StyleOptions | None) -> None:
        """Raise OptionError for an anime style that is not available; None is no style."""
        if style:
            weights.check_style(style.style, self.styles)

    @cached_property
    def statistics(self) -> CodeStatistics:
        return CodeStatistics.of(self._w)

    @cached_property
    def prior(self) -> invert.Prior:
        return invert.Prior.of(self._w)

    @property
    def strangers(self) -> Strangers | None:
        """Return the regressions on the model's own people; None if it shows too few faces."""
        for _ in self.learn():
            pass
        assert self._strangers is not None
        return self._strangers[0]

    def learn(self) -> Iterator[float]:
        """Learn `strangers` where that is still to do; yields the share that is done, 0 to 1.

        Takes a moment for a model that ships with it; for another one minutes at its first use.
        Raises OptionError for a model without w."""
        self.model.check_w()
        if self._strangers is None:
            found = yield from strangers.learn(self.model, self.observer, self.renderer)
            self._strangers = (found,)

    def get_ready(self) -> Generator[Progress, None, None]:
        """Load what a model's first photo would otherwise wait for; yields what is loaded next.

        Yields nothing where all is loaded. Raises OptionError for a model that cannot invert
        photos."""
        self.model.check_w()
        parts = {"statistics": "the model's average face"}
        if self.renderer.previewed < self.resolution:
            parts["prior"] = "the model's usual faces"
        parts["_look"] = "what pictures are compared by"
        missing = [name for name in parts if name not in vars(self)]
        for done, name in enumerate(missing):
            yield Progress(LOADING, done, len(missing), parts[name])
            getattr(self, name)

    def facts(self) -> dict[str, object]:
        """Return what every picture from this model says about itself (see provenance.FACTS)."""
        return {"model": self.info.name, "licence": self.info.terms}

    # -- photo to ws ---------------------------------------------------------------------

    def detect(self, pixels: np.ndarray) -> list[Face]:
        """Detect all faces in uint8 [H, W, 3], largest first; may be empty."""
        return self.detector.detect(pixels)

    def align(
        self, pixels: np.ndarray, face: int = 0, faces: list[Face] | None = None
    ) -> AlignedFace:
        """Cut the FFHQ crop of one face at the model's resolution. Raises NoFaceError.

        faces: from `detect`, if already called."""
        with runtime.Timer() as timer:
            found = self.detect(pixels) if faces is None else faces
            chosen = detect.pick(found, face)
            crop, quad = align.align(pixels, chosen, self.resolution)
        return AlignedFace(crop, quad, face, len(found), timer.seconds)

    def steps(self, wanted: int = USUAL, strength: float | None = None) -> int:
        """Return the refinement steps: those wanted, or for USUAL those worth their time.

        A small model's steps take milliseconds, and its encoder is a small one too; without an
        encoder only steps find a face. strength: of the variants that start from the code; a
        stranger at strength 1 has nothing of it, and others need it less exactly."""
        if self.model.encode is None and wanted in (USUAL, 0):
            return invert.STEPS_ALONE if wanted == USUAL or strength == 1 else wanted
        if wanted != USUAL:
            return wanted
        if strength == 1:
            return 0
        if self.renderer.previewed < self.resolution:
            return invert.STEPS_PREVIEW if strength in (None, 0) else invert.STEPS_VARY
        return invert.STEPS_SMALL if self.resolution <= invert.SMALL else 0

    def invert(
        self, aligned: AlignedFace, steps: int = 0, progress: InvertProgress | None = None
    ) -> Inversion:
        """Invert the aligned face to ws. steps 0: the encoder alone; more, or USUAL: see `steps`.

        progress is called after every step; an exception it raises ends the refinement. Raises
        OptionError for a model without an encoder and steps 0."""
        steps = self.steps(InvertOptions(steps).steps)
        for step in self.refine(aligned, steps):
            if progress and step.steps:
                progress(step.steps, steps, step.distance)
        return step

    def refine(self, aligned: AlignedFace, steps: int = 0) -> Iterator[Inversion]:
        """Yield the encoder's Inversion, then a better one after each step (see latent/refine.py).

        The caller may stop at any time."""
        tools = RefineTools(
            self.renderer,
            self.detector,
            self.device,
            self._look,
            "classifier" if self._views else "recogniser",
            self._lpips,
            lambda: self.statistics.spread,
            lambda: self.prior,
        )
        return refine(aligned, self.steps(InvertOptions(steps).steps), tools)

    def code_of_own(self, pixels: np.ndarray, facts: Mapping[str, object]) -> Inversion | None:
        """Return the code of a person whom this model invented; None for other pictures.

        facts: what the file says of itself (see provenance.facts_in): a code, or the seed of a
        random face. They may be forged: the picture, uint8 [H, W, 3], has to show that person."""
        started = time.perf_counter()
        ws = self._told(facts)
        if ws is None:
            return None
        drawn = self.renderer.pixels(ws)
        off = images.resize(drawn, 64).astype(float) - images.resize(pixels, 64).astype(float)
        if np.abs(off).mean() > _MOST_OFF:  # another background, perhaps
            identity = self.compare(drawn).measure(pixels).identity
            if not identity or not all(one.same_person for one in identity.values()):
                return None
        return Inversion(AlignedFace(drawn, None), ws, drawn, 0.0, 0, time.perf_counter() - started)

    def _told(self, facts: Mapping[str, object]) -> Tensor | None:
        """Read the ws that a file of this model's tells; None where it tells none."""
        if facts.get("model") != self.info.name or {"edit", "style"} & {*facts}:
            return None
        if "code" in facts:
            config = self.model.generator.config
            return from_text(str(facts["code"]), config.num_ws, config.w_dim)
        try:
            seed, psi = int(str(facts["seed"])), float(str(facts["truncation_psi"]))
        except (KeyError, ValueError):
            return None
        if "strength" in facts or facts.get("noise_mode") != "const":
            return None
        return self.model.code_of(seed, psi).float().cpu() if seed >= 0 and 0 <= psi <= 1 else None

    def without_code(self, aligned: AlignedFace) -> Inversion:
        """Replace an inversion for variants at strength 1.

        They take nothing of the photo's code, so it is not computed. Its ws is the average face's.
        """
        generator = self.model.generator
        ws = generator.broadcast(generator.w_avg[None]).float().cpu()
        return Inversion(aligned, ws, aligned.pixels, float("inf"), 0, 0.0)

    # -- ws to people --------------------------------------------------------------------

    def vary(
        self,
        inversion: Inversion,
        count: int = VaryOptions.count,
        strength: float = VaryOptions.strength,
        seed: int = VaryOptions.seed,
        **more: Any,
    ) -> Iterator[Variant]:
        """Yield variants, each measured against the aligned photo.

        more: the other fields of VaryOptions. A seed gives one variant, whatever the other options.
        Which seeds are shown is chosen, and fewer than `count` where nobody else holds
        (latent/vary/selection.py)."""
        options = VaryOptions(count=count, strength=strength, seed=seed, **more)
        return iter(self.select(inversion, options))

    def select(
        self,
        inversion: Inversion,
        options: VaryOptions,
        reference: Comparison | None = None,
        pasted: bool = False,
    ) -> VariantSelection:
        """Select the variants, to be iterated over once; then its `report` gives the counts.

        reference: `compare`'s result for the aligned photo, if already called. pasted: their faces
        alone are wanted, one by one, for a photo."""
        known = self.strangers if self.recognisers else None
        tools = Tools(self.renderer, self.statistics, known)
        reference = reference or self.compare(inversion.aligned.pixels)
        return VariantSelection(inversion, options, tools, reference, pasted)

    def compare(self, reference: np.ndarray, shown: float = np.inf) -> Comparison:
        """Prepare the comparison of pictures with that aligned photo, uint8 [R, R, 3].

        shown: the pixels of its photo that a side of it was cropped from, where that is known."""
        return Comparison(self.observer, reference, shown)

    def overlay(self, reference: np.ndarray, variant: np.ndarray) -> np.ndarray | None:
        """Draw both meshes over the paled variant (output/portrait.py); None without a face."""
        there = self.detector.landmarks_of_crop(reference)
        here = self.detector.landmarks_of_crop(variant)
        return overlay(variant, there, here) if there and here else None

    def render(
        self, variant: Variant, style: str | None = None, blend: float = StyleOptions.blend
    ) -> Portrait:
        """Return the variant as a picture with its provenance, and in an anime style if named."""
        facts: dict[str, object] = {"seed": variant.seed, "strength": variant.strength}
        if variant.strength == 1:  # nothing of the photo's code is in it
            facts["code"] = to_text(variant.ws)
        return self._portrait(variant.pixels, variant.seed, facts, style, blend, variant)

    def cut_out(self, pixels: np.ndarray) -> np.ndarray:
        """Return how much of each pixel of a crop, uint8 [R, R, 3], is the person's, [R, R]."""
        return backdrop.matte(pixels, self.detector)

    def before(self, portrait: Portrait, background: str) -> Portrait:
        """Put a portrait before another background (options/background.py)."""
        if background == KEEP:
            return portrait
        share = self.cut_out(portrait.pixels)
        front = backdrop.foreground(portrait.pixels, share)
        return backdrop.before(portrait, front, share, background)

    def observe(
        self,
        pixels: np.ndarray,
        options: RestoreOptions | None = None,
        mask: np.ndarray | None = None,
        face: int = 0,
    ) -> Observed:
        """Observe a damaged picture, uint8 [H, W, 3]: its face and its damage.

        mask: uint8 [H, W], 255 in holes. Raises NoFaceError, OptionError."""
        options = options or RestoreOptions()
        if options.damage == "holes" and mask is None:
            raise OptionError(
                "damage is holes, but there is no mask that says where; add --mask FILE"
            )
        if self.model.encode is None:
            raise OptionError(
                f"{self.info.name} has no encoder to start from; use one that has: see "
                "'weights list'"
            )
        size, faces = self.renderer.previewed, self.detect(pixels)
        return observe(pixels, mask, faces, face, options, size, self.resolution)

    def restore(
        self, seen: Observed, options: RestoreOptions | None = None
    ) -> Iterator[Progress | Restoration]:
        """Yield faces that the picture could show, and each step of the search for them."""
        tools = restorations.Tools(
            self.model, self.renderer, self.statistics, self.prior, self._look, self.device
        )
        return restorations.restorations(seen, options or RestoreOptions(), tools)

    def anonymise(
        self,
        pixels: np.ndarray,
        options: AnonymiseOptions | None = None,
        tell: Callable[[Progress], object] = lambda progress: None,
        **more: Any,
    ) -> Anonymised:
        """Replace the faces of a whole photo, uint8 [H, W, 3], by people who do not exist.

        tell: called with how many are done and the photo so far. more: see
        whole_photo.replace.replace_faces. Raises NoFaceError, OptionError."""
        options = options or AnonymiseOptions()
        return drained(replace_faces(self, pixels, options, **more), tell)

    # -- a face, changed by name ---------------------------------------------------------

    @property
    def editor(self) -> Editor:
        """The model's sliders, with previews during changes."""
        return Editor(self.model, self.renderer, self.detector, self.statistics)

    def edit(
        self, inversion: Inversion, options: EditOptions, gains: Gains | None = None
    ) -> Edited:
        """Edit a face: older, smiling, turned. gains: those already known, see Editor.gains.

        Raises OptionError for a slider that the model does not have."""
        return self.editor.edit(inversion, options, gains)

    # -- two faces -----------------------------------------------------------------------

    def mixer(
        self, sharpness: float = MixOptions.sharpness
    ) -> Generator[Progress, None, RegionMixer]:
        """Make what mixes codes by region; the regions are measured at a model's first use.

        Raises OptionError for a model without styles."""
        if not self.model.generator.style_layers:
            raise OptionError(
                f"{self.info.name} has no styles to mix by; use a StyleGAN2 or a MobileStyleGAN"
            )
        measuring = regions.measure(self.model, self.statistics, self.renderer)
        while True:
            try:
                yield Progress(regions.MEASURING, round(100 * next(measuring)), 100)
            except StopIteration as end:
                return RegionMixer(self.model, self.statistics, end.value, sharpness)

    def mix(
        self, first: Tensor, second: Tensor, options: MixOptions | None = None
    ) -> Iterator[Progress | Mixture]:
        """Yield mixtures of two codes, ws [1, num_ws, w_dim], row by row."""
        options, mixer = options or MixOptions(), None
        if self.model.generator.style_layers:
            mixer = yield from self.mixer(options.sharpness)
        sizes = self.model.generator.config.layer_resolutions
        plan = recipes(sizes, options, mixer is not None)
        for index, recipe in enumerate(plan, start=1):
            ws = mixture(recipe, first, second, self.statistics.mean, sizes, mixer)
            yield Mixture(index, len(plan), recipe, self.renderer.pixels(ws), ws)

    def children(
        self, first: Inversion, second: Inversion, options: ChildOptions | None = None
    ) -> Iterator[Progress | Offspring]:
        """Yield children of two faces, each measured against both. Raises OptionError."""
        mixer = yield from self.mixer()
        tools = offspring.Tools(
            self.model, self.renderer, self.statistics, self.observer, self.recognisers
        )
        parents = first, second
        yield from offspring.offspring(parents, options or ChildOptions(), tools, mixer)

    def persona(self, options: PersonaOptions | None = None) -> Iterator[Progress | Shot]:
        """Yield one person's pictures, found by the options; those that do not hold say why.

        Raises NoFaceError where nobody is as asked, OptionError for a model without sliders."""
        options = options or PersonaOptions()
        tools = self.persona_tools(options)
        person = yield from persona.find(options, tools)
        looks = persona.looks_of(options, tools.directions, person)
        yield from persona.shots(person, looks, tools)

    def persona_tools(self, options: PersonaOptions) -> PersonaTools:
        """Return what a person's pictures are made with. Raises OptionError without sliders."""
        return PersonaTools(
            self.model, self.renderer, self.observer, self.recognisers, self.statistics,
            self.editor.directions, self.strangers, options.noise_mode,
        )  # fmt: skip

    # -- people from nowhere -------------------------------------------------------------

    @torch.no_grad()
    def sample(
        self,
        count: int = SampleOptions.count,
        seed: int = SampleOptions.seed,
        truncation_psi: float = SampleOptions.truncation_psi,
        noise_mode: str = SampleOptions.noise_mode,
    ) -> Tensor:
        """Draw random faces, float32 [count, 3, R, R] in about [-1, 1], on the CPU."""
        options = SampleOptions(count, seed, truncation_psi, noise_mode)
        return torch.cat([image for _, image in self._samples(options)])

    def draw(self, options: SampleOptions, style: StyleOptions | None = None) -> Iterator[Portrait]:
        """Yield random faces as portraits."""
        for seed, image in self._samples(options):
            facts = {
                "seed": seed,
                "truncation_psi": options.truncation_psi,
                "noise_mode": options.noise_mode,
            }
            name, blend = (style.style, style.blend) if style else (None, 1.0)
            yield self._portrait(images.to_pixels(image)[0], seed, facts, name, blend)

    def _samples(self, options: SampleOptions) -> Iterator[tuple[int, Tensor]]:
        chosen = iter(seeds(options.seed, options.count))
        if options.balanced:
            rate = balance.rating(
                self.model,
                self.renderer,
                self.detector,
                self.observer.attributes,
                self.recognisers,
                options,
            )
            chosen = balance.chosen(options.seed, options.count, rate)
        for seed in chosen:
            ws = self.model.code_of(seed, options.truncation_psi)
            yield seed, self.renderer.images(ws, options.noise_mode, seed)

    def synthesize(self, ws: Tensor, noise_mode: str = "const", seed: int = 0) -> Tensor:
        """Draw ws [N, num_ws, w_dim] as images float32 [N, 3, R, R], not clamped, on the CPU.

        One picture at a time, so that a picture never depends on its neighbours in the batch. seed:
        of the noise, in noise_mode "random"."""
        self.renderer.check(ws)
        return torch.cat([self.renderer.images(one[None], noise_mode, seed) for one in ws])

    @cached_property
    def natural(self) -> Naturalness | None:
        """The score of a picture's naturalness for this model; None where there is none."""
        fitted = self.model.measured
        known = self._seer is not None and set(naturalness.FIELDS) <= fitted.keys()
        return Naturalness(self._seer, fitted) if known else None

    @cached_property
    def observer(self) -> Observer:
        """The observer of crops, with everything that is available."""
        return Observer(self.detector, self.recognisers, self._seer, self.natural)

    @cached_property
    def _w(self) -> Tensor:
        return self.model.sample_w()

    @cached_property
    def _features(self) -> Any:
        """A classifier's features of pictures, or None where its weights are not available."""
        return features_at_hand(self.device)

    @cached_property
    def _seer(self) -> Any:
        return Seer(self._features) if self._features else None

    @cached_property
    def _lpips(self) -> Any:
        """LPIPS where its weights were fetched, or None."""
        return lpips_at_hand(self.device)

    @cached_property
    def _views(self) -> Any:
        return views_of(self._features) if self._features else None

    @cached_property
    def _look(self) -> Any:
        """The features that pictures are compared by: a classifier's, else a recogniser's."""
        if self._views:
            return self._views
        seen = dlib_recogniser.looker(self.device)
        return lambda images: [(1.0, seen(images))]

    # -- small help ----------------------------------------------------------------------

    def _portrait(
        self, pixels: Any, seed: Any, facts: Any, style: Any, blend: Any, variant: Any = None
    ) -> Portrait:
        facts = self.facts() | facts
        if style is None:
            return Portrait(pixels, seed, facts, variant=variant)
        self.check_style(StyleOptions(style, blend))
        stylizer, licence = self._stylizer(style)
        stylized_facts = facts | {"style": style, "blend": blend, "style_licence": licence}
        return Portrait(
            pixels, seed, facts, stylizer(pixels, blend), style, stylized_facts, variant
        )

    def style_licence(self, style: str) -> str:
        """Return the licence of drawings in that style. Raises WeightsError."""
        return self._stylizer(style)[1]

    def _stylizer(self, style: str) -> tuple[Stylizer, str]:
        if style not in self._stylizers:
            network = models.load_anime(style, self.device)
            licence = weights.find(style).licence_meaning
            self._stylizers[style] = Stylizer(network, style, self.device), licence
        return self._stylizers[style]
