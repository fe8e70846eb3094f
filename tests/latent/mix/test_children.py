"""Children's genes, their offspring, and which of them are shown."""

from itertools import islice

import numpy as np
import pytest
import torch

from facegen.errors import OptionError
from facegen.latent.codes import CodeStatistics
from facegen.latent.mix import children, offspring
from facegen.latent.mix.children import CANDIDATES, FARTHER, FIRST, OWN, SECOND, STRANGER, conceive
from facegen.latent.mix.regions import REGIONS
from facegen.options.mix import ChildOptions
from facegen.types import drained

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
    model = offspring.ages_of("mobilestylegan-1024")
    sizes = [4, *(size for size in (8, 16, 32, 64, 128, 256, 512) for _ in range(2)), 1024]
    torch.manual_seed(0)
    ws = model.mean + 0.1 * torch.randn(1, 16, 512)
    _, sex = model.read(ws, sizes)
    age, still = model.read(model.set(ws, sizes, 8.0), sizes)
    assert age == pytest.approx(8.0, abs=0.1) and still == pytest.approx(sex, abs=0.5)
    assert model.read(model.set(ws, sizes, sex=-1.0), sizes)[1] == pytest.approx(8.0, abs=0.5)


def test_a_model_without_known_ages_is_named():
    with pytest.raises(OptionError, match="model is bundled, of which age and sex"):
        offspring.ages_of("bundled")


class Ruler:
    """A recogniser whose vectors are numbers."""

    name, threshold = "dlib", 0.6

    def distance(self, first, second):
        return abs(float(first - second))


def looks(to_parents, values):
    child = next(conceive(A, B, mean_of, STATISTICS, ChildOptions()))
    return [
        children.Look(child, {"dlib": distances}, {"dlib": np.float64(value)})
        for distances, value in zip(to_parents, values, strict=True)
    ]


def test_of_each_slot_no_parent_is_shown_where_there_is_another():
    group = looks([[0.1, 0.9], [0.6, 0.6], [0.6, 0.6]], range(3))
    (chosen,) = children.choose([group], [Ruler()], 256)
    assert chosen is not group[0]
    seen = children.nearness("dlib", 256, 0.1)
    assert seen.is_parent and seen.is_near and children.nearness("nobody", 256, 0.1) is None


def test_the_second_child_is_the_one_that_differs():
    near, far = [0.6, 0.6], [0.9, 0.5]  # the last one differs most, and is not near
    first = looks([near, near], [0, 0])
    second = looks([near, near, near, far], [0, 3, 1, 9])
    assert children.choose([first, second], [Ruler()], 256) == [first[0], second[1]]


def test_where_all_are_a_parent_the_same_ones_are_turned_farther():
    plain, turned = (
        {
            one.seed: one.ws
            for one in islice(
                conceive(A, B, mean_of, STATISTICS, ChildOptions(), own), 2 * CANDIDATES
            )
        }
        for own in (OWN, FARTHER)
    )
    of_second = list(plain)[CANDIDATES:]
    asked = []

    def conceived(own):
        asked.append(own)
        return conceive(A, B, mean_of, STATISTICS, ChildOptions(), own)

    def look(drawn):
        """Those of the second child are its parent, unless they are turned farther."""
        parents = [one.seed in of_second and asked == [OWN] for one in drawn]
        distances = [[0.1, 0.9] if is_parent else [0.6, 0.6] for is_parent in parents]
        return [
            children.Look(one, {"dlib": its}, {"dlib": np.float64(one.seed)})
            for one, its in zip(drawn, distances, strict=True)
        ]

    search = children.family(conceived, look, [Ruler()], 256, 2, 5)
    chosen = drained(search)
    assert asked == [OWN, FARTHER]
    assert [children.rank(one, [Ruler()], 256)[0] for one in chosen] == [children.NEAR] * 2
    assert torch.equal(chosen[0].child.ws, plain[chosen[0].child.seed])
    assert torch.equal(chosen[1].child.ws, turned[chosen[1].child.seed])
