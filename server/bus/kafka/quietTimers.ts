// kafkajs 2.2.4 sets a timer for "minus now" whenever a response comes in and nothing waits to be sent; the runtime warns of it.
// With nothing pending and no throttling there is nothing to check, so no timer is due.
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";

const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;

RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
  if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
};
