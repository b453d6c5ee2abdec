"""Reads the run that log_session.py made back with the real matyan-client and prints all of it as one JSON object.

Usage: python read_session.py API_URL RUN_HASH [delete]. With `delete` it deletes the run and prints whether it is gone.
"""

import hashlib
import json
import sys

import httpx
from matyan_client import Repo, Run


def plain(value):
    """What JSON can hold: bytes by their hash, tuples as lists, non-finite floats by name."""
    if isinstance(value, (bytes, bytearray)):
        return "sha256:" + hashlib.sha256(value).hexdigest()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return repr(value)
    return value


def stream(client, path, **params):
    response = client.get(path, params=params)
    response.raise_for_status()
    return hashlib.sha256(response.content).hexdigest()


def read_all(url, run_hash):
    repo = Repo(url)
    run = Run(run_hash, repo=url, read_only=True)
    client = httpx.Client(base_url=url, timeout=30)
    base = f"/api/v1/rest/runs/{run_hash}"
    info = client.get(f"{base}/info/").json()
    traces = info["traces"]
    wanted = [{"name": trace["name"], "context": trace["context"]} for trace in traces["metric"]]
    batch = client.post(f"{base}/metric/get-batch/", json=wanted, params={"record_density": 500}).json()
    artifacts = {
        each["path"]: hashlib.sha256(
            client.get(f"{base}/artifacts/download/", params={"path": each["path"]}).raise_for_status().content
        ).hexdigest()
        for each in info["artifacts"]
    }
    newest = {}
    if hasattr(run, "get_artifact"):
        import tempfile

        newest["one"] = hashlib.sha256(run.get_artifact("model.bin")).hexdigest()
        with tempfile.TemporaryDirectory() as folder:
            newest["all"] = sorted(str(path.relative_to(folder)) for path in run.download_artifacts(folder))
    log_records = {}
    if hasattr(repo._http, "get_run_log_records"):
        log_records["records"] = repo._http.get_run_log_records(run_hash)
        log_records["lines"] = repo._http.get_run_logs(run_hash)
    if hasattr(repo._http, "get_blob_batch"):
        for kind, found in (("images", repo.query_images()), ("audios", repo.query_audios())):
            steps = found[0]["traces"][0]["values"].values()
            uris = [item["blob_uri"] for step in steps for item in step.values()]
            blobs = repo._http.get_blob_batch(kind, uris)
            newest[kind] = [hashlib.sha256(blobs[uri]).hexdigest() for uri in uris]
    return {
        "exists": repo.run_exists(run_hash),
        "listed": run_hash in repo.list_all_runs(),
        "active": repo.list_active_runs(),
        "count": repo.total_runs_count(),
        "props": {key: value for key, value in info["props"].items() if not key.endswith("_time")},
        "lasted": round(info["props"]["end_time"] - info["props"]["creation_time"], 3),
        "tags": run.tags,
        "hparams": run["hparams"],
        "dotted": run["dataset.path"],
        "big": run["big"],
        "has_system_params": "executable" in info["params"]["__system_params"],
        "metrics": run.metrics(),
        "loss": run.get_metric("loss", {"subset": "train"}),
        "traces": traces,
        "batch": batch,
        "artifacts": artifacts,
        "newest": newest,
        "logs": log_records,
        "log_stream": stream(client, f"{base}/logs/"),
        "record_stream": stream(client, f"{base}/log-records/"),
        "query_metrics": repo.query_metrics('metric.name == "odd"'),
        "query_images": repo.query_images("images.context.subset == 'val'"),
        "query_audios": repo.query_audios(),
        "query_texts": repo.query_texts(),
        "query_distributions": repo.query_distributions(),
        "query_figures": repo.query_figure_objects(),
        "query_runs": len(list(repo.query_runs('run.hparams.lr == 0.001 and run.experiment == "baseline"'))),
        "query_none": len(list(repo.query_runs("run.hparams.lr > 1"))),
        "sequences": repo.collect_sequence_info(),
        "params": sorted(repo.collect_params_info()),
    }


if __name__ == "__main__":
    api, wanted_hash = sys.argv[1], sys.argv[2]
    if sys.argv[3:] == ["delete"]:
        repository = Repo(api)
        result = {"deleted": repository.delete_run(wanted_hash)}
        result["exists"] = repository.run_exists(wanted_hash)
        result["listed"] = repository.list_all_runs()
    else:
        result = read_all(api, wanted_hash)
    print(json.dumps(plain(result)))
