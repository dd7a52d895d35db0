"""Run Swift: an account, a container, an object and a proxy server, each in a process.

A separate program without our modules, because eventlet patches every module.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

from swift.common import utils, wsgi
from swift.common.ring import RingBuilder

_PR_SET_PDEATHSIG = 1
_KEEPERS = ("account", "container", "object")


def _serve(path: Path, name: str, parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return  # it has ended already
    utils.monkey_patch()
    conf, logger, _ = wsgi._initrp(str(path), name, verbose=True)
    wsgi.run_server(conf, logger, wsgi.get_socket(conf))


def _make_ring(folder: Path, kind: str, port: int) -> None:
    """Write the rings: one device, behind one port."""
    builder = RingBuilder(1, 1, 0)
    where = {"ip": "127.0.0.1", "port": port, "device": "one", "region": 1, "zone": 1}
    builder.add_dev({"id": 0, "weight": 1, **where})
    builder.rebalance()
    builder.get_ring().save(str(folder / f"{kind}.ring.gz"))


def _main(folder: Path, ports: list[int]) -> None:
    here = os.getpid()
    for kind, port in zip(_KEEPERS, ports, strict=False):
        _make_ring(folder, kind, port)
    for kind in (*_KEEPERS, "proxy"):
        if os.fork() == 0:
            name = "proxy-server" if kind == "proxy" else "keeper"
            _serve(folder / f"{kind}.conf", name, here)
            os._exit(1)
    os.wait()  # none of them ends, unless it could not start
    os._exit(1)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), [int(port) for port in sys.argv[2:]])
