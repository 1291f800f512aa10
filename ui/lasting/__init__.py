"""What goes on behind a page: work that outlives a reload, and saving a moment later.

Knows sessions and the line before the model; not what is written.
"""

from ui.lasting.running import LastingRun, go_on
from ui.lasting.soon import Soon

__all__ = ["LastingRun", "Soon", "go_on"]
