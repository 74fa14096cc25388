"""Both models are asked about every held-out photo, with the pixels that each of them takes."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from services.indexer.answers import ask_about_photos
from services.indexer.embedding import Pace
from services.indexer.pictures import Picture, look_at, read_pixels
from tests.support.galleries import CLASSIFIER, MODEL, SIDE, FakeModels, brightness, make_gallery, project

PACE = Pace(batch_size=3, in_flight=4, decode_threads=2, timeout_seconds=1.0, patience_seconds=0.0)


async def test_every_photo_gets_its_own_answers(tmp_path: Path) -> None:
    """Whatever order they come back in, and with unreadable ones between; the models may differ in size."""
    gallery = make_gallery(tmp_path, {"Bag": 17})
    paths = [gallery.image_root / path for path in gallery.image_paths]
    for bad in (4, 11):
        paths[bad].write_bytes(b"no photo")
    photos = [looked_at for row, path in enumerate(paths) if isinstance(looked_at := look_at(row, path), Picture)]
    small = replace(CLASSIFIER, input_height=SIDE // 2, input_width=SIDE // 2)
    done: list[int] = []
    answers = await ask_about_photos(
        photos, FakeModels(classifier=small, delay_seconds=0.001), MODEL, small, pace=PACE, advance=done.append
    )
    readable = [row for row in range(17) if row not in {4, 11}]
    assert answers.places.tolist() == readable
    assert [one.row for one in answers.unreadable] == [4, 11]
    assert sum(done) == 17
    for side, model, given in ((SIDE, project, answers.vectors), (SIDE // 2, brightness, answers.probabilities)):
        pixels = np.array([read_pixels(photos[row], side, side) for row in readable], np.uint8)
        np.testing.assert_allclose(given, model(pixels), atol=1e-6)
