// Test support: three runs as ingestion messages, with what the recorded ones lack: epochs, system metrics, every log
// level, a sound that plays, values that are no numbers, system parameters and artifacts.

/** Finished, with everything. */
export const forest = "f0e57000000000000000000000000001";
/** Still running. */
export const river = "51fe5000000000000000000000000002";
/** Finished, to be changed and deleted. */
export const leaf = "1eaf0000000000000000000000000003";

/** Seconds since the epoch: 2026-11-02T09:00:00Z, a Monday. */
export const began = 1_793_610_000;

interface Message {
  readonly type: string;
  readonly run_id: string;
  readonly timestamp: string;
  readonly payload: object;
}

interface RunData {
  readonly messages: readonly Message[];
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

const at = (seconds: number) => new Date((began + seconds) * 1000).toISOString();

/** JSON lines as on the ingestion topic. Python writes values that are no numbers as words. */
export function messageLines(messages: readonly Message[]): string {
  return messages.map((each) => JSON.stringify(each).replaceAll(/"~(NaN|-?Infinity)"/g, "$1")).join("\n");
}

export function browserRuns(): RunData {
  const blobs = new Map<string, Uint8Array>();
  const messages = [...forestMessages(blobs), ...riverMessages(), ...leafMessages()];
  return { messages, blobs };
}

export function point(name: string, step: number, value: number | string, context: object = {}): object {
  const labels = { epoch: Math.floor(step / 10), context, dtype: "float" };
  return { name, value, step, ...labels, client_datetime: at(step).replace("Z", "+00:00") };
}

function forestMessages(blobs: Map<string, Uint8Array>): Message[] {
  const messages: Message[] = [];
  const send = (type: string, seconds: number, payload: object) =>
    messages.push({ type, run_id: forest, timestamp: at(seconds), payload });
  const logObject = (name: string, step: number, value: { readonly type: string }, context: object) =>
    send("log_custom_object", 10, { name, value, step, epoch: 0, context, dtype: value.type });
  const putBlob = (path: string, bytes: Uint8Array, content_type: string) => {
    const s3_key = `${forest}/${path}`;
    blobs.set(s3_key, bytes);
    send("blob_ref", 9, { s3_key, artifact_path: path, content_type });
    return s3_key;
  };
  send("create_run", 0, { client_datetime: at(0).replace("Z", "+00:00"), force_resume: false });
  send("set_run_property", 0, { name: "forest", experiment: "woods", description: "green and still" });
  send("add_tag", 0, { tag_name: "oak" });
  const system = {
    arguments: ["train.py", "--trees", "7"],
    env_variables: { WOODS_HOME: "/woods" },
    packages: { "numpy-of-the-woods": "2.1.0" },
    git_info: {
      branch: "clearing",
      remote_origin_url: "https://example.org/woods.git",
      commit: { hash: "c0ffee11", timestamp: at(0), author: "A. Woodcutter" },
    },
  };
  send("log_hparams", 0, { value: { hparams: { lr: 0.25, trees: 7, kind: "mixed" }, __system_params: system } });
  for (let step = 0; step < 60; step++) {
    send("log_metric", step, point("height", step, 10 + step, { subset: "train" }));
    send("log_metric", step, point("height", step, 5 + step / 2, { subset: "val" }));
    send("log_metric", step, point("distance", step, step * 100, { subset: "train" }));
    send("log_metric", step, point("distance", step, step * 50, { subset: "val" }));
    send("log_metric", step, point("odd", step, ["~NaN", "~Infinity", "~-Infinity", 1.5][step % 4]!));
    send("log_metric", step, point("__system__cpu", step, 40 + (step % 5)));
    send("log_metric", step, point("__system__gpu_memory_percent", step, 90 - step, { gpu: 0 }));
  }
  for (let step = 0; step < 3; step++) {
    const s3_key = putBlob(`seq/song/${step}.wav`, tone(440 * (step + 1), 1), "audio/wav");
    logObject("song", step, { type: "audio", format: "wav", caption: `bird ${step}`, rate: 8000, s3_key } as never, {});
    logObject("tale", step, { type: "text", data: `tree number ${step}` } as never, { teller: "owl" });
  }
  putBlob("notes/rings.csv", Buffer.from("year,width\n2025,3.5\n"), "text/csv");
  putBlob("map.txt", Buffer.from("north is up\n"), "text/plain");
  for (let line = 0; line < 30; line++)
    send("log_terminal_line", line, { line: `chop ${line} \u001b[31mred\u001b[0m <b>`, step: line });
  for (const [index, level] of [10, 20, 30, 40, 50].entries()) {
    const extra_args = index === 0 ? { "": 1, axe: "sharp" } : null;
    send("log_record", index, { message: `record of level ${level}`, level, timestamp: began + index, extra_args });
  }
  send("finish_run", 60, {});
  return messages;
}

function riverMessages(): Message[] {
  const make = (type: string, payload: object, seconds = 120) =>
    ({ type, run_id: river, timestamp: at(seconds), payload }) as const;
  return [
    make("create_run", { client_datetime: at(120).replace("Z", "+00:00"), force_resume: false }),
    make("set_run_property", { name: "river", experiment: "woods" }),
    make("log_hparams", { value: { hparams: { lr: 0.5, trees: 9, kind: "alder" } } }),
    ...Array.from({ length: 20 }, (_, step) =>
      make("log_metric", point("height", step, 30 - step, { subset: "train" })),
    ),
    make("log_terminal_line", { line: "first drop", step: 0 }),
  ];
}

function leafMessages(): Message[] {
  const make = (type: string, payload: object, seconds = 240) =>
    ({ type, run_id: leaf, timestamp: at(seconds), payload }) as const;
  return [
    make("create_run", { client_datetime: at(240).replace("Z", "+00:00"), force_resume: false }),
    make("set_run_property", { name: "leaf", experiment: "woods" }),
    make("log_hparams", { value: { hparams: { lr: 0.75, trees: 1, kind: "birch" } } }),
    make("log_metric", point("height", 0, 1, { subset: "train" })),
    make("finish_run", {}, 250),
  ];
}

/** A WAV file: one channel, 16 bits, 8,000 values a second. */
function tone(hertz: number, seconds: number): Uint8Array {
  const rate = 8000;
  const values = Int16Array.from({ length: rate * seconds }, (_, index) =>
    Math.round(9000 * Math.sin((2 * Math.PI * hertz * index) / rate)),
  );
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + values.byteLength, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(values.byteLength, 40);
  return new Uint8Array([...head, ...new Uint8Array(values.buffer)]);
}
