"""A French population with truth: `generate(n, seed=...)`, or `python -m matching.population`.

People and their kin (persons.py, kin.py) are told by sites with their habits and slips (telling.py,
errors.py).
The names follow published frequencies (vocabulary.py); nobody in it exists. Names, shares and errors are
assumptions stated in those files, not a measurement of any hospital.
"""

from matching.population.generator import GENERATOR_VERSION, frame, generate, raw_records

__all__ = ["GENERATOR_VERSION", "frame", "generate", "raw_records"]
