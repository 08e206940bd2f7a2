"""Property: a social security number in any text element, at any depth, in any writing, whole or cut, stays nowhere.

Numbers are fictitious: the order number 000 is given to nobody.
"""

from __future__ import annotations

import io
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from matching.nir import nir_key
from mpi.dicom.elements import EXPLICIT_LITTLE, encode
from mpi.dicom.objects import open_object
from mpi.dicom.part10 import read_meta
from mpi.dicom.splice import splice
from mpi.gateway.answers import Answer
from mpi.gateway.reading import Incoming
from tests.gateway.samples import tiny_object
from tests.gateway.stage import Stage, staged
