// The client library's network loop: one in a process, on a thread of its own, from the first database to the process's end.
import { ptr } from "bun:ffi";
import { MatyanError } from "../../../formats/error.ts";
import { Arena } from "./arena.ts";
import { storeError } from "./errors.ts";
import { Futures } from "./futures.ts";
import { type Libc, loadLibc } from "./libc.ts";
import { findLibrary, libraryHint } from "./library.ts";
import { type Address, addressOf, apiVersions, type Client, loadClient, textAt } from "./native.ts";

export interface NetworkOptions {
  /** Path of the library; undefined for the loader's path and the usual places. */
  readonly library: string | undefined;
  readonly apiVersion: number;
}

/** What every database of this process shares. */
export interface Network {
  readonly client: Client;
  readonly futures: Futures;
  readonly arena: Arena;
  /** Version of the library, such as 7.3.69. */
  readonly clientVersion: string;
}

interface Started {
  readonly network: Network;
  readonly options: NetworkOptions;
}

let started: Started | undefined;

/**
 * The process's network, started when it is not. The library takes one API version for the process's life.
 * @throws MatyanError `usage` when the library is missing or too old, or another API version or library was taken before.
 */
export function startNetwork(options: NetworkOptions): Network {
  if (started === undefined) started = { network: start(options), options };
  else if (started.options.apiVersion !== options.apiVersion || started.options.library !== options.library)
    throw new MatyanError(
      "usage",
      `this process uses FoundationDB's client library with API version ${started.options.apiVersion} already`,
      { hint: "One process uses one FDB_API_VERSION and one FDB_LIBRARY." },
    );
  return started.network;
}

function start({ library, apiVersion }: NetworkOptions): Network {
  if (apiVersion < apiVersions.oldest || apiVersion > apiVersions.newest)
    throw new MatyanError(
      "usage",
      `FDB_API_VERSION ${apiVersion} is not supported: ${apiVersions.oldest} to ${apiVersions.newest} are`,
    );
  const { client, path } = findLibrary(library, (path) => ({ client: loadClient(path), path }));
  const newest = client.fdb_get_max_api_version();
  if (newest < apiVersion)
    throw new MatyanError(
      "usage",
      `FoundationDB's client library ${path} is too old: its API version is ${newest}, ${apiVersion} is asked for`,
      { hint: `${libraryHint} FDB_API_VERSION=${newest} makes do with this one.` },
    );
  const libc = loadLibc();
  check(client, client.fdb_select_api_version_impl(apiVersion, apiVersion));
  // Not before: the library has no answer until it knows the API version.
  const clientVersion = textAt(client.fdb_get_client_version()).split(",")[0]!;
  check(client, client.fdb_setup_network());
  runNetwork(client, libc, path);
  return { client, futures: new Futures(client), arena: new Arena(libc), clientVersion };
}

/** @throws KvError when the cluster file cannot be used. */
export function createDatabase({ client, arena }: Network, clusterFile: string): Address {
  const code = client.fdb_create_database(ptr(cString(clusterFile)), arena.outPointer);
  if (code !== 0) throw storeError(client, code);
  return arena.pointer;
}

/** `fdb_run_network` returns when `fdb_stop_network` was called; both wait for nobody's event loop. */
function runNetwork(client: Client, libc: Libc, path: string): void {
  const handle = libc.dlopen(ptr(cString(path)), lazyBinding);
  const entry = handle === null ? null : libc.dlsym(addressOf(handle), ptr(cString("fdb_run_network")));
  if (entry === null) throw new MatyanError("usage", `${path} lacks fdb_run_network`, { hint: libraryHint });
  const thread = new BigUint64Array(1);
  const failed = libc.pthread_create(ptr(thread), null, entry, null);
  if (failed !== 0) throw new MatyanError("io", `no thread for FoundationDB's network loop (errno ${failed})`);
  process.on("exit", () => {
    // The library's threads must not outlive what they use. After this no callback can come.
    client.fdb_stop_network();
    libc.pthread_join(thread[0]!, null);
  });
}

/** RTLD_LAZY; the library is loaded already, so this only finds it. */
const lazyBinding = 1;

function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

function check(client: Client, code: number): void {
  if (code === networkTaken)
    throw new MatyanError("unsupported", "another thread of this process uses FoundationDB already", {
      hint: "Open the store in one thread of a process.",
    });
  if (code !== 0) throw storeError(client, code);
}

/** api_version_already_set and network_already_setup come when another JavaScript thread was first. */
const networkTaken = 2201;
