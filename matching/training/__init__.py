"""Trains a model from records with truth. `python -m matching.training` writes the shipped one.

An estimate from the truth of a synthetic population, not EM: m is counted on pairs of records that are one
person's, u on pairs of two people. The household cap and the thresholds of policy `balanced` are chosen on a
second population, of the next seed; those of `service` are the fixed table of the decision's policies.
"""

from matching.training.estimates import ladders
from matching.training.people import People
from matching.training.shipped import train

__all__ = ["People", "ladders", "train"]
