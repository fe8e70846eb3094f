"""A miniature of the photorealistic generator with random weights, and what goes with it."""

import torch

from facegen.models import ModelInfo
from facegen.networks.mobile_stylegan import MAPPING_LAYERS, MobileConfig, MobileGenerator

# Six blocks, 512 pixels: previews are made at 128 px, and a block above them is needed.
CONFIG = MobileConfig(z_dim=16, w_dim=16, channels=(8,) * 6)
INFO = ModelInfo("mini", "Miniature", 0, "none", "tests only", "nothing")


def generator(seed: int = 0, config: MobileConfig = CONFIG) -> MobileGenerator:
    """Activations keep their size from layer to layer, and every place of W+ is felt."""
    torch.manual_seed(seed)
    result = MobileGenerator(config)
    with torch.no_grad():
        for name, one in (*result.named_parameters(), *result.named_buffers()):
            if name.startswith("head."):
                continue
            if name.endswith("affine.bias"):
                one.fill_(1.0)
            elif name.endswith("noise"):
                one.normal_(0, 0.1)
            elif name.endswith("w_avg"):
                one.zero_()
            elif one.ndim > 1:
                fan_in = one[0].numel() if name != "synthesis.const" else 1
                scale = 0.5 if name.endswith("affine.weight") else 1.2
                one.normal_(0, scale / fan_in**0.5)
            else:
                one.normal_(0, 0.1)
        z = torch.randn(1000, config.z_dim)
        last = getattr(result.mapping, f"fc{MAPPING_LAYERS - 1}")
        spread = result.mapping(z).std()
        last.weight /= spread
        last.bias /= spread
        result.mapping.w_avg.copy_(result.mapping(z).mean(dim=0))
    return result.eval().requires_grad_(False)


def content(made: MobileGenerator) -> dict[str, torch.Tensor]:
    """What a converted generator's file holds: no head."""
    return {key: value for key, value in made.state_dict().items() if not key.startswith("head.")}
