"""What images are called here."""

from ..tools.parts import PARTS

HOME = "warren.test"  # can be no registry's name
PAUSE = f"{HOME}/pause:1"
COREDNS = f"{HOME}/coredns:{PARTS['coredns'].version}"
