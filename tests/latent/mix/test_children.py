"""Children's genes, their ages, and which of them are shown."""

from itertools import islice

import numpy as np
import pytest
import torch

from facegen.errors import OptionError
from facegen.latent.mix import ages, siblings
from facegen.latent.mix.children import CANDIDATES, FIRST, SECOND, STRANGER, conceive
from facegen.latent.mix.options import ChildOptions
from facegen.latent.mix.regions import REGIONS
from facegen.latent.vary.perturb import CodeStatistics

STATISTICS = CodeStatistics(torch.zeros(8), torch.eye(8))
A, B = torch.ones(1, 4, 8), -torch.ones(1, 4, 8)


def mean_of(parts):
    """In place of a RegionMixer."""
    return torch.stack(list(parts.values())).mean(dim=0)


def genes(count: int, **options) -> list[dict[str, str]]:
    stream = conceive(A, B, mean_of, STATISTICS, ChildOptions(**options))
    return [child.genes for child in islice(stream, count)]


def test_children_have_genes_of_both_and_each_other_ones():
    found = genes(12, stranger=0.0)
    assert len({tuple(one.values()) for one in found}) == 12
    assert all({FIRST, SECOND} == set(one.values()) for one in found)
    assert set(found[0]) == set(REGIONS)


def test_a_dial_at_zero_gives_no_genes():
    assert all(set(one.values()) == {SECOND} for one in genes(5, first=0.0, stranger=0.0))


def test_strangers_give_as_often_as_stated():
    found = genes(200 * CANDIDATES, stranger=0.2)
    share = np.mean([whose == STRANGER for one in found for whose in one.values()])
    assert 0.15 < share < 0.25
    assert all(set(one.values()) == {STRANGER} for one in genes(4, stranger=1.0))


def test_the_same_seed_gives_the_same_children():
    first, again = (
        [one.ws for one in islice(conceive(A, B, mean_of, STATISTICS, ChildOptions(seed=5)), 6)]
        for _ in range(2)
    )
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[0], first[1])


def test_two_dials_at_zero_are_refused():
    with pytest.raises(OptionError, match="both 0"):
        ChildOptions(first=0.0, second=0.0)


def test_age_and_sex_are_set_to_what_is_asked():
    model = ages.ages_of("mobilestylegan-1024")
    sizes = [4, *(size for size in (8, 16, 32, 64, 128, 256, 512) for _ in range(2)), 1024]
    torch.manual_seed(0)
    ws = model.mean + 0.1 * torch.randn(1, 16, 512)
    _, sex = model.read(ws, sizes)
    age, still = model.read(model.set(ws, sizes, 8.0), sizes)
    assert age == pytest.approx(8.0, abs=0.1) and still == pytest.approx(sex, abs=0.5)
    assert model.read(model.set(ws, sizes, sex=-1.0), sizes)[1] == pytest.approx(8.0, abs=0.5)


def test_a_model_without_known_ages_is_named():
    with pytest.raises(OptionError, match="model is bundled, of which age and sex"):
        ages.ages_of("bundled")


class Ruler:
    """A recogniser whose vectors are numbers."""

    name, threshold = "dlib", 0.6

    def distance(self, first, second):
        return abs(float(first - second))


def test_of_each_slot_no_parent_is_shown_where_there_is_another():
    to_parents = [{"dlib": [0.1, 0.9]}, *({"dlib": [0.6, 0.6]} for _ in range(CANDIDATES - 1))]
    vectors = [{"dlib": np.float64(i)} for i in range(CANDIDATES)]
    (chosen,) = siblings.choose(to_parents, vectors, [Ruler()], 256, 1)
    assert chosen != 0
    seen = siblings.nearness("dlib", 256, 0.1)
    assert seen.is_parent and seen.is_near and siblings.nearness("nobody", 256, 0.1) is None


def test_the_second_child_is_the_one_that_differs():
    to_parents = [{"dlib": [0.6, 0.6]}] * (2 * CANDIDATES)
    to_parents[-1] = {"dlib": [0.9, 0.5]}  # differs most, and is not near
    values = [0] * (CANDIDATES + 1) + [3] + [1] * (CANDIDATES - 3) + [9]
    vectors = [{"dlib": np.float64(value)} for value in values]
    assert siblings.choose(to_parents, vectors, [Ruler()], 256, 2) == [0, CANDIDATES + 1]
