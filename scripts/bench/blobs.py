# The peer of scripts/bench/blobs.ts: boto3, as the existing services use it. Reads a job's name a line, answers with seconds.
import io
import resource
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

endpoint, bucket, megabytes, count, size = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
client = boto3.client(
    "s3",
    endpoint_url=endpoint,
    aws_access_key_id="test-key",
    aws_secret_access_key="test-secret",
    region_name="us-east-1",
    config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, max_pool_connections=16),
)
large = bytes(range(256)) * (megabytes * 4096)
small = bytes(size)
pool = ThreadPoolExecutor(16)
keys = [f"peer/small/{index:04}" for index in range(count)]


def put_large():
    client.upload_fileobj(io.BytesIO(large), bucket, "peer/large")


def get_large():
    read = 0
    for chunk in client.get_object(Bucket=bucket, Key="peer/large")["Body"].iter_chunks(1 << 20):
        read += len(chunk)
    assert read == len(large)


def put_small():
    list(pool.map(lambda key: client.put_object(Bucket=bucket, Key=key, Body=small), keys))


def get_small():
    list(pool.map(lambda key: client.get_object(Bucket=bucket, Key=key)["Body"].read(), keys))


def delete_small():
    deleted = 0
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="peer/small/"):
        found = [{"Key": each["Key"]} for each in page.get("Contents", [])]
        client.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True})
        deleted += len(found)
    assert deleted == count


for line in sys.stdin:
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    globals()[line.strip()]()
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(seconds, cpu, flush=True)
