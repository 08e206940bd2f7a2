"""DICOM, pure: bytes in, bytes out. Reads headers, coerces identities, empties social security numbers.

pydicom quotes values in its warnings ("Invalid value for VR PN: ..."), on its logger and by `warnings`.
No name may reach a log, so both are silenced here, for the whole process, before anything of a patient is
read.
"""

import logging
import warnings

import pydicom.config  # noqa: F401  # sets the level of its logger when it is first imported

logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")
