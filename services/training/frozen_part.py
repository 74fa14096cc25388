"""The backbone's frozen part, run the fastest way there is: ONNX Runtime on a CPU, torch on an accelerator."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from services.training.backbone import Backbone
from services.training.export import export
from services.training.sessions import open_session


class FrozenPart:
    """Photos to activations of the frozen blocks, which no training changes."""

    def __init__(self, backbone: Backbone, side: int, device: torch.device) -> None:
        """Prepare for photos of `side` pixels; on a CPU, ONNX Runtime takes a fraction of torch's time."""
        self.device = device
        self._backbone, self._session = backbone, None
        if device.type == "cpu":
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, "frozen.onnx")
                export(_Module(backbone), side, "activations", file)
                self._session = open_session(file, threads=torch.get_num_threads())

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def __call__(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Return the activations of photos uint8 [N, side, side, 3]: float32 [N, C, h, w] on the device."""
        if self._session is not None:
            return torch.from_numpy(self._session.run(None, {"pixels": pixels})[0])
        activations: Tensor = self._backbone.frozen_part(torch.from_numpy(pixels).to(self.device))
        return activations

    def batches(self, pixels: NDArray[np.uint8], batch: int = 64) -> list[Tensor]:
        """Return the activations of many photos, batch by batch."""
        return [self(pixels[start : start + batch]) for start in range(0, len(pixels), batch)]


class _Module(nn.Module):  # type: ignore[misc] # torch is untyped where it is not installed
    """The frozen part as a module of its own, which is what can be exported."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, pixels: Tensor) -> Tensor:
        return self.backbone.frozen_part(pixels)
