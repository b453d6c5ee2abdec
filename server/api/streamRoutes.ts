// The routes whose answers are streams.
import { activeRoutes } from "./active.ts";
import { alignRoutes } from "./align.ts";
import { blobBatchRoutes } from "./blobBatch.ts";
import { BlobUris } from "./blobUri.ts";
import { customBatchRoutes } from "./customBatch.ts";
import { logRoutes } from "./logs.ts";
import type { ApiContext, Route } from "./route.ts";
import { searchCustomRoutes } from "./searchCustom.ts";
import { searchMetricRoutes } from "./searchMetric.ts";
import { searchRunRoutes } from "./searchRun.ts";

/** @throws MatyanError `usage` for a secret of blob URIs that is none. */
export function streamRoutes(context: ApiContext): readonly Route[] {
  const uris = new BlobUris(context.config.blobUriSecret);
  return [
    ...searchRunRoutes(context),
    ...searchMetricRoutes(context),
    ...searchCustomRoutes(context, uris),
    ...activeRoutes(context),
    ...alignRoutes(context),
    ...logRoutes(context),
    ...customBatchRoutes(context, uris),
    ...blobBatchRoutes(context, uris),
  ];
}
