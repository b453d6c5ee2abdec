"""The official Python binding on the same cluster, for foundationdb.ts: prints the seconds of each piece of work as JSON lines.

Usage: python foundationdb.peer.py CLUSTER_FILE WORK COUNT; keys are those of foundationdb.ts.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import fdb

fdb.api_version(730)
db = fdb.open(sys.argv[1])
work, count = sys.argv[2], int(sys.argv[3])
PREFIX = b"\x02matyan-bench\x00"
VALUE = b"\xcb" * 9


def key(index):
    return PREFIX + b"%040d" % index


@fdb.transactional
def put(tr, begin):
    for index in range(begin, begin + 1000):
        tr[key(index)] = VALUE


def get(index):
    return db[key(index)]


begun = time.perf_counter()
cpu = time.process_time()
if work == "puts":
    for begin in range(0, count, 1000):
        put(db, begin)
elif work == "puts4":
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda begin: put(db, begin), range(0, count, 1000)))
elif work == "scan":
    rows = sum(1 for _ in db.get_range(PREFIX, PREFIX + b"\xff", streaming_mode=fdb.StreamingMode.want_all))
    assert rows == count, rows
elif work == "gets":
    with ThreadPoolExecutor(32) as pool:
        assert all(value is not None for value in pool.map(get, range(count)))
elif work == "single":
    for index in range(count):
        db[key(index)] = VALUE
print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}))
