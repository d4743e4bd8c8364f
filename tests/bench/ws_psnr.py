"""WS-PSNR: the error of an equirectangular picture as the sphere sees it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]

# What is called the same when nothing differs.
IDENTICAL_DB = 100.0


def ws_psnr_db(picture: Luma, reference: Luma) -> float:
    """WS-PSNR of two equirectangular pictures, each row weighted by the cosine of its latitude.

    Sun, Lu and Yu, "Weighted-to-Spherically-Uniform Quality Evaluation for Omnidirectional Video", IEEE SPL 24 (2017).
    """
    height = picture.shape[0]
    weights = np.cos((np.arange(height) + 0.5 - height / 2) * np.pi / height)
    rows = np.mean(np.square(picture.astype(np.float32) - reference.astype(np.float32)), axis=1)
    error = float(np.average(rows, weights=weights))
    return 10 * np.log10(255**2 / error) if error > 0 else IDENTICAL_DB
