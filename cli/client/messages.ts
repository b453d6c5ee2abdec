// A run's messages as they go over its socket, as text (pipeline.md 4.3). Plain string building: every point goes through here.

import { jsonFloat } from "../../formats/json.ts";
import { compact } from "../../formats/messages/index.ts";
import { mapOf, type ValueMap } from "../../formats/value.ts";
import type { Item } from "./outbox.ts";

/** `2025-06-01T10:00:00.123456+00:00`; `seconds` since the epoch. */
export function clientTime(seconds: number): string {
  const micros = Math.round(seconds * 1e6);
  const whole = Math.floor(micros / 1e6);
  const text = new Date(whole * 1_000).toISOString().slice(0, 19);
  return `${text}.${String(micros - whole * 1e6).padStart(6, "0")}+00:00`;
}

export interface PointFields {
  readonly name: string;
  readonly step: bigint;
  readonly epoch: bigint | null;
  /** JSON of the context, `null` for none. */
  readonly context: string;
  readonly time: string;
}

export class Messages {
  readonly #runId: string;
  readonly #quoted = new Map<string, string>();

  constructor(runId: string) {
    this.#runId = JSON.stringify(runId);
  }

  contextText(context: ValueMap): string {
    return compact(context);
  }

  createRun(time: string, forceResume: boolean): Item {
    return this.#item("create_run", `"client_datetime":"${time}","force_resume":${forceResume}`);
  }

  finishRun(time: string): Item {
    return this.#item("finish_run", `"client_datetime":"${time}"`);
  }

  metric(value: number, dtype: string, point: PointFields): Item {
    return this.#item(
      "log_metric",
      `"name":${this.#quote(point.name)},"value":${jsonFloat(value)},${pointText(point)},"dtype":"${dtype}","client_datetime":"${point.time}"`,
    );
  }

  object(value: ValueMap, dtype: string, point: PointFields): Item {
    return this.#item(
      "log_custom_object",
      `"name":${this.#quote(point.name)},"value":${compact(value)},${pointText(point)},"dtype":"${dtype}","client_datetime":"${point.time}"`,
    );
  }

  params(value: ValueMap): Item {
    return this.#item("log_hparams", `"value":${compact(value)}`);
  }

  properties(fields: {
    readonly name?: string | undefined;
    readonly description?: string | undefined;
    readonly archived?: boolean | undefined;
    readonly experiment?: string | undefined;
  }): Item {
    return this.#item("set_run_property", compact(mapOf(fields)).slice(1, -1));
  }

  tag(type: "add_tag" | "remove_tag", name: string): Item {
    return this.#item(type, `"tag_name":${this.#quote(name)}`);
  }

  terminalLine(line: string, step: number): Item {
    return this.#item("log_terminal_line", `"line":${compact(line)},"step":${step}`);
  }

  record(message: string, level: number, seconds: number, place: readonly [string, number], extra?: ValueMap): Item {
    const args = extra === undefined ? "" : `,"extra_args":${compact(extra)}`;
    return this.#item(
      "log_record",
      `"message":${compact(message)},"level":${level},"timestamp":${jsonFloat(seconds)},"logger_info":[${compact(place[0])},${place[1]}]${args}`,
    );
  }

  blobRef(key: string, path: string, contentType: string): Item {
    return this.#item(
      "blob_ref",
      `"s3_key":${compact(key)},"artifact_path":${compact(path)},"content_type":${compact(contentType)}`,
    );
  }

  #item(type: string, members: string): Item {
    return { type, text: `{"type":"${type}","run_id":${this.#runId},${members}}` };
  }

  /** Names come again and again. */
  #quote(name: string): string {
    let quoted = this.#quoted.get(name);
    if (quoted === undefined) {
      if (this.#quoted.size >= 10_000) this.#quoted.clear();
      quoted = JSON.stringify(name.toWellFormed());
      this.#quoted.set(name, quoted);
    }
    return quoted;
  }
}

function pointText({ step, epoch, context }: PointFields): string {
  return `"step":${step},"epoch":${epoch},"context":${context}`;
}
