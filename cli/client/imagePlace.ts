// Where the images of a run are: the store of this machine, or a server.
import type { Config } from "../../server/config.ts";
import { findRun } from "../../server/listing/findRun.ts";
import { type ImageSelection, listImages, type RunImage } from "../../server/runImages.ts";
import { openStack } from "../../server/stack.ts";
import { parseAddress } from "./address.ts";
import { findRemoteRun } from "./findRemoteRun.ts";
import { Http } from "./http.ts";
import { listRemoteImages } from "./remoteImages.ts";

export interface ImagePlace extends AsyncDisposable {
  /** The run's whole hash. */
  readonly hash: string;
  list(selection: ImageSelection): AsyncGenerator<RunImage, void>;
}

/** @param run its hash, or a beginning of it. @throws MatyanError `not_found` */
export async function openImagePlace(
  run: string,
  { url, config, signal }: { readonly url: string | undefined; readonly config: Config; readonly signal: AbortSignal },
): Promise<ImagePlace> {
  if (url !== undefined) {
    const http = new Http(parseAddress(url));
    const hash = await findRemoteRun(http, run, signal);
    return {
      hash,
      list: (selection) => listRemoteImages(http, hash, selection, signal),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
  await using undo = new AsyncDisposableStack();
  const stack = undo.use(await openStack(config, { missing: "fail", access: "read" }));
  const hash = await findRun(stack.store, run);
  const resources = undo.move();
  return {
    hash,
    list: (selection) => listImages(stack, hash, selection),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
