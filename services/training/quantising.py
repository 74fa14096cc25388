"""Static int8 quantisation of a model file, calibrated on training photos."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from services.training.surgery import with_full_weights

# The convolutions are where the time goes; additions and cut-offs between them stay in int8 with them. The linear
# layer at the end costs nothing in float32 and is what every digit of the answer hangs on.
_OPERATORS = ("Conv", "Add", "Clip")
_BATCH = 16


class _Batches(CalibrationDataReader):  # type: ignore[misc] # onnxruntime is untyped
    """Hands pixels to the calibration in batches."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._batches = iter([pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH)])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"pixels": batch}


def quantise(file: Path, pixels: NDArray[np.uint8], target: Path) -> None:
    """Write `file` in int8: weights per channel, activations per tensor, as QDQ pairs around float32 operators.

    Weights have 7 bits (`reduce_range`): with 8, processors without VNNI overflow in the sum of two products, so the
    file would answer differently there.

    Args:
        file: answers to `pixels` uint8 [N, side, side, 3].
        pixels: training photos, from which the ranges of the activations are taken.
        target: the file to write.
    """
    model = onnx.shape_inference.infer_shapes(with_full_weights(onnx.load(str(file))))
    add_pre_process_metadata(model)  # shapes are known and constants folded, which is what the quantiser warns about
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder, "prepared.onnx")
        onnx.save(model, str(prepared))
        quantize_static(
            str(prepared),
            str(target),
            _Batches(pixels),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_OPERATORS),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
