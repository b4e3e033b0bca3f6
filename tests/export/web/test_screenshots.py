"""The pictures of the documentation can be taken again, and show the same."""

from __future__ import annotations

from pathlib import Path

from support.browser import chromium
from support.exporter import Exporter
from support.screenshots import SHOTS, story, take

ROOT = Path(__file__).resolve().parents[3]


def test_pictures_are_taken_and_are_those_of_the_documentation(tmp_path: Path) -> None:
    chromium()
    take(tmp_path)
    for shot in SHOTS:
        picture = (tmp_path / f"{shot.name}.png").read_bytes()
        kept = (ROOT / "exporter" / "images" / f"{shot.name}.png").read_bytes()
        # Width and height stand in the first chunk of a PNG.
        assert picture[:24] == kept[:24]
        assert len(picture) > 20_000


def test_the_same_story_gives_the_same_page(tmp_path: Path) -> None:
    pages = []
    for place in (tmp_path / "one", tmp_path / "two"):
        place.mkdir()
        arguments = ("demo", "--story", str(story(place)), "--log-level", "info")
        with Exporter(place, {}, arguments=arguments) as demo:
            demo.wait_ready()
            pages.append([demo.get(shot.path)[1].decode() for shot in SHOTS])
    assert pages[0] == pages[1]
