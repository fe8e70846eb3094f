"""torch.compile is used where it is faster; a twin that sleeps, or does not, stands in for it."""

import time

import pytest
import torch
from torch import nn

from facegen.errors import OptionError
from facegen.training import parallel
from facegen.training.options import StyleGAN2Options


class Slow(nn.Linear):
    def forward(self, x):
        time.sleep(0.01)
        return super().forward(x) + torch.rand(())


def slower(network):
    def twin(x):
        time.sleep(0.03)
        return network(x)

    return twin


def quicker(network):
    return lambda x: nn.functional.linear(x, network.weight, network.bias)


@pytest.mark.parametrize("compiler, taken", [(slower, False), (quicker, True)])
def test_the_faster_one_is_taken(monkeypatch, compiler, taken):
    monkeypatch.setattr(torch, "compile", compiler)
    network = Slow(4, 2)
    torch.manual_seed(5)
    call, ratio = parallel.faster(network, torch.ones(3, 4))
    assert (call is not network) == taken == (ratio > 1)
    assert all(parameter.grad is None for parameter in network.parameters())
    after = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3))  # what comes next is as if nothing had been tried


def test_no_compiler_is_no_error(monkeypatch, caplog):
    def missing(network):
        def twin(x):
            raise OSError("no C compiler\nfound")

        return twin

    monkeypatch.setattr(torch, "compile", missing)
    network = nn.Linear(4, 2)
    assert parallel.faster(network, torch.ones(3, 4)) == (network, 0.0)
    assert "no C compiler" in caplog.text and "found" not in caplog.text
    assert all(parameter.grad is None for parameter in network.parameters())


def test_compile_is_one_of_three():
    with pytest.raises(OptionError, match="compile is '1'; it must be auto, on or off"):
        StyleGAN2Options(data=("x",), out="y", compile="1")
