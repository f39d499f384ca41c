"""From a feed's batch to every slot that takes it: those in step at once, the others one by one."""

from __future__ import annotations

from collections.abc import Mapping

from .fanout import FanOut, Output
from .feed import Batch, Feed
from .forwarding import Slot


class Dispatcher:
    """Sends batches. `outputs` knows every slot that can be in a feed."""

    def __init__(self, fanout: FanOut, outputs: Mapping[Slot, Output]) -> None:
        self._fanout = fanout
        self._outputs = outputs

    def dispatch(self, feed: Feed, batch: Batch, now: float) -> None:
        """Queue or send a feed's new batch to its slots."""
        outputs, step = self._outputs, feed.lockstep
        step.receive(batch, now)
        # Who falls out of step while the batch is sent has had it.
        loose = list(feed.loose)
        if step.slots:
            if step.group is None:
                step.group = self._fanout.group([outputs[slot] for slot in step.slots])
            self._fanout.broadcast(step.group, batch)
        jobs = [(outputs[slot], packets) for slot in loose if (packets := slot.take(batch, now))]
        if jobs:
            self._fanout.forward(jobs)
