"""The main job on an embedded default, from invented patients and real objects to a real archive."""
