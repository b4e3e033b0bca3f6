"""Whatever happens between two commits, nothing is lost, order is kept, and ids stay: a machine tries combinations."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from backup_sentinel.errors import DeliveryReason
from backup_sentinel.relay.message import Message
from backup_sentinel.relay.outbox.identity import delivery_id
from backup_sentinel.relay.outbox.ledger import Claim, Ledger
from backup_sentinel.relay.outbox.retention import purge, tidy
from backup_sentinel.relay.outbox.schema import connect
from relay.kit import START, message, number_of

T = TypeVar("T")
GROUPS = ("a", "b")
CHANNELS = ("x", "y")
MOST = dict.fromkeys(CHANNELS, 1000)
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Thousands of commits need not wait for a disk here: processes that are killed and disks that fail are tested elsewhere."""


class Outboxes(RuleBasedStateMachine):
    """The real file beside a model of it: a list per channel and group.

    Every rule may run at any time, and does nothing where there is nothing to do: rules with preconditions are filtered
    out again and again while they are drawn.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.path = Path(self.folder.name) / "relay.db"
        self.connection = connect(self.path)
        self.ledger = Ledger(self.connection)
        self.now = START
        self.count = 0
        self.waiting: dict[tuple[str, str], list[Message]] = {
            (channel, group): [] for channel in CHANNELS for group in GROUPS
        }
        self.due: dict[str, float] = {}
        self.dead: dict[str, Message] = {}
        self.delivered: list[str] = []
        self.claims: list[Claim] = []

    def teardown(self) -> None:
        self.connection.close()
        self.folder.cleanup()

    def commit(self, change: Callable[[Ledger], T]) -> T:
        self.connection.execute("BEGIN IMMEDIATE")
        result = change(self.ledger)
        self.connection.execute("COMMIT")
        return result

    def lane(self, claim: Claim) -> list[Message]:
        return self.waiting[claim.channel, claim.message.group_key]

    def take(self, index: int) -> Claim:
        claim = self.claims.pop(index % len(self.claims))
        self.ledger.release(claim)
        return claim

    @rule(group=st.sampled_from(GROUPS), channels=st.sets(st.sampled_from(CHANNELS), min_size=1))
    def put(self, group: str, channels: set[str]) -> None:
        self.count += 1
        fresh = message(group, self.count, at=self.now)
        result = self.commit(lambda ledger: ledger.put(fresh, {name: MOST[name] for name in channels}, 300.0))
        assert not result.duplicate
        for channel in channels:
            self.waiting[channel, group].append(fresh)
            self.due[delivery_id(fresh.id, channel)] = self.now

    @rule(group=st.sampled_from(GROUPS))
    def put_and_crash(self, group: str) -> None:
        self.count += 1
        self.connection.execute("BEGIN IMMEDIATE")
        self.ledger.put(message(group, self.count, at=self.now), MOST, 300.0)
        self.crash()

    @rule(channel=st.sampled_from(CHANNELS), limit=st.integers(1, 3))
    def claim(self, channel: str, limit: int) -> None:
        claims, due = self.commit(lambda ledger: ledger.claim(channel, limit, self.now))
        held = {(claim.seq, claim.channel) for claim in self.claims}
        for claim in claims:
            assert (claim.seq, claim.channel) not in held, "claimed twice"
            assert claim.message == self.lane(claim)[0], "not the first of its lane"
            assert claim.id == delivery_id(claim.message.id, channel)
            assert self.due[claim.id] <= self.now
        self.claims += claims
        if len(claims) < limit:
            heads = [lane[0] for (name, _), lane in self.waiting.items() if name == channel and lane]
            mine = {claim.id for claim in self.claims}
            left = [identity for head in heads if (identity := delivery_id(head.id, channel)) not in mine]
            assert all(self.due[identity] > self.now for identity in left), "something due was not claimed"
            assert due == min((self.due[identity] for identity in left), default=None)

    @rule(index=st.integers(0, 10))
    def settle(self, index: int) -> None:
        if not self.claims:
            return
        claim = self.take(index)
        self.commit(lambda ledger: ledger.settle(claim, self.now))
        self.lane(claim).remove(claim.message)
        self.delivered.append(claim.id)

    @rule(index=st.integers(0, 10))
    def settle_and_crash(self, index: int) -> None:
        if not self.claims:
            return
        claim = self.take(index)
        self.connection.execute("BEGIN IMMEDIATE")
        self.ledger.settle(claim, self.now)
        self.crash()

    @rule(index=st.integers(0, 10), wait=st.floats(0, 100))
    def put_off(self, index: int, wait: float) -> None:
        if not self.claims:
            return
        claim = self.take(index)
        due = self.now + wait
        self.commit(lambda ledger: ledger.put_off(claim, due, DeliveryReason.TIMEOUT, "late"))
        self.due[claim.id] = due

    @rule(index=st.integers(0, 10))
    def bury(self, index: int) -> None:
        if not self.claims:
            return
        claim = self.take(index)
        self.commit(lambda ledger: ledger.bury(claim, self.now, DeliveryReason.REJECTED, "no"))
        self.lane(claim).remove(claim.message)
        self.dead[claim.id] = claim.message

    @rule(index=st.integers(0, 10))
    def replay(self, index: int) -> None:
        if not self.dead:
            return
        identity = sorted(self.dead)[index % len(self.dead)]
        fallen = self.dead.pop(identity)
        assert self.commit(lambda ledger: ledger.replay(identity, self.now))
        assert not self.commit(lambda ledger: ledger.replay(identity, self.now)), "replayed twice"
        channel = next(name for name in CHANNELS if delivery_id(fallen.id, name) == identity)
        lane = self.waiting[channel, fallen.group_key]
        lane.append(fallen)
        lane.sort(key=number_of)
        self.due[identity] = self.now

    @rule(index=st.integers(0, 10))
    def purge(self, index: int) -> None:
        if not self.dead:
            return
        identity = sorted(self.dead)[index % len(self.dead)]
        del self.dead[identity]
        assert self.commit(lambda ledger: purge(ledger.sql, identity))

    @rule(seconds=st.floats(0, 50))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def tidy(self) -> None:
        self.commit(lambda ledger: tidy(ledger.sql, self.now + 1, 0.0, self.now - 300, 100))

    @rule()
    def crash(self) -> None:
        """End without a word: what is not committed is gone, and so is what was claimed."""
        self.connection.close()
        self.connection = connect(self.path)
        self.ledger = Ledger(self.connection)
        self.claims.clear()
        self.commit(lambda ledger: ledger.start(MOST, self.now, 3600.0))

    @invariant()
    def nothing_is_lost(self) -> None:
        waiting = {
            (channel, sum(len(lane) for (name, _), lane in self.waiting.items() if name == channel))
            for channel in CHANNELS
        }
        assert {(channel, self.ledger.waiting.get(channel, 0)) for channel in CHANNELS} == waiting
        assert {letter.id: letter.message for letter in self.ledger.letters()} == self.dead
        [broken] = self.connection.execute(
            """SELECT count(*) FROM delivery d WHERE state = 0 AND head != (seq = (
            SELECT min(seq) FROM delivery e WHERE e.channel = d.channel AND e.lane = d.lane AND e.state = 0))"""
        ).fetchone()
        assert not broken, "each lane has one head, its first"


Outboxes.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestOutboxes = Outboxes.TestCase
