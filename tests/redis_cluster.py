"""A throw-away Redis cluster for one run: three primaries on loopback, one replica where asked for.

Real servers with every write synced, as they are to be run. Slots are dealt out by hand, for the
cluster must be up in a second or two.
"""

from __future__ import annotations

import itertools
import socket
import subprocess
from pathlib import Path

import redis
from redis.crc import key_slot

from server.embedded import find_server_binary
from server.lifeline import die_with_parent
from tests.waiting import until

SLOTS = 16_384
PRIMARIES = 3
BUS_PORT_OFFSET = 10_000
NODE_TIMEOUT_MS = 1_500  # after this a node counts as away, and its replica takes over
PORTS_FROM, PORTS_TO = 20_100, 29_000  # below the ports that the kernel gives out, bus ports too


class Node:
    """One server of the cluster; it can be killed and started again on its data."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)

    def start(self) -> None:
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "cluster-enabled": "yes",
            "cluster-config-file": "nodes.conf",
            "cluster-node-timeout": NODE_TIMEOUT_MS,
            "cluster-require-full-coverage": "no",
            "cluster-replica-validity-factor": 0,
            "repl-diskless-sync-delay": 0,
            "dir": self.folder,
            "logfile": self.folder / "redis.log",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
        }
        arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        self.process = subprocess.Popen(
            [find_server_binary(), *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent(9),
        )

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=5)

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        """As the kernel would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def revive(self) -> None:
        self.start()
        until(self.answers)


class RedisCluster:
    """`primaries[n]` owns the n-th third of the slots; `replica` copies the first of them."""

    def __init__(self, folder: Path, *, replicas: int = 0) -> None:
        count = PRIMARIES + replicas
        ports = _free_ports(count)
        self.nodes = [Node(folder / f"node{port}", port) for port in ports]
        self.primaries = self.nodes[:PRIMARIES]
        self.replica = self.nodes[PRIMARIES] if replicas else None

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.primaries)

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            until(node.answers)
        share = -(-SLOTS // PRIMARIES)
        for number, node in enumerate(self.primaries):
            last = min(SLOTS, (number + 1) * share) - 1
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * share, last)
        for number, node in enumerate(self.nodes):
            node.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            node.client.execute_command("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        self.settle()
        if self.replica is not None:
            first = str(self.primaries[0].client.execute_command("CLUSTER", "MYID"), "ascii")
            self.replica.client.execute_command("CLUSTER", "REPLICATE", first)
            until(self._follows)

    def settle(self) -> None:
        """Wait until every node sees every other and an owner of every slot."""
        until(lambda: all(self._knows_all(node) for node in self.nodes))

    def _knows_all(self, node: Node) -> bool:
        told = node.client.execute_command("CLUSTER INFO")
        return (
            told["cluster_state"] == "ok"
            and int(told["cluster_known_nodes"]) == len(self.nodes)
            and int(told["cluster_slots_ok"]) == SLOTS
            and b"fail" not in node.client.execute_command("CLUSTER", "NODES")
        )

    def _follows(self) -> bool:
        assert self.replica is not None
        return self.replica.client.info("replication").get("master_link_status") == "up"

    def replica_has_all(self) -> bool:
        """Whether the replica has every byte its primary has written."""
        assert self.replica is not None
        primary, replica = self.primaries[0].client, self.replica.client
        written = primary.info("replication")["master_repl_offset"]
        return bool(replica.info("replication")["slave_repl_offset"] >= written)

    def give_back(self) -> None:
        """The killed first primary comes back as a copy, and is then handed its slots again."""
        first, other = self.primaries[0], self.replica
        assert other is not None
        first.revive()
        until(lambda: first.client.info("replication").get("master_link_status") == "up")
        first.client.execute_command("CLUSTER", "FAILOVER")
        until(lambda: first.client.role()[0] == b"master")
        until(self._follows)
        self.settle()

    def stop(self) -> None:
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                node.kill()

    def empty(self) -> None:
        """Of data and scripts."""
        for node in self.primaries:
            node.client.flushall()
            node.client.script_flush()

    def place_of(self, tag: str) -> int:
        """The number of the primary that was dealt a hash tag."""
        return key_slot(tag.encode()) * PRIMARIES // SLOTS

    def named(self, prefix: str, place: int) -> str:
        """A name with this beginning that lives on the given primary."""
        names = (f"{prefix}{number}" for number in itertools.count(1))
        return next(name for name in names if self.place_of(name) == place)


def _free_ports(count: int) -> list[int]:
    """Ports whose bus ports are free as well."""
    found: list[int] = []
    for port in range(PORTS_FROM, PORTS_TO):
        if _is_free(port) and _is_free(port + BUS_PORT_OFFSET):
            found.append(port)
            if len(found) == count:
                return found
    raise AssertionError("no free ports for a cluster")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
