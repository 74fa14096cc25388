"""Cutting out and pasting products."""

import numpy as np

from services.datasets.cutout import Pose, cut_out, paste

_STRAIGHT = np.zeros((4, 2), np.float32)


def test_cut_out_crops_to_the_product() -> None:
    """The white around the product is gone, the product is opaque."""
    picture = np.full((100, 80), 255, np.uint8)
    picture[20:70, 30:50] = 40
    cutout = cut_out(picture)
    assert cutout.colour.shape == (50, 20, 3)
    assert cutout.alpha[10:-10, 5:-5].min() > 0.99


def test_white_inside_a_product_stays_part_of_it() -> None:
    """Only white that touches the border is background."""
    picture = np.full((100, 100), 255, np.uint8)
    picture[20:80, 20:80] = 40
    picture[40:60, 40:60] = 255
    cutout = cut_out(picture)
    assert cutout.alpha[30, 30] > 0.99
    assert cutout.colour[30, 30].min() == 255


def test_coloured_pictures_keep_their_colour() -> None:
    """RGB in, RGB out; a strong colour with one bright channel is no background."""
    picture = np.full((60, 60, 3), 255, np.uint8)
    picture[10:50, 10:50] = (255, 30, 30)
    assert cut_out(picture).colour[20, 20].tolist() == [255, 30, 30]


def test_blank_picture_is_its_own_cut_out() -> None:
    """A white picture has no product to find, and no error."""
    assert cut_out(np.full((40, 30), 255, np.uint8)).colour.shape == (40, 30, 3)


def test_pasting_changes_nothing_far_from_the_product() -> None:
    """Only the product and its shadow touch the scene."""
    scene = np.full((100, 100, 3), 200, np.float32)
    product = cut_out(np.pad(np.full((20, 20), 10, np.uint8), 5, constant_values=255))
    paste(scene, product, Pose((30, 30), 20, 0, _STRAIGHT), shadow=0.5)
    assert scene[30, 30].max() < 20
    assert (scene[60:, 60:] == 200).all()


def test_product_outside_of_the_scene_is_no_error() -> None:
    """A pose may lie outside: then nothing is seen of the product."""
    scene = np.full((50, 50, 3), 200, np.float32)
    product = cut_out(np.pad(np.full((20, 20), 10, np.uint8), 5, constant_values=255))
    for centre in ((-500.0, 20.0), (20.0, 900.0)):
        paste(scene, product, Pose(centre, 20, 30, _STRAIGHT), shadow=0.5)
    assert (scene == 200).all()
