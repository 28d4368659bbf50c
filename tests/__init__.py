"""Tests, run with trial; the folders mirror mailhost/.

How many examples hypothesis tries is the profile's matter, which MAILHOST_TEST_EXAMPLES names:
`quick` for further versions of Python, `usual`, or `long`. Tests that say a number themselves are
slow for each example.
"""

from __future__ import annotations

import os

from hypothesis import settings

EXAMPLES = {"quick": 20, "usual": 100, "long": 1000}

for name, number in EXAMPLES.items():
    # a loaded machine must not fail a test by its time
    settings.register_profile(name, deadline=None, max_examples=number)
PROFILE = os.environ.get("MAILHOST_TEST_EXAMPLES", "usual")
settings.load_profile(PROFILE)
