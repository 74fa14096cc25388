"""Small copies of pictures as data URIs, so that a report carries its pictures with it."""

import base64
from pathlib import Path

import cv2

from services.common.errors import AisleError
from services.photo.intake import read_photo

_SIDE = 176  # shown at half of that at most, so they are crisp on dense screens too
_QUALITY = 78


class Thumbnails:
    """Makes each picture's thumbnail once."""

    def __init__(self, image_root: Path) -> None:
        """Read pictures below `image_root`."""
        self._image_root = image_root
        self._uris: dict[str, str | None] = {}

    def uri(self, path: str | None) -> str | None:
        """Return `data:image/jpeg;base64,...`; None when there is no such picture or it can't be read."""
        if path is None:
            return None
        if path not in self._uris:
            self._uris[path] = self._make(path)
        return self._uris[path]

    def _make(self, path: str) -> str | None:
        file = (self._image_root / path).resolve()
        if not file.is_relative_to(self._image_root.resolve()):
            return None
        try:
            picture = read_photo(file.read_bytes(), least_side=_SIDE).picture
        except (OSError, AisleError):
            return None
        scale = min(1.0, _SIDE / max(picture.shape[:2]))
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
