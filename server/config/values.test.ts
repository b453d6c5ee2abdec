// Where settings come from, which forms of values are taken, and that no secret is ever shown.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Configuration } from "./configuration.ts";
import { ConfigError } from "./problems.ts";
import { Settings, show } from "./values.ts";
import { type Name, names, variableOf, variables } from "./variables.ts";

const read = (environment: Record<string, string>) => new Settings({ environment });
const valueFrom = (name: Name, text: string) => {
  const setting = read({ [name]: text }).all.get(name)!;
  return setting.problem === undefined ? setting.value : "wrong";
};

describe("sources", () => {
  test("an option comes before the environment, that before .env, that before the default", () => {
    const sources = (...set: readonly boolean[]) => {
      const place = (index: number, value: string) => (set[index] ? { METRICS_PORT: value } : {});
      const settings = new Settings({ options: place(0, "1"), environment: place(1, "2"), dotenv: place(2, "3") });
      const { value, source } = settings.all.get("METRICS_PORT")!;
      return [value, source];
    };
    expect(sources(true, true, true)).toEqual([1, "option"]);
    expect(sources(false, true, true)).toEqual([2, "environment"]);
    expect(sources(false, false, true)).toEqual([3, ".env"]);
    expect(sources(false, false, false)).toEqual([9_090, "default"]);
  });

  test("what Bun copied from .env into the environment is said to be from .env", () => {
    const same = { METRICS_PORT: "7" };
    expect(new Settings({ environment: same, dotenv: same }).all.get("METRICS_PORT")!.source).toBe(".env");
  });

  test("names count in any case, the exact one first, and the name is told by which a variable was set", () => {
    expect(read({ metrics_port: "5" }).all.get("METRICS_PORT")).toMatchObject({ value: 5, setAs: "metrics_port" });
    expect(read({ metrics_port: "5", METRICS_PORT: "6" }).all.get("METRICS_PORT")).toMatchObject({
      value: 6,
      setAs: undefined,
    });
  });

  test("ENVIRONMENT stands in for MATYAN_ENVIRONMENT, which comes before it from wherever", () => {
    expect(read({ ENVIRONMENT: "staging" }).values.MATYAN_ENVIRONMENT).toBe("staging");
    const both = new Settings({ environment: { ENVIRONMENT: "a" }, dotenv: { MATYAN_ENVIRONMENT: "b" } });
    expect(both.values.MATYAN_ENVIRONMENT).toBe("b");
  });

  test("without settings everything has its default, and an empty value counts as none", () => {
    const unset = read({});
    for (const name of names) expect(unset.all.get(name)!.value).toEqual(variableOf(name).default as never);
    const blank = read(Object.fromEntries(names.map((name) => [name, " "])));
    expect(blank.values).toEqual(unset.values);
    expect([...blank.all.values()].every(({ isBlank, problem }) => isBlank && problem === undefined)).toBe(true);
  });

  test("every default is a value that its own kind takes", () => {
    for (const name of names) {
      const { kind, default: fallback } = variableOf(name);
      if (fallback !== undefined) expect(kind.parse(kind.format(fallback))).toEqual(fallback as never);
    }
  });
});

describe("values", () => {
  test("integers: blanks, underscores and a fraction of zeros, as pydantic takes them", () => {
    const taken = { " 12 ": 12, "1_000": 1_000, "9.0": 9, "+7": 7, "-1": -1, "0": 0, "5.": 5 };
    for (const [text, value] of Object.entries(taken))
      expect([text, valueFrom("METRICS_PORT", text)]).toEqual([text, value]);
    for (const text of ["abc", "1.5", "1__0", "_1", "1e3", "0x10", "70000", "Infinity", "1 2"])
      expect([text, valueFrom("METRICS_PORT", text)]).toEqual([text, "wrong"]);
  });

  test("any whole number in its range is read back from each of its spellings", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (value) => {
        const grouped = value.toLocaleString("en-US").replaceAll(",", "_");
        for (const text of [`${value}`, ` ${value}\t`, `${value}.00`, grouped])
          expect(valueFrom("INGEST_BATCH_SIZE", text)).toBe(value);
      }),
    );
  });

  test("numbers, booleans and words", () => {
    expect(["0.5", "1e-2", ".25", "3", "2_0.5"].map((text) => valueFrom("FDB_RETRY_MAX_DELAY_SEC", text))).toEqual([
      0.5, 0.01, 0.25, 3, 20.5,
    ]);
    for (const text of ["nan", "inf", "-1", "1,5", ""])
      expect([text, valueFrom("FDB_RETRY_MAX_DELAY_SEC", text)]).toEqual([text, text === "" ? 2 : "wrong"]);
    const sizes = ["1048576", "500MB", "2 GiB", "1.5kB", "1tb", "2GX", "-1MB", "0", "GB"];
    expect(sizes.map((text) => valueFrom("MATYAN_MAX_UPLOAD_BYTES", text))).toEqual([
      ...[1_048_576, 500_000_000, 2_147_483_648, 1_500, 1_000_000_000_000],
      ...["wrong", "wrong", "wrong", "wrong"],
    ]);
    for (const text of ["true", "1", "YES", "on", "T", "y"]) expect(valueFrom("METRICS_ENABLED", text)).toBe(true);
    for (const text of ["False", "0", "no", "OFF", "f", "N"]) expect(valueFrom("METRICS_ENABLED", text)).toBe(false);
    expect(valueFrom("METRICS_ENABLED", "maybe")).toBe("wrong");
    expect(valueFrom("BLOB_BACKEND_TYPE", "S3")).toBe("s3");
    expect(valueFrom("KAFKA_SECURITY_PROTOCOL", "sasl_ssl")).toBe("SASL_SSL");
    expect(valueFrom("KAFKA_SASL_MECHANISM", "GSSAPI")).toBe("wrong");
  });

  test("brokers are host:port with commas between", () => {
    expect(valueFrom("KAFKA_BOOTSTRAP_SERVERS", "a:1, b.c:65535,[::1]:9092")).toEqual([
      "a:1",
      "b.c:65535",
      "[::1]:9092",
    ]);
    for (const text of ["a", "a:", "a:0", "a:65536", "a:1,,b:2", "http://a:1", "a b:1", ","])
      expect([text, valueFrom("KAFKA_BOOTSTRAP_SERVERS", text)]).toEqual([text, "wrong"]);
  });

  test("addresses have a scheme and a host; names of topics are Kafka's", () => {
    expect(valueFrom("S3_ENDPOINT", " https://s3.example.org/base/ ")).toBe("https://s3.example.org/base");
    for (const text of [
      "s3.example.org",
      "ftp://a",
      "http://",
      "http:///x",
      "http://a b",
      "http://u:p@a",
      "http://a/?sig=1",
      "http://a#b",
    ])
      expect([text, valueFrom("S3_ENDPOINT", text)]).toEqual([text, "wrong"]);
    expect(valueFrom("STORAGE_EMULATOR_HOST", "localhost:4443")).toBe("http://localhost:4443");
    expect(valueFrom("KAFKA_DATA_INGESTION_TOPIC", "a b")).toBe("wrong");
  });
});

describe("what is wrong", () => {
  test("is told all at once, one line for each variable, with the way out", () => {
    const configuration = new Configuration({
      environment: { MATYAN_DURABILITY: "half", MATYAN_PORT: "x", CORS_ORIGINS: "[1]", LOG_LEVEL: "loud" },
    });
    const fault = configuration.fault(["api"])!;
    expect(fault).toBeInstanceOf(ConfigError);
    expect(fault.code).toBe("usage");
    expect(fault.problems.map(({ name }) => name)).toEqual([
      "MATYAN_DURABILITY",
      "LOG_LEVEL",
      "MATYAN_PORT",
      "CORS_ORIGINS",
    ]);
    expect(fault.message.split("\n").slice(0, 2)).toEqual([
      "4 settings are wrong",
      "  MATYAN_DURABILITY is 'half': set it to full or normal.",
    ]);
  });

  test("counts only where it is read: for another role, or another engine, it does not matter", () => {
    const wrong = { METRICS_PORT: "x", S3_ENDPOINT: "nowhere", KAFKA_SASL_MECHANISM: "none" };
    const problems = (environment: Record<string, string>, ...roles: Parameters<Configuration["problems"]>[0]) =>
      new Configuration({ environment: { ...environment, ...wrong } }).problems(roles).map(({ name }) => name);
    expect(problems({}, "api", "frontier", "jobs")).toEqual([]);
    expect(problems({}, "ingest-worker")).toEqual(["METRICS_PORT"]);
    const cluster = { FDB_CLUSTER_FILE: "f" };
    expect(problems(cluster, "jobs")).toEqual(["S3_ENDPOINT"]);
    expect(problems(cluster, "frontier")).toEqual(["KAFKA_SASL_MECHANISM", "S3_ENDPOINT"]);
    expect(problems({ ...cluster, BLOB_BACKEND_TYPE: "gcs" }, "jobs")).toEqual([]);
  });
});

describe("secrets", () => {
  const secret = "hunter2-Zq9";

  test("of any variable that is one are never shown, right or wrong", () => {
    for (const name of names.filter((one) => variableOf(one).secret)) {
      const setting = read({ [name]: secret }).all.get(name)!;
      const shown = show(name, setting.value) + JSON.stringify(setting.problem ?? "");
      expect([name, shown.includes(secret)]).toEqual([name, false]);
    }
    expect(names.filter((one) => variableOf(one).secret)).toEqual([
      "BLOB_URI_SECRET",
      "KAFKA_SASL_PASSWORD",
      "KAFKA_SSL_PASSWORD",
      "S3_SECRET_KEY",
      "AZURE_CONN_STR",
    ]);
  });

  test("inside values of other variables are masked, also where the value is wrong", () => {
    const hiding: Partial<Record<Name, readonly string[]>> = {
      S3_ENDPOINT: [`http://me:${secret}@s3:9000`, `//me:${secret}@s3`],
      AZURE_ACCOUNT_URL: [`https://a.blob.core.windows.net/?sv=1&sig=${secret}`, `sig=${secret}&x=1`],
      KAFKA_BOOTSTRAP_SERVERS: [`me:${secret}@kafka:9092`, `a:1,me:${secret}@b:2`],
      S3_BUCKET: [`AccountName=a;AccountKey=${secret}==;x y`],
      CORS_ORIGINS: [`https://me:${secret}@ui.example.org`, `["http://me:${secret}@x", 1]`],
      MATYAN_UPLOAD_ORIGIN: [`https://me:${secret}@x/y`],
    };
    for (const [name, texts] of Object.entries(hiding) as [Name, readonly string[]][])
      for (const text of texts) {
        const { value, problem } = read({ [name]: text }).all.get(name)!;
        expect([text, (show(name, value) + JSON.stringify(problem ?? "")).includes(secret)]).toEqual([text, false]);
      }
  });
});

test("the table has a description, a reader and a sound default for every variable", () => {
  for (const [name, { about, roles, group }] of Object.entries(variables)) {
    expect([name, about.length > 5]).toEqual([name, true]);
    expect([name, roles.length > 0]).toEqual([name, group !== "ignored"]);
  }
});
